"""The sets as a user is given them: members dropped, others added, some programs missing, decoys among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from crystallin.programs import dealt_evenly, matched_genes

from ._genes import Genes
from ._options import Options
from ._programs import Programs


@dataclass(frozen=True)
class Annotation:
    """Tables of what is annotated; see :func:`crystallin.datasets.simulate`."""

    annotation: pd.DataFrame
    sets: pd.DataFrame
    edges: pd.DataFrame


def annotate(
    options: Options, programs: Programs, genes: Genes, gene_names: np.ndarray, rng: np.random.Generator
) -> Annotation:
    """Corrupt the true sets and add decoys shaped after the corrupted ones."""
    n_genes = len(gene_names)
    has_signs = any((signs < 0).any() for signs in programs.signs)
    # one key per gene for each program; twins share theirs, so that what both hold is kept, dropped or added in both
    drop_keys = rng.random((options.n_programs, n_genes))
    add_keys = rng.gumbel(size=(options.n_programs, n_genes)) + genes.log_propensity
    leader = np.where(programs.twin >= 0, np.minimum(programs.twin, np.arange(options.n_programs)), -1)
    followers = np.flatnonzero((leader >= 0) & (leader < np.arange(options.n_programs)))
    drop_keys[followers], add_keys[followers] = drop_keys[leader[followers]], add_keys[leader[followers]]

    edges, sets, kept_sets = [], [], []
    for program in np.flatnonzero(~programs.missing):
        members, signs = programs.sets[program], programs.signs[program]
        dropped = _dropped(len(members), options, drop_keys[program, members])
        added = _added(members, round(options.added * len(members)), add_keys[program])
        added_signs = rng.choice(signs, len(added))
        name = programs.names[program]
        edges.append(_edge_table(name, members, signs, annotated=~dropped, true=True))
        edges.append(_edge_table(name, added, added_signs, annotated=True, true=False))
        annotated = np.concatenate([members[~dropped], added])
        kept_sets.append((annotated, np.concatenate([signs[~dropped], added_signs])))
        sets.append((name, False, len(members), len(annotated), int(dropped.sum()), len(added), ""))

    def hubs_more_often(candidates: np.ndarray) -> int:
        return candidates[np.argmax(genes.log_propensity[candidates] + rng.gumbel(size=len(candidates)))]

    names = [row[0] for row in sets]
    by_abundance = np.argsort(genes.log_mean, kind="stable")
    for number, template in enumerate(dealt_evenly(options.n_decoys, len(kept_sets), rng), start=1):
        model, signs = kept_sets[template]
        name = f"decoy_{number:03d}"
        decoy = matched_genes(model, by_abundance, hubs_more_often)
        edges.append(_edge_table(name, decoy, signs, annotated=True, true=False))
        sets.append((name, True, 0, len(decoy), 0, 0, names[template]))

    edge_table = pd.concat(edges, ignore_index=True)
    edge_table["target"] = gene_names[edge_table["target"]]
    columns = ["source", "target", "weight"] if has_signs else ["source", "target"]
    annotation = edge_table.loc[edge_table["annotated"], columns].reset_index(drop=True)
    set_columns = ["name", "is_decoy", "size_true", "size", "n_dropped", "n_added", "template"]
    return Annotation(
        annotation,
        pd.DataFrame(sets, columns=set_columns),
        edge_table[["source", "target", "true", "annotated"]],
    )


def _edge_table(source: str, targets: np.ndarray, weights: np.ndarray, **flags: np.ndarray | bool) -> pd.DataFrame:
    return pd.DataFrame({"source": source, "target": targets, "weight": weights, **flags})


def _dropped(n: int, options: Options, keys: np.ndarray) -> np.ndarray:
    """Which members are left out: those of the smallest keys, but a set is never emptied."""
    n_dropped = round(options.dropped * n)
    if not round(options.added * n):
        n_dropped = min(n_dropped, n - 1)
    dropped = np.zeros(n, dtype=bool)
    dropped[np.argsort(keys, kind="stable")[:n_dropped]] = True
    return dropped


def _added(members: np.ndarray, n_added: int, keys: np.ndarray) -> np.ndarray:
    keys = keys.copy()
    keys[members] = -np.inf
    return np.sort(np.argsort(-keys, kind="stable")[:n_added])
