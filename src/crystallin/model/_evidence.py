"""What the counts say of every pair of program and gene, members or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import sparse

from crystallin import _checks as checks

from ._regressions import Regressions
from ._seeding import seeded
from ._session import Reading, evenly
from ._total import TotalMixin

if TYPE_CHECKING:
    from anndata import AnnData

# largest number of cells that are used, spread evenly; more do not decide whether a gene follows a program
MAX_CELLS = 20_000


@dataclass(frozen=True)
class EdgeEvidence:
    """Loadings of genes on programs, each estimated without the gene's own counts in the activities.

    Attributes
    ----------
    programs
        Names of the programs, decoys included, then of free programs.
    genes
        Names of the genes: those of the model, then the further ones.
    in_panel
        Which genes the model was trained on.
    loadings, sd
        Loading (change of the log rate per unit of activity, given all other programs) and its standard deviation,
        programs x genes, float32.
    model_loadings
        Loadings of the model, 0 for genes that are not members.
    activity
        Posterior modes that were used, programs x cells.
    expression
        Mean count of each gene.
    cells
        Positions of the cells that were used.
    """

    programs: np.ndarray
    genes: np.ndarray
    in_panel: np.ndarray
    loadings: np.ndarray
    sd: np.ndarray
    model_loadings: np.ndarray
    activity: np.ndarray
    expression: np.ndarray
    cells: np.ndarray
    _session: Regressions

    def of_edges(
        self, program: np.ndarray, gene: np.ndarray, part: np.ndarray, n_parts: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return standard deviations of single loadings, and loadings and standard deviations in parts of the cells.

        Parameters
        ----------
        program, gene
            Position of program and gene of each edge.
        part
            Part of each of the cells that were used; -1 for cells of none.
        n_parts
            Number of parts.

        Returns
        -------
        Standard deviations of the edges, and edges x parts: loadings and their standard deviations, which are infinite
        in parts without information.
        """
        return self._session.of_edges(program, gene, part, n_parts)


class EvidenceMixin(TotalMixin):
    """``get_edge_evidence``."""

    _random_state: int

    @torch.no_grad()
    def get_edge_evidence(
        self, adata: AnnData | Reading | None = None, *, further_genes: AnnData | None = None
    ) -> EdgeEvidence:
        """Estimate the loading of every gene on every program, whether the gene is a member or not.

        The counts of each gene are regressed on the activities of all programs, with the model's likelihood. What the
        gene's own counts contribute to the activities is taken out (leave one gene out).
        :func:`crystallin.tl.audit_programs` decides by these loadings which members are missing. Before that, it
        subtracts what the loadings on other programs explain, so its loadings differ from these.

        Parameters
        ----------
        adata
            Data with the model's genes in the model's order, or a :meth:`reading` of them; ``None`` uses the data of
            the model. Of more than 20,000 cells, that many are used, spread evenly.
        further_genes
            AnnData with counts of the same cells, by their names, for genes that the model was not trained on. Counts
            are read from the layer that the model reads. Genes of the model in it are left out.

        Returns
        -------
        :class:`EdgeEvidence`.

        Raises
        ------
        KeyError
            If cells are missing from ``further_genes``, or it does not have the layer.
        ValueError
            As in :meth:`get_activity`, or if ``further_genes`` does not hold counts.

        Examples
        --------
        >>> evidence = model.get_edge_evidence()  # doctest: +SKIP
        >>> evidence.loadings.shape  # doctest: +SKIP
        """
        reading, positions = self._source(adata)
        positions = evenly(positions, MAX_CELLS)
        outside = None
        if further_genes is not None:
            outside = self._further(further_genes, reading.obs_names[positions])
        with seeded(self._random_state):
            session = Regressions(self, reading, positions, outside)
            loadings, sd = session.fit()
        in_panel = np.arange(session.n_genes) < self.module.decoder.n_genes
        names = self._prior.genes if outside is None else np.concatenate([self._prior.genes, outside[0]])
        return EdgeEvidence(
            programs=np.array(self._dimension_names(), dtype=str),
            genes=names,
            in_panel=in_panel,
            loadings=loadings,
            sd=sd,
            model_loadings=session.weight.cpu().numpy(),
            activity=session.regressors.z.cpu().numpy(),
            expression=session.expression,
            cells=positions,
            _session=session,
        )

    def _further(self, adata: AnnData, cells: Sequence[str]) -> tuple[np.ndarray, sparse.csc_matrix]:
        """Return names and counts of genes that the model was not trained on, in the given cells."""
        layer = self.registry["setup_args"]["layer"]
        checks.check_layer(adata, layer)
        place = adata.obs_names.get_indexer(cells)
        if (place < 0).any():
            lost = np.asarray(cells)[place < 0]
            msg = (
                f"The AnnData with further genes lacks {len(lost)} of the {len(place)} cells, e.g. "
                f"{checks.some(lost, 3)}. Give the same cells with more genes; obs_names must be the same."
            )
            raise KeyError(msg)
        new = np.flatnonzero(~np.isin(adata.var_names.to_numpy(dtype=str), self._prior.genes))
        matrix = adata.X if layer is None else adata.layers[layer]
        counts = checks.canonical_csr(checks.rows_of(matrix, place))[:, new]
        if (counts.data < 0).any() or (counts.data != np.rint(counts.data)).any():
            where = "X" if layer is None else f"layers[{layer!r}]"
            msg = f"{where} of the AnnData with further genes must hold raw counts: whole numbers of at least 0."
            raise ValueError(msg)
        return adata.var_names.to_numpy(dtype=str)[new], counts.tocsc().astype(np.float32)
