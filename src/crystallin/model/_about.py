"""What a model says of itself: its programs, and hashes by which results are told."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

if TYPE_CHECKING:
    from crystallin.programs import Prior

    from ._module import ProgramModule


class AboutMixin:
    """Programs of the model, and hashes of programs and weights."""

    module: ProgramModule
    _prior: Prior

    @property
    def program_names(self) -> np.ndarray:
        """Names of the programs, decoys included, in the order of the first latent dimensions."""
        return self._prior.programs.copy()

    @property
    def is_decoy(self) -> np.ndarray:
        """Which of :attr:`program_names` are decoys."""
        return self._prior.is_decoy.copy()

    @property
    def prior(self) -> sparse.csr_matrix:
        """Genes x programs, 0 = not a member, sign = known direction."""
        return self._prior.matrix

    @property
    def prior_digest(self) -> str:
        """Short hash of the prior, to tell whether results and model belong together."""
        return self._prior.digest

    @property
    def programs_table(self) -> pd.DataFrame | None:
        """What is known of each program besides its genes, one row each: size, coverage, category, parent, reference.

        As :func:`crystallin.pp.add_programs` wrote it for the data that the model was trained on; ``None`` for models
        saved before tables travelled with them.
        """
        if self._prior.table is None:
            return None
        known = {"name": self._prior.programs, **self._prior.table}
        table = pd.DataFrame({name: np.asarray(values) for name, values in known.items()})
        text = [name for name, column in table.items() if not pd.api.types.is_numeric_dtype(column)]
        return table.astype(dict.fromkeys(text, object)).assign(kept=True, reason="", decoy=self._prior.is_decoy)

    @property
    def digest(self) -> str:
        """Short hash of the model's weights, to tell whether it was trained further since results were written."""
        digest = hashlib.sha256()
        for name, value in self.module.state_dict().items():
            digest.update(name.encode())
            digest.update(value.cpu().numpy().tobytes())
        return digest.hexdigest()[:16]
