"""Attributions of activities to genes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from crystallin import _checks as checks
from crystallin import nn as blocks
from crystallin._keys import KINDS
from crystallin.nn import ATTRIBUTION_METHODS

from ._asked import announce, cell_labels, check_baseline, check_method, check_size, check_statistic, check_tolerance
from ._compat import REGISTRY_KEYS
from ._explained import TARGETS, Average, Question
from ._sampled import estimate
from ._seeding import seeded
from ._session import N_AVERAGED, Reading
from ._subsampled import subsample
from ._total import TotalMixin

if TYPE_CHECKING:
    from anndata import AnnData


class AttributionMixin(TotalMixin):
    """Attributions of activities to genes."""

    _random_state: int

    @property
    def attribution_methods(self) -> dict[str, blocks.AttributionMethod]:
        """Attribution methods by name, with their properties."""
        return dict(ATTRIBUTION_METHODS)

    @torch.no_grad()
    def get_attributions(
        self,
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        kind: Literal["unique", "total"] = "unique",
        target: Literal["activity", "encoder"] = "activity",
        method: str = "integrated_gradients",
        baseline: str | np.ndarray = "mean",
        baseline_indices: Sequence[int] | None = None,
        n_baselines: int = 20,
        programs: Sequence[str] | None = None,
        groups: Sequence[str] | None = None,
        statistic: Literal["mean", "mean_absolute", "average_cell", "each"] = "mean",
        tolerance: float | None = None,
        return_se: bool = False,
        batch_size: int | None = None,
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Attribute each program's activity to genes; see :func:`crystallin.tl.attributions`.

        Parameters
        ----------
        adata
            Data with the model's genes in the model's order, or a :meth:`reading` of them; ``None`` uses the data of
            the model. The data are not changed.
        indices
            Cells to use, as positions from 0, names, or a Boolean mask; ``None`` uses all.
        kind
            Reading of the programs, as in :meth:`get_activity`. A total is a weighted sum of the activities of all
            programs and free programs (see :meth:`get_total_weights`), and so are its attributions.
        target
            ``"activity"`` attributes the refined activity, as a function of the counts. ``"encoder"`` attributes the
            encoder's mean, as a function of standardised log-normalised expression.
        method
            Name of the method, see :func:`crystallin.tl.attributions`.
        baseline
            What to compare cells with: ``"mean"``, ``"zero"``, or expression profiles. Profiles are an array of genes
            or of baselines x genes, non-negative and of any depth, or a Series or DataFrame with the names of genes in
            any order. Methods with one baseline use the mean of several profiles.
        baseline_indices
            Use profiles of these cells instead: their mean or, for methods with several baselines, a sample.
        n_baselines
            Number of cells to sample, for methods with several baselines.
        programs
            Names of the programs; ``None`` uses all, including decoys.
        groups
            Label of each of the cells; a Series is aligned by the names of the cells. ``None`` puts all cells into one
            group, ``"all"``.
        statistic
            ``"mean"`` or ``"mean_absolute"`` returns the mean (of absolute values) over the cells of each group;
            ``"each"`` returns each cell. For ``method="contributions"`` only, ``"average_cell"`` returns the
            contributions in the average cell of each group. These are close to the mean (see
            ``benchmarks/attribution.py``), and hundreds of times faster with many programs, because one matrix is
            inverted per group instead of one per cell.
        tolerance
            Standard error to reach, as a share of the largest attribution of each program in any group (or of .1, if
            that is larger), for ``target="activity"`` and ``statistic="mean"``. The means of groups of 256 or more
            cells are then estimated without bias, many times faster than from all points of the paths of all cells.
            Sampling goes on until the error is small enough for 39 of 40 programs, or each cell was drawn three times.
            ``None`` computes the means exactly.
        return_se
            Also return the standard error of each mean; 0 where it is exact.
        batch_size
            Number of cells per minibatch; ``None`` uses ``scvi.settings.batch_size``.

        Returns
        -------
        Array of groups x genes x programs, float32; for ``statistic="each"`` cells x genes x programs. Groups are in
        the order of the categories of ``groups``, or sorted if it is not categorical. With ``return_se``, two arrays.

        Raises
        ------
        ImportError
            If the method needs captum, which is not installed.
        KeyError
            If a program does not exist.
        RuntimeError
            If the model is not trained.
        ValueError
            If the method is unknown or not available for this target, encoder or likelihood; a baseline has the wrong
            length or values; the genes differ from the model's; the data are minified; there is not exactly one label
            for each cell; the result for ``"each"`` cell would be too large; a method of captum is used without
            ``indices``; or ``tolerance`` is not between 0 and 1, or not available for this target and statistic.

        Examples
        --------
        >>> model.get_attributions(programs=["B cell"], groups=adata.obs["bulk_labels"]).shape  # doctest: +SKIP
        """
        checks.check_choice(kind, "kind", KINDS)
        wanted = self._rows(self._dimensions(programs), kind)
        checks.check_choice(target, "target", tuple(TARGETS))
        checks.check_int(n_baselines, "n_baselines", 1)
        check_method(method, self._explains(target), self.module.gene_likelihood, all_cells=indices is None)
        check_statistic(statistic, method, target)
        check_tolerance(tolerance, statistic, target, return_se=return_se)
        is_given = baseline_indices is not None or not (isinstance(baseline, str) and baseline == "mean")
        baseline = check_baseline(baseline, target, method, self._prior.genes, is_given=is_given)
        source, chosen = self._source(adata, indices)
        if statistic == "each":
            check_size(len(chosen), len(self._prior.genes), len(wanted))
        if statistic == "average_cell":
            means = self._by_group(source, chosen, groups, partial(self._in_average_cell, source, wanted))
            return np.stack([mean.T for mean in means.values()]).astype(np.float32)
        over_cells = ATTRIBUTION_METHODS[method].over_cells
        has_matrices = statistic != "mean" or not blocks.solves(len(wanted), self.module.n_latent)
        if target == "activity" and tolerance is None and has_matrices:
            announce(method, len(chosen), self.module.n_latent, n_baselines if over_cells else 1)
        with seeded(self._random_state):
            profiles = self._profiles(source, baseline, baseline_indices, n_baselines if over_cells else None)
            question = Question(self.module, wanted, profiles)
            explained = partial(TARGETS[target], question)
            if statistic == "each":
                minibatches = self._with_average(source, chosen, batch_size)
                each = [part.cpu() for minibatch in minibatches for part in explained(*minibatch).each(method)]
                return torch.cat(each).mT.contiguous().numpy()

        def summed(tensors: dict[str, torch.Tensor], average: Average) -> torch.Tensor:
            cells = explained(tensors, average)
            return cells.total(method) if statistic == "mean" else sum(part.abs().sum(0) for part in cells.each(method))

        if tolerance is not None:
            exactly = partial(self._mean, source, summed=summed, batch_size=batch_size)
            cells = list(_split(source, chosen, groups).values())
            with seeded(self._random_state):
                rng = np.random.default_rng(self._random_state)
                if statistic == "mean":
                    path = ATTRIBUTION_METHODS[method].path
                    found = estimate(question, path, source, cells, tolerance, exactly, rng)
                else:
                    found = subsample(source, cells, tolerance, summed, partial(self._average, source), rng)
            mean, se = (np.stack([part.T for part in parts]).astype(np.float32) for parts in zip(*found, strict=True))
            return (mean, se) if return_se else mean
        means = self._group_means(source, chosen, groups, summed, batch_size)
        mean = np.stack([mean.T for mean in means.values()]).astype(np.float32)
        return (mean, np.zeros_like(mean)) if return_se else mean

    def _dimensions(self, programs: str | Sequence[str] | None) -> torch.Tensor:
        """Return the latent dimensions of programs; ``None`` means all programs."""
        names = list(self._prior.programs)
        wanted = names if programs is None else checks.check_program_names(programs, names)
        return torch.tensor([names.index(name) for name in wanted], dtype=torch.long, device=self.device)

    def _by_group(
        self,
        source: Reading,
        chosen: np.ndarray,
        groups: Sequence[str] | None,
        of_cells: Callable[[np.ndarray], torch.Tensor],
    ) -> dict[str, np.ndarray]:
        """Apply ``of_cells`` to the cells of each group, and return the results in the order of the groups."""
        parts = _split(source, chosen, groups)
        with seeded(self._random_state):
            return {name: of_cells(cells).cpu().numpy() for name, cells in parts.items()}

    def _group_means(
        self,
        source: Reading,
        chosen: np.ndarray,
        groups: Sequence[str] | None,
        summed: Callable[[dict[str, torch.Tensor], Average], torch.Tensor],
        batch_size: int | None = None,
    ) -> dict[str, np.ndarray]:
        """Return the mean over the cells of each group, where ``summed`` returns the sum over a minibatch."""
        mean = partial(self._mean, source, summed=summed, batch_size=batch_size)
        return self._by_group(source, chosen, groups, mean)

    def _mean(
        self,
        source: Reading,
        cells: np.ndarray,
        *,
        summed: Callable[[dict[str, torch.Tensor], Average], torch.Tensor],
        batch_size: int | None,
    ) -> torch.Tensor:
        parts = self._with_average(source, cells, batch_size)
        return sum(summed(*minibatch).cpu().double() for minibatch in parts) / len(cells)

    def _in_average_cell(self, source: Reading, wanted: torch.Tensor, cells: np.ndarray) -> torch.Tensor:
        """Return contributions in the average of some cells at their modes, wanted x genes."""
        weight, terms = self.module.decoder.weight().detach(), blocks.RunningMean()
        preconditioner = self.module.average_cell(source.sample(cells)).covariance

        def information() -> Iterator[blocks.Information]:
            for tensors in source.minibatches(cells, N_AVERAGED):
                minibatch, start = self.module.posterior_start(tensors)
                pull = blocks.departure(minibatch, blocks.refine(minibatch, start, weight, preconditioner).z, weight)
                terms.add([pull.terms.mean(1)], pull.terms.shape[1])
                yield pull.information

        average = blocks.AverageCell.over(information())
        return blocks.rows_of(average.covariance @ average.weight, wanted) * terms.values[0]

    def _with_average(
        self, source: Reading, cells: np.ndarray, batch_size: int | None
    ) -> Iterator[tuple[dict[str, torch.Tensor], Average]]:
        """Yield minibatches, each with a function that returns the average of all cells, computed once if needed."""
        average = self._average(source, cells)
        for tensors in source.minibatches(cells, batch_size):
            yield tensors, average

    def _average(self, source: Reading, cells: np.ndarray) -> Average:
        """Return a function that returns the average of some cells, computed once if needed."""
        return cache(lambda: self.module.average_cell(source.sample(cells)))

    def _profiles(
        self,
        source: Reading,
        baseline: str | np.ndarray,
        baseline_indices: Sequence[int] | None,
        n_sampled: int | None,
    ) -> torch.Tensor | None:
        """Return the baselines' expression, genes x baselines; ``None`` stands for the mean cell."""
        if baseline_indices is None and n_sampled is None and isinstance(baseline, str):
            return None if baseline == "mean" else torch.zeros(len(self._prior.genes), 1, device=self.device)
        if not isinstance(baseline, str):
            # torch does not accept arrays that are read-only or have negative strides
            profiles = torch.as_tensor(np.array(baseline, dtype=np.float32), device=self.device).T
            return profiles if n_sampled is not None else (profiles / profiles.sum(0)).mean(1, keepdim=True)
        if baseline == "zero":
            msg = 'baseline="zero" is a single profile, but this method samples cells; use "mean" or a group.'
            raise ValueError(msg)
        cells = source.positions(baseline_indices, "baseline_indices")
        if n_sampled is not None:
            tensors = source.together(np.random.default_rng(self._random_state).permutation(cells)[:n_sampled])
            return blocks.SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY]).dense().T.to(self.device)
        # on the CPU, because not every accelerator supports double precision
        total = torch.zeros(len(self._prior.genes), dtype=torch.float64)
        for tensors in source.minibatches(cells):
            counts = blocks.SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY].to(self.device))
            total += (counts.dense() / counts.total[:, None]).sum(0).cpu()
        return (total / len(cells)).float()[:, None].to(self.device)

    def _explains(self, target: str) -> str:
        """Return the kind of function that is explained, by the names of the fields of an attribution method."""
        is_deep = target == "encoder" and isinstance(self._reader(), blocks.DeepReader)
        return "deep" if is_deep else target

    def _reader(self) -> blocks.Reader | blocks.DeepReader:
        """Return the encoder's mean as a function of genes; raise an error if the encoder is of another type."""
        encoder = self.module.z_encoder
        if not isinstance(encoder, blocks.PrimedEncoder):
            msg = (
                f"The model's encoder is a {type(encoder).__name__}, but attributions of the encoder need a "
                'PrimedEncoder. Use target="activity", which does not depend on the encoder.'
            )
            raise ValueError(msg)
        return encoder.reader()


def _split(source: Reading, chosen: np.ndarray, groups: Sequence[str] | None) -> dict[str, np.ndarray]:
    """Return the positions of the chosen cells by group, in the order of the groups."""
    labels = cell_labels(groups, source.obs_names[chosen])
    return {name: chosen[labels.codes == code] for code, name in enumerate(labels.names)}
