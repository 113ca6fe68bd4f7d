"""Rules: what they say, which cells they pick, and how they are learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from sklearn.tree import DecisionTreeClassifier

# one more term has to add this much to F1
WORTH_A_TERM = 0.01
# thresholds are rounded, as activities are known to some tenths of a standard deviation
DECIMALS = 1


@dataclass(frozen=True, order=True)
class Term:
    """A program's activity above, or not above, a threshold."""

    program: int
    above: bool
    threshold: float

    def holds(self, activity: np.ndarray) -> np.ndarray:
        """Which cells meet it, from cells x programs."""
        is_above = activity[:, self.program] > self.threshold
        return is_above if self.above else ~is_above

    def probability(self, activity: np.ndarray, sd: np.ndarray) -> np.ndarray:
        """Posterior probability that each cell meets it."""
        sure = ndtr((activity[:, self.program] - self.threshold) / np.fmax(sd[:, self.program], 1e-6))
        return sure if self.above else 1 - sure

    def text(self, programs: Sequence[str]) -> str:
        """In words."""
        return f"{programs[self.program]} {'>' if self.above else '≤'} {self.threshold:.{DECIMALS}f}"


Rule = tuple[Term, ...]


def picked(rule: Rule, activity: np.ndarray) -> np.ndarray:
    """Cells that meet all terms."""
    return np.logical_and.reduce([term.holds(activity) for term in rule])


def certainty(rule: Rule, activity: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Posterior probability that each cell meets all terms, programs taken one by one."""
    return np.prod([term.probability(activity, sd) for term in rule], axis=0)


def learn(activity: np.ndarray, inside: np.ndarray, weight: np.ndarray, max_terms: int, seed: int) -> Rule:
    """The rule with the largest F1 among the nodes of two decision trees, as short as can be; empty if there is none.

    One tree counts cells as they are, the other gives both sides the same weight (Breiman et al. 1984, by
    scikit-learn). Each node of a tree is a rule: the splits on the way to it.

    Parameters
    ----------
    activity
        Cells x programs.
    inside
        Which cells are of the group.
    weight
        How many cells each stands for.
    max_terms
        Largest number of terms.
    seed
        Decides between splits that are as good as each other.
    """
    rules: set[Rule] = set()
    for class_weight in (None, "balanced"):
        tree = DecisionTreeClassifier(
            max_depth=max_terms, min_samples_leaf=2, class_weight=class_weight, random_state=seed
        )
        rules |= set(_nodes(tree.fit(activity, inside, sample_weight=weight).tree_))
    best: Rule = ()
    score = 0.0
    # short ones first: a longer one has to be worth its terms
    for rule in sorted(rules, key=lambda rule: (len(rule), rule)):
        found = _f1(picked(rule, activity), inside, weight)
        if found > score + WORTH_A_TERM * (len(rule) - len(best)) and found > score:
            best, score = rule, found
    return _shortened(best, score, activity, inside, weight)


def _shortened(rule: Rule, score: float, activity: np.ndarray, inside: np.ndarray, weight: np.ndarray) -> Rule:
    """Leave out terms that are not worth it: a tree's first splits may be implied by later ones."""
    for term in rule:
        shorter = tuple(other for other in rule if other != term)
        found = _f1(picked(shorter, activity), inside, weight) if shorter else 0.0
        if found >= score - WORTH_A_TERM:
            return _shortened(shorter, found, activity, inside, weight)
    return rule


def _nodes(tree: object, node: int = 0, path: Rule = ()) -> Iterator[Rule]:
    """The rule of each node of scikit-learn's tree but the first."""
    if path:
        yield _merged(path)
    left, right = tree.children_left[node], tree.children_right[node]
    if left < 0:
        return
    threshold = round(float(tree.threshold[node]), DECIMALS) + 0.0
    for child, above in ((left, False), (right, True)):
        yield from _nodes(tree, child, (*path, Term(int(tree.feature[node]), above, threshold)))


def _merged(path: Rule) -> Rule:
    """One term for each program and direction, the strictest."""
    found: dict[tuple[int, bool], Term] = {}
    for term in path:
        key = (term.program, term.above)
        strictest = max if term.above else min
        found[key] = strictest(found.get(key, term), term, key=lambda term: term.threshold)
    # what makes the group comes before what rules others out
    return tuple(sorted(found.values(), key=lambda term: (not term.above, term.program)))


def _f1(chosen: np.ndarray, inside: np.ndarray, weight: np.ndarray) -> float:
    hits = weight[chosen & inside].sum()
    return float(2 * hits / (weight[chosen].sum() + weight[inside].sum())) if hits else 0.0
