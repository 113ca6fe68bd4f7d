"""Programs of a model, and hashes by which results can be matched with it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from ._free import genes_of_free, name_free

if TYPE_CHECKING:
    from crystallin.programs import Prior

    from ._module import ProgramModule


class AboutMixin:
    """Programs of the model, and hashes of programs and weights."""

    module: ProgramModule
    _prior: Prior
    # what the model of a query keeps of its reference (totals, measured, free_names, shift); None for other models.
    # scvi-tools saves attributes whose names end with an underscore.
    mapped_: dict[str, Any] | None = None

    @property
    def genes(self) -> np.ndarray:
        """Names of the genes, in the model's order."""
        return self._prior.genes.copy()

    @property
    def measured_weight(self) -> np.ndarray | None:
        """Share of each program's weight on genes that were measured, in the model of a query that lacks some.

        The weight is that of squared loadings, times the information of a count of the gene. ``None`` for models that
        :func:`crystallin.map` did not return.
        """
        return None if self.mapped_ is None else self.mapped_["measured"].copy()

    @property
    def program_names(self) -> np.ndarray:
        """Names of the programs, including decoys, in the order of the first latent dimensions."""
        return self._prior.programs.copy()

    @property
    def is_decoy(self) -> np.ndarray:
        """Boolean array: which of :attr:`program_names` are decoys."""
        return self._prior.is_decoy.copy()

    @property
    def free_names(self) -> np.ndarray:
        """Names of the free programs, a number and the most typical genes, such as ``"free 1 (GNLY, NKG7, -LTB)"``.

        A minus marks genes that fall when the activity rises. Free programs are the latent dimensions after
        :attr:`program_names`; there are none unless the model was built with ``n_unannotated``.
        """
        if self.mapped_ is not None:
            return self.mapped_["free_names"].copy()
        return name_free(self.module, self._prior.genes)

    def get_free_genes(self) -> dict[str, pd.Series]:
        """Return the genes of each free program, the most typical first.

        Typical are genes with large loadings that cells show often enough to tell.

        Returns
        -------
        Dictionary of name (see :attr:`free_names`) to a Series of loadings, indexed by gene.

        Examples
        --------
        >>> for name, loadings in model.get_free_genes().items():  # doctest: +SKIP
        ...     loadings.head(10)
        """
        return dict(zip(self.free_names, genes_of_free(self.module, self._prior.genes), strict=True))

    @property
    def prior(self) -> sparse.csr_matrix:
        """Prior, genes x programs: 0 for genes that are not members, and the direction as the sign for members."""
        return self._prior.matrix

    @property
    def added_members(self) -> sparse.csr_matrix:
        """Genes x programs: 1 for members that :func:`crystallin.complete` added to the gene sets."""
        return self._prior.added_matrix

    @property
    def prior_digest(self) -> str:
        """Short hash of the prior, to check whether results belong to the model's programs."""
        return self._prior.digest

    @property
    def programs_table(self) -> pd.DataFrame | None:
        """Table with one row per program: size, coverage and, for the built-in collection, category and reference.

        This is the table of :func:`crystallin.pp.add_programs` for the data on which the model was trained; ``None``
        for models that were saved by versions without it.
        """
        if self._prior.table is None:
            return None
        known = {"name": self._prior.programs, **self._prior.table}
        table = pd.DataFrame({name: np.asarray(values) for name, values in known.items()})
        text = [name for name, column in table.items() if not pd.api.types.is_numeric_dtype(column)]
        return table.astype(dict.fromkeys(text, object)).assign(kept=True, reason="", decoy=self._prior.is_decoy)

    @property
    def refits(self) -> tuple[()]:
        """Further fits, which only a :class:`ProgramEnsemble` has."""
        return ()

    @property
    def digest(self) -> str:
        """Short hash of the model's weights, to check whether results were computed in its current state."""
        digest = hashlib.sha256()
        for name, value in self.module.state_dict().items():
            digest.update(name.encode())
            digest.update(value.cpu().numpy().tobytes())
        return digest.hexdigest()[:16]
