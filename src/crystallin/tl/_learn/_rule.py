"""Rules: their terms, the cells they select, and how they are learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from sklearn.tree import DecisionTreeClassifier

# smallest increase of F1 for which a rule gets one more term
WORTH_A_TERM = 0.01
# thresholds are rounded, because activities are uncertain by some tenths of a standard deviation
DECIMALS = 1


@dataclass(frozen=True, order=True)
class Term:
    """Condition that a program's activity is above, or not above, a threshold."""

    program: int
    above: bool
    threshold: float

    def holds(self, activity: np.ndarray) -> np.ndarray:
        """Return which cells meet the condition, from cells x programs."""
        is_above = activity[:, self.program] > self.threshold
        return is_above if self.above else ~is_above

    def probability(self, activity: np.ndarray, sd: np.ndarray) -> np.ndarray:
        """Return the posterior probability that each cell meets the condition."""
        sure = ndtr((activity[:, self.program] - self.threshold) / np.fmax(sd[:, self.program], 1e-6))
        return sure if self.above else 1 - sure

    def text(self, programs: Sequence[str]) -> str:
        """Return the condition in words."""
        return f"{programs[self.program]} {'>' if self.above else '≤'} {self.threshold:.{DECIMALS}f}"


Rule = tuple[Term, ...]


def picked(rule: Rule, activity: np.ndarray) -> np.ndarray:
    """Return which cells meet all terms."""
    return np.logical_and.reduce([term.holds(activity) for term in rule])


def certainty(rule: Rule, activity: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Return the posterior probability that each cell meets all terms, as if programs were independent."""
    return np.prod([term.probability(activity, sd) for term in rule], axis=0)


def learn(activity: np.ndarray, inside: np.ndarray, weight: np.ndarray, max_terms: int, seed: int) -> Rule:
    """Learn the rule with the largest F1 among the nodes of two decision trees, without terms that add little.

    One tree weights cells as given, the other gives both sides the same total weight (Breiman et al. 1984, as
    implemented in scikit-learn). Each node of a tree is a rule, which consists of the splits on the path to it. The
    rule is empty if no node separates the group.

    Parameters
    ----------
    activity
        Cells x programs.
    inside
        Which cells belong to the group.
    weight
        Number of cells that each of them represents.
    max_terms
        Largest number of terms.
    seed
        Seed, which decides between equally good splits.
    """
    rules: set[Rule] = set()
    for class_weight in (None, "balanced"):
        tree = DecisionTreeClassifier(
            max_depth=max_terms, min_samples_leaf=2, class_weight=class_weight, random_state=seed
        )
        rules |= set(_nodes(tree.fit(activity, inside, sample_weight=weight).tree_))
    best: Rule = ()
    score = 0.0
    # short rules first: a longer rule is taken only if its further terms add enough
    for rule in sorted(rules, key=lambda rule: (len(rule), rule)):
        found = _f1(picked(rule, activity), inside, weight)
        if found > score + WORTH_A_TERM * (len(rule) - len(best)) and found > score:
            best, score = rule, found
    return _shortened(best, score, activity, inside, weight)


def _shortened(rule: Rule, score: float, activity: np.ndarray, inside: np.ndarray, weight: np.ndarray) -> Rule:
    """Remove terms that add little, because a tree's first splits may be implied by later ones."""
    for term in rule:
        shorter = tuple(other for other in rule if other != term)
        found = _f1(picked(shorter, activity), inside, weight) if shorter else 0.0
        if found >= score - WORTH_A_TERM:
            return _shortened(shorter, found, activity, inside, weight)
    return rule


def _nodes(tree: object, node: int = 0, path: Rule = ()) -> Iterator[Rule]:
    """Yield the rule of each node of scikit-learn's tree except the root."""
    if path:
        yield _merged(path)
    left, right = tree.children_left[node], tree.children_right[node]
    if left < 0:
        return
    threshold = round(float(tree.threshold[node]), DECIMALS) + 0.0
    for child, above in ((left, False), (right, True)):
        yield from _nodes(tree, child, (*path, Term(int(tree.feature[node]), above, threshold)))


def _merged(path: Rule) -> Rule:
    """Keep only the strictest term of each program and direction."""
    found: dict[tuple[int, bool], Term] = {}
    for term in path:
        key = (term.program, term.above)
        strictest = max if term.above else min
        found[key] = strictest(found.get(key, term), term, key=lambda term: term.threshold)
    # active programs of the group come before programs that exclude other groups
    return tuple(sorted(found.values(), key=lambda term: (not term.above, term.program)))


def _f1(chosen: np.ndarray, inside: np.ndarray, weight: np.ndarray) -> float:
    hits = weight[chosen & inside].sum()
    return float(2 * hits / (weight[chosen].sum() + weight[inside].sum())) if hits else 0.0
