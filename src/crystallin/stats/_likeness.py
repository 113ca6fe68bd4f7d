"""Likeness of groups of cells to known types, by the genes of labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Share of all counts below which differences between genes are mostly noise (20 counts per million).
FLOOR = 2e-5
# By this factor a gene of a label without a profile has to exceed all profiles to be as high as expected.
FOLD = 10.0
# Genes of a wrong label agree with this probability; a right label needs two standard errors more.
CHANCE, N_STANDARD_ERRORS = 0.25, 2.0
# A label with fewer genes that tell it from other types says nothing.
MIN_GENES = 2.5


@dataclass(frozen=True)
class Likeness:
    """How much groups look like the types of cells that labels stand for.

    Attributes
    ----------
    value
        Likeness, groups x labels: 0 where the label's genes are as low as in other types, 1 where they are as high as
        in its own type; NaN for labels with too few genes.
    agreement
        Share of the label's genes that are closer to its own type than to others, groups x labels.
    needed
        Smallest agreement that genes of another type hardly reach, labels.
    """

    value: np.ndarray
    agreement: np.ndarray
    needed: np.ndarray

    @property
    def is_alike(self) -> np.ndarray:
        """Whether enough genes agree, groups x labels."""
        return np.nan_to_num(self.agreement) >= self.needed


def likeness(
    rate: np.ndarray, profiles: np.ndarray, members: np.ndarray, own: np.ndarray, related: np.ndarray
) -> Likeness:
    """Compare the genes of labels in groups with their levels in known types of cells.

    Levels are logarithms of shares of all counts. A label's genes are expected between their mean level in other types
    and their largest level in its own types, and weigh by the difference. If none of the types is the label's own, its
    genes have to exceed the largest level in any type instead.

    Each gene counts from 0 to 1, so that no single gene makes a label. The number of genes that agree by chance is
    taken as binomial, with the effective number of genes (the squared sum of weights over the sum of their squares).

    Parameters
    ----------
    rate
        Share of each gene in the counts of a group, groups x genes.
    profiles
        The same of known types, types x genes.
    members
        Whether a gene is a member of a label, genes x labels.
    own
        Which types are the label's own, labels x types.
    related
        Which types are of the same lineage, labels x types; these do not count as other types.
    """
    level, known = np.log(rate + FLOOR), np.log(profiles + FLOOR)
    n_labels = members.shape[1]
    value, agreement = np.full((2, len(rate), n_labels), np.nan)
    needed = np.ones(n_labels)
    for label in range(n_labels):
        genes = np.flatnonzero(members[:, label])
        low, high = _expected(known[:, genes], own[label], related[label])
        weight = np.clip(high - low, 0, None)
        n_genes = weight.sum() ** 2 / (weight**2).sum() if weight.any() else 0.0
        if n_genes < MIN_GENES:
            continue
        place = (level[:, genes] - low) / np.where(weight > 0, weight, 1)
        value[:, label] = np.clip(place, 0, 1) @ weight / weight.sum()
        agreement[:, label] = (place > 0.5) @ weight / weight.sum()
        needed[label] = _needed(n_genes)
    return Likeness(value, agreement, needed)


def marks(profiles: np.ndarray, members: np.ndarray, these: np.ndarray) -> bool:
    """Return whether a set of genes is a mark of some types: enough of them are higher there than in the other types.

    Parameters
    ----------
    profiles
        Share of each gene in the counts of known types, types x genes.
    members
        Whether a gene is in the set.
    these
        The types, which are not all.
    """
    known = np.log(profiles[:, members] + FLOOR)
    if known.shape[1] < MIN_GENES:
        return False
    higher = known[these].max(axis=0) - known[~these].mean(axis=0) > np.log(FOLD) / 2
    return bool(higher.mean() >= _needed(known.shape[1]))


def _needed(n_genes: float) -> float:
    """Return the share of genes that has to agree, if their effective number is this."""
    return min(1.0, CHANCE + N_STANDARD_ERRORS * float(np.sqrt(CHANCE * (1 - CHANCE) / n_genes)))


def _expected(known: np.ndarray, own: np.ndarray, related: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the levels of genes in other types, and in the label's own."""
    if own.any() and not related.all():
        return known[~related].mean(axis=0), known[own].max(axis=0)
    highest = known.max(axis=0, initial=np.log(FLOOR))
    return highest, highest + np.log(FOLD)
