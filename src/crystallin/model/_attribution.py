"""Which genes activities come from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import torch

from crystallin import _checks as checks
from crystallin import nn as blocks
from crystallin.nn import ATTRIBUTION_METHODS

from ._compat import REGISTRY_KEYS
from ._explained import TARGETS, Average, Question
from ._reading import ReadingMixin
from ._seeding import seeded
from ._session import N_AVERAGED, Reading

if TYPE_CHECKING:
    from anndata import AnnData

logger = logging.getLogger(__name__)

STATISTICS = ("mean", "mean_absolute", "average_cell", "each")
# matrices for each cell and baseline, where there are several; along a path, one at each node
N_MATRICES = {"integrated_gradients": 8, "expected_gradients": 8}
# third powers of the number of latent dimensions that a CPU core gets through with a matrix for each cell
CUBES_PER_MINUTE = 6e11
# of an array of cells x genes x programs in single precision: half a gigabyte
MAX_CELL_VALUES = 2**27


class AttributionMixin(ReadingMixin):
    """Attributions of activities to genes."""

    _random_state: int

    @property
    def attribution_methods(self) -> dict[str, blocks.AttributionMethod]:
        """The methods of attribution by name, and what each takes."""
        return dict(ATTRIBUTION_METHODS)

    @torch.no_grad()
    def get_attributions(
        self,
        adata: AnnData | Reading | None = None,
        indices: Sequence[int] | None = None,
        *,
        target: Literal["activity", "encoder"] = "activity",
        method: str = "integrated_gradients",
        baseline: str | np.ndarray = "mean",
        baseline_indices: Sequence[int] | None = None,
        n_baselines: int = 20,
        programs: Sequence[str] | None = None,
        groups: Sequence[str] | None = None,
        statistic: Literal["mean", "mean_absolute", "average_cell", "each"] = "mean",
        batch_size: int | None = None,
    ) -> np.ndarray:
        """How much each gene adds to each program's activity; see :func:`crystallin.tl.attributions`.

        Parameters
        ----------
        adata
            Data with the model's genes in the model's order, or a :meth:`reading` of them; ``None`` takes the data of
            the model. Nothing is written to them.
        indices
            Cells wanted: positions from 0, names, or a Boolean for each cell; ``None`` for all.
        target
            ``"activity"``: the refined activity, as a function of the counts. ``"encoder"``: the encoder's mean, as a
            function of standardised log-normalised expression.
        method
            Name of the method, see :func:`crystallin.tl.attributions`.
        baseline
            What cells are compared with: ``"mean"``, ``"zero"``, or expression profiles as an array of genes or
            baselines x genes, non-negative and of any depth, a Series or DataFrame with the names of genes in any
            order; methods with one baseline take the mean of several.
        baseline_indices
            Take profiles of these cells instead: their mean or, for methods over several baselines, a sample.
        n_baselines
            For methods over several baselines, number of cells to sample.
        programs
            Names of the programs wanted; ``None`` for all, decoys included.
        groups
            Label of each of the cells; a Series is aligned by the names of the cells. ``None`` puts all in one group,
            ``"all"``.
        statistic
            ``"mean"`` or ``"mean_absolute"`` over the cells of each group; ``"each"`` cell; or, for
            ``method="contributions"``, those in the ``"average_cell"`` of each group. The latter are close to the mean
            (see ``benchmarks/attribution.py``) and hundreds of times quicker with many programs, as one matrix is
            inverted for a group rather than one for each cell.
        batch_size
            Cells per minibatch; ``None`` is ``scvi.settings.batch_size``.

        Returns
        -------
        Array, float32: groups x genes x programs; for ``statistic="each"`` cells x genes x programs. Groups are in the
        order of the categories of ``groups``, or sorted.

        Raises
        ------
        ImportError
            If a method needs captum and it is not installed.
        KeyError
            If there is no such program.
        RuntimeError
            If the model is not trained.
        ValueError
            If the method is unknown or not for this target, encoder or likelihood; a baseline has the wrong length or
            values; the genes differ from the model's; the data are minified; there is not one label for each cell;
            ``"each"`` is asked for too many cells, or a method of captum for all.

        Examples
        --------
        >>> model.get_attributions(programs=["B cell"], groups=adata.obs["bulk_labels"]).shape  # doctest: +SKIP
        """
        dimensions = self._dimensions(programs)
        checks.check_choice(target, "target", tuple(TARGETS))
        checks.check_int(n_baselines, "n_baselines", 1)
        self._check_method(method, target, indices)
        _check_statistic(statistic, method, target)
        is_given = baseline_indices is not None or not (isinstance(baseline, str) and baseline == "mean")
        baseline = _check_baseline(baseline, target, method, self._prior.genes, is_given=is_given)
        source, chosen = self._source(adata, indices)
        n_values = len(chosen) * len(self._prior.genes) * len(dimensions)
        if statistic == "each" and n_values > MAX_CELL_VALUES:
            msg = (
                f"Attributions of {len(chosen):,} cells x {len(self._prior.genes):,} genes x {len(dimensions):,} "
                f"programs would take {4 * n_values / 2**30:.1f} GiB, above the limit of "
                f"{4 * MAX_CELL_VALUES / 2**30:.1f}. Name fewer cells or programs, or take means over groups."
            )
            raise ValueError(msg)

        if statistic == "average_cell":
            means = self._by_group(source, chosen, groups, partial(self._in_average_cell, source, dimensions))
            return np.stack([mean.T for mean in means.values()]).astype(np.float32)
        over_cells = ATTRIBUTION_METHODS[method].over_cells
        is_alone = method == "contributions" and len(dimensions) == 1 and statistic != "each"
        if target == "activity" and not is_alone:
            announce(len(chosen), self.module.n_latent, N_MATRICES.get(method, 1) * (n_baselines if over_cells else 1))
        with seeded(self._random_state):
            profiles = self._profiles(source, baseline, baseline_indices, n_baselines if over_cells else None)
            explained = partial(TARGETS[target], Question(self.module, dimensions, profiles))
            if statistic == "each":
                minibatches = self._with_average(source, chosen, batch_size)
                each = [part.cpu() for minibatch in minibatches for part in explained(*minibatch).each(method)]
                return torch.cat(each).mT.contiguous().numpy()

        def summed(tensors: dict[str, torch.Tensor], average: Average) -> torch.Tensor:
            cells = explained(tensors, average)
            return cells.total(method) if statistic == "mean" else sum(part.abs().sum(0) for part in cells.each(method))

        means = self._group_means(source, chosen, groups, summed, batch_size)
        return np.stack([mean.T for mean in means.values()]).astype(np.float32)

    def _dimensions(self, programs: str | Sequence[str] | None) -> torch.Tensor:
        """Latent dimensions of programs; ``None`` for all."""
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
        """What is worked out of the cells of each group, in the order of the groups."""
        labels = cell_labels(groups, source.obs_names[chosen])
        with seeded(self._random_state):
            return {
                name: of_cells(chosen[labels.codes == code]).cpu().numpy() for code, name in enumerate(labels.names)
            }

    def _group_means(
        self,
        source: Reading,
        chosen: np.ndarray,
        groups: Sequence[str] | None,
        summed: Callable[[dict[str, torch.Tensor], Average], torch.Tensor],
        batch_size: int | None = None,
    ) -> dict[str, np.ndarray]:
        """Mean over the cells of each group of what ``summed`` adds up over a minibatch, by group."""

        def mean(cells: np.ndarray) -> torch.Tensor:
            parts = self._with_average(source, cells, batch_size)
            return sum(summed(*minibatch).cpu().double() for minibatch in parts) / len(cells)

        return self._by_group(source, chosen, groups, mean)

    def _in_average_cell(self, source: Reading, dimensions: torch.Tensor, cells: np.ndarray) -> torch.Tensor:
        """Contributions in the average of some cells at their modes, dimensions x genes."""
        weight, terms = self.module.decoder.weight().detach(), blocks.RunningMean()
        preconditioner = self.module.average_cell(source.sample(cells)).covariance

        def information() -> Iterator[blocks.Information]:
            for tensors in source.minibatches(cells, N_AVERAGED):
                minibatch, start = self.module.posterior_start(tensors)
                pull = blocks.departure(minibatch, blocks.refine(minibatch, start, weight, preconditioner).z, weight)
                terms.add([pull.terms.mean(1)], pull.terms.shape[1])
                yield pull.information

        average = blocks.AverageCell.over(information())
        return (average.covariance @ average.weight)[dimensions] * terms.values[0]

    def _with_average(
        self, source: Reading, cells: np.ndarray, batch_size: int | None
    ) -> Iterator[tuple[dict[str, torch.Tensor], Average]]:
        """Minibatches of the cells, each with what works out the average of all, once, where it is asked for."""
        average = cache(lambda: self.module.average_cell(source.sample(cells)))
        for tensors in source.minibatches(cells, batch_size):
            yield tensors, average

    def _profiles(
        self,
        source: Reading,
        baseline: str | np.ndarray,
        baseline_indices: Sequence[int] | None,
        n_sampled: int | None,
    ) -> torch.Tensor | None:
        """Expression to compare with, genes x baselines; ``None`` is the mean cell."""
        if baseline_indices is None and n_sampled is None and isinstance(baseline, str):
            return None if baseline == "mean" else torch.zeros(len(self._prior.genes), 1, device=self.device)
        if not isinstance(baseline, str):
            # torch takes no arrays that are read-only or run backwards
            profiles = torch.as_tensor(np.array(baseline, dtype=np.float32), device=self.device).T
            return profiles if n_sampled is not None else (profiles / profiles.sum(0)).mean(1, keepdim=True)
        if baseline == "zero":
            msg = 'baseline="zero" is a single one; methods over several baselines take cells: "mean", or a group.'
            raise ValueError(msg)
        cells = source.positions(baseline_indices, "baseline_indices")
        if n_sampled is not None:
            tensors = source.together(np.random.default_rng(self._random_state).permutation(cells)[:n_sampled])
            return blocks.SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY]).dense().T.to(self.device)
        # on the CPU, as not every accelerator knows double precision
        total = torch.zeros(len(self._prior.genes), dtype=torch.float64)
        for tensors in source.minibatches(cells):
            counts = blocks.SparseCounts.of(tensors[REGISTRY_KEYS.X_KEY].to(self.device))
            total += (counts.dense() / counts.total[:, None]).sum(0).cpu()
        return (total / len(cells)).float()[:, None].to(self.device)

    def _reader(self) -> blocks.Reader | blocks.DeepReader:
        """The encoder's mean as a function of genes, raising if that is not known."""
        encoder = self.module.z_encoder
        if not isinstance(encoder, blocks.PrimedEncoder):
            msg = (
                f"The model's encoder is a {type(encoder).__name__}, not a PrimedEncoder, so it is not known how it "
                'reads genes. target="activity" does not depend on the encoder.'
            )
            raise ValueError(msg)
        return encoder.reader()

    def _check_method(self, method: str, target: str, indices: Sequence[int] | None) -> None:
        checks.check_choice(method, "method", tuple(ATTRIBUTION_METHODS))
        rule = ATTRIBUTION_METHODS[method]
        is_deep = target == "encoder" and isinstance(self._reader(), blocks.DeepReader)
        kind = "deep" if is_deep else target
        if getattr(rule, kind) is None:
            possible = [name for name, other in ATTRIBUTION_METHODS.items() if getattr(other, kind) is not None]
            what = "an encoder with further layers" if is_deep else f"target={target!r}"
            msg = f"method={method!r} is not for {what}, which has {', '.join(map(repr, possible))}."
            raise ValueError(msg)
        if target == "activity" and self.module.gene_likelihood == "zinb" and method != "contributions":
            msg = (
                f"method={method!r} follows the activity along a path of counts, on which that of a zero-inflated "
                'likelihood jumps; use method="contributions" or target="encoder".'
            )
            raise ValueError(msg)
        if rule.by_captum:
            if indices is None:
                msg = f"method={method!r} takes seconds for each cell and program; name the cells it is wanted for."
                raise ValueError(msg)
            if find_spec("captum") is None:
                msg = f"method={method!r} needs captum, which is not installed: pip install 'crystallin[captum]'."
                raise ImportError(msg)


