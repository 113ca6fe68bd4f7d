"""Contrasts of a study, to be estimated within each stratum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from crystallin import stats

from ._contrasts import Contrast
from ._formula import Study
from ._measured import Compared, Measured, TooFewError
from ._model import Model, across_samples

BLOCK, RANDOM = "block", "random"
ROUNDING = 1e-9


@dataclass(frozen=True)
class Asked:
    """One contrast in one stratum.

    Attributes
    ----------
    labels
        ``stratum`` and ``contrast``.
    where
        The same, in words, for messages.
    study
        Units and design matrix.
    inside
        Positions of the stratum's units.
    contrast
        The contrast.
    owner
        Covariate of each column of covariates.
    repeated
        How donors with several units enter: ``"block"``, ``"random"`` or ``None`` to choose.
    is_modelled
        Whether the formula itself has the donors.
    """

    labels: dict[str, str]
    where: str
    study: Study
    inside: np.ndarray
    contrast: Contrast
    owner: Sequence[str]
    repeated: str | None
    is_modelled: bool

    @property
    def weights(self) -> np.ndarray:
        """Weight of each unit's mean in the contrast."""
        positions, model, _ = self.prepared
        weights = np.zeros(len(self.study.table))
        weights[positions] = model.weights
        return weights

    def compared(self, measured: Measured, *, is_first: bool = True) -> Compared:
        """Return the contrast in one reading."""
        positions, model, left_out = self.prepared
        unit = np.full(len(self.study.table), -1)
        unit[positions] = np.arange(len(positions))
        units = measured.moments.pooled(unit, len(positions))
        result = across_samples(measured, units, model, self.owner, self.where, is_first=is_first)
        return replace(result, left_out=left_out, why_left_out="alone, without another sample of the donor")

    @cached_property
    def how(self) -> str:
        """Return how donors with several units enter the model; empty if no donor has several, or the formula has them.

        Differences within donors do not need to know how much donors differ, so donors are blocks wherever the contrast
        can be estimated within them, and if at least half of the donors have several units.
        """
        _, donor, n_units = self._donors()
        if n_units.max() < 2 and self.repeated == BLOCK:
            raise TooFewError(self._no_blocks())
        if self.is_modelled or n_units.max() < 2:
            return ""
        if self.repeated is not None:
            return self.repeated
        several = n_units[donor] > 1
        return BLOCK if 2 * (n_units > 1).sum() >= len(n_units) and self._within(several) is not None else RANDOM

    @cached_property
    def prepared(self) -> tuple[np.ndarray, Model, tuple[str, ...]]:
        """Return the positions of the units that are used, their linear model, and donors that are left out."""
        names, donor, n_units = self._donors()
        design = self._design()
        how, used, left_out = self.how, np.ones(len(donor), dtype=bool), ()
        contrast = self.contrast.weights
        if how == BLOCK:
            # a donor with a single unit says nothing of differences within donors
            used, left_out = n_units[donor] > 1, tuple(names[n_units < 2])
            found = self._within(used) if used.any() else None
            if found is None:
                raise TooFewError(self._no_blocks())
            design, contrast = found
        elif stats.estimable_basis(design, contrast) is None:
            raise TooFewError(self._why_not(design, contrast))
        positions, donor = self.inside[used], donor[used]
        kept, donor = np.unique(donor, return_inverse=True)
        kind = np.unique(self.study.table["kind"].to_numpy()[positions], return_inverse=True)[1]
        model = Model(design, contrast, donor, names[kept], how == RANDOM, kind)
        self._check_replicated(model)
        return positions, model, left_out

    def _check_replicated(self, model: Model) -> None:
        """Raise if one side of the contrast is a single donor, from whom nothing can be said of others."""
        weights = model.weights
        for sign in (-1, 1):
            there = np.unique(model.donor[sign * weights > ROUNDING * np.abs(weights).max()])
            if len(there) == 1:
                msg = (
                    f"{self.where}: one side of the contrast has samples of a single donor, "
                    f"{str(model.donors[there[0]])!r}, from whom nothing can be said of other donors. Each side "
                    "needs two."
                )
                raise TooFewError(msg)

    def _no_blocks(self) -> str:
        return (
            f"{self.where}: the contrast cannot be estimated within donors, because no donor has all levels that it "
            'compares. Use repeated="random", or leave it out.'
        )

    def _design(self) -> np.ndarray:
        return self.study.matrix.to_numpy(dtype=float)[self.inside]

    def _donors(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the names of donors, the donor of each unit, and the number of units of each donor."""
        sample = self.study.table["sample"].to_numpy()[self.inside].astype(str)
        names, donor = np.unique(sample, return_inverse=True)
        return names, donor, np.bincount(donor)

    def _within(self, used: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Return design and contrast with a level for each donor, or ``None`` if the contrast cannot be estimated."""
        donor = np.unique(self._donors()[1][used], return_inverse=True)[1]
        blocks = (donor[:, None] == np.arange(donor.max() + 1)).astype(float) if len(donor) else np.empty((0, 0))
        design = np.column_stack([self._design()[used], blocks])
        contrast = np.append(self.contrast.weights, np.zeros(blocks.shape[1]))
        basis = stats.estimable_basis(design, contrast)
        return None if basis is None else (design @ basis, basis.T @ contrast)

    def _why_not(self, design: np.ndarray, contrast: np.ndarray) -> str:
        """Explain why a contrast cannot be estimated: levels without samples, or columns that go with it."""
        study, columns = self.study, self.study.columns.iloc[self.inside]
        for name in self.contrast.compared:
            if columns[name].nunique() < 2:
                only = f"{name} = {columns[name].iloc[0]!s}"
                return f"{self.where}: all samples have {only}, so there is nothing to compare."
        if len(design) <= design.shape[1]:
            return (
                f"{self.where}: {len(design)} samples are too few for the {design.shape[1]} coefficients of the "
                "design. Leave columns out."
            )
        guilty, n_columns = [], study.matrix.shape[1]
        for name, indices in study.of_variables().items():
            keep = np.setdiff1d(np.arange(n_columns), indices)
            is_compared = name in self.contrast.compared
            if not is_compared and stats.estimable_basis(design[:, keep], contrast[keep]) is not None:
                guilty.append(name)
        if guilty:
            return (
                f"{self.where}: the contrast is confounded with {' and '.join(map(repr, guilty))}, so their effects "
                "cannot be separated. Leave the column out of the design, or compare samples in which it varies."
            )
        factors = [name for name in self.contrast.compared if not study.is_number(name)]
        listed = ""
        if factors:
            counts = columns[factors].astype(str).agg(", ".join, axis=1).value_counts()
            listed = f" There are samples of {'; '.join(f'{level} ({n})' for level, n in counts.sort_index().items())}."
        return (
            f"{self.where}: the samples do not determine the contrast, because combinations of levels are missing."
            f"{listed} Compare levels that occur."
        )


def asked_of(
    study: Study,
    contrasts: Sequence[Contrast],
    owner: Sequence[str],
    *,
    within: str | None,
    repeated: str | None,
    is_modelled: bool,
) -> Iterator[Asked]:
    """Yield each contrast in each stratum."""
    strata = study.table["stratum"].to_numpy()
    for stratum in map(str, dict.fromkeys(strata)):
        inside = np.flatnonzero(strata == stratum)
        for contrast in contrasts:
            place = "" if within is None else f", {within}={stratum!r}"
            labels = {"stratum": stratum, "contrast": contrast.name}
            yield Asked(labels, f"{contrast.name}{place}", study, inside, contrast, owner, repeated, is_modelled)