def _check_statistic(statistic: str, method: str, target: str) -> None:
    checks.check_choice(statistic, "statistic", STATISTICS)
    if statistic == "average_cell" and (method, target) != ("contributions", "activity"):
        msg = (
            'statistic="average_cell" is for method="contributions" with target="activity", and was asked for with '
            f'method={method!r} and target={target!r}; take the "mean".'
        )
        raise ValueError(msg)


def _check_baseline(
    baseline: str | np.ndarray, target: str, method: str, genes: Sequence[str], *, is_given: bool
) -> str | np.ndarray:
    """Return the baseline, raising if it is none, or none of this method and target."""
    if isinstance(baseline, str):
        checks.check_choice(baseline, "baseline", ("mean", "zero"))
        if baseline == "zero" and target == "activity":
            msg = (
                'baseline="zero" is for target="encoder": a cell of some depth cannot be without counts. Use "mean", a '
                "group or a profile."
            )
            raise ValueError(msg)
    else:
        baseline = checks.check_profiles(baseline, genes)
    if is_given and not ATTRIBUTION_METHODS[method].has_baseline:
        msg = f"method={method!r} compares with nothing, so it takes no baseline; leave it out."
        raise ValueError(msg)
    return baseline


def announce(n_cells: int, n_latent: int, n_matrices: int) -> None:
    """Say in advance how long attributions will take, if that is long."""
    minutes = n_cells * n_matrices * n_latent**3 / CUBES_PER_MINUTE
    if minutes >= 1:
        logger.warning(
            "Attributions invert a matrix of %s x %s, %s time(s) for each of %s cells, which takes about %.0f minutes "
            'of one CPU core. Quicker are fewer cells, or method="contributions" with statistic="average_cell".',
            f"{n_latent:,}",
            f"{n_latent:,}",
            n_matrices,
            f"{n_cells:,}",
            minutes,
        )


def cell_labels(groups: Sequence[str] | None, names: Sequence[str]) -> checks.Labels:
    """Label of each of the named cells, raising unless there is one; names in the order of categories, or sorted."""
    if groups is None:
        return checks.Labels([checks.ALL], np.zeros(len(names), dtype=int))
    is_ordered = isinstance(getattr(groups, "dtype", None), pd.CategoricalDtype)
    labels = pd.Series(checks.check_aligned(groups, names, "groups"))
    missing = labels.isna()
    if missing.any():
        msg = f"groups has {int(missing.sum())} missing label(s); name them, or leave these cells out with indices."
        raise ValueError(msg)
    return checks.name_labels(labels.astype(groups.dtype) if is_ordered else labels, "groups")
