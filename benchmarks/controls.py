"""Do the names mean something? The same model on sets that carry the names of others, and before any training.

    python benchmarks/controls.py                # writes benchmarks/results/controls.json
    python benchmarks/controls.py --only cite    # one part again, the others' results are kept
    python benchmarks/controls.py --quick        # a small check that writes nothing

Arms, with the same cells, genes, split and seeds:

* true: the sets as they are.
* rewired: memberships dealt anew among genes of like expression. Genes are in as many sets as before, and sets have as
  many genes of each class of expression; overlaps are those of chance. The set in the place of a true one carries its
  name. Names take no part in training, so one model says both what random sets reach and what the names are worth.
* exchanged: in all sets each gene is replaced by one of like expression and degree, so overlaps stay too (first seed).
* untrained: the true sets and the start that every model takes from the data, without any step. There is no public way
  to ask for no epoch, so it is one epoch with a learning rate of 1e-30, which rounding swallows.

Judged by:

* Kang (2,800 cells, 3,000 variable genes, sets of at least 12 genes): the rank of interferon's programs by |Cohen's d|
  of stimulated against control cells in each type; the largest |d|; the cell type of the 15 nearest cells.
* Simulated cells (as in recovery.py, one seed): correlation of each program with the planted activity of its name.
* Cells with surface proteins: correlation of marker sets of the immune collection with the protein that the cells are
  known by (log counts minus their mean over the cell's proteins; within batches), beside decoupler's ulm and scanpy's
  score_genes on the same sets. Which set belongs to which protein was written down before any was looked at.
* Everywhere: log-likelihood of held-out cells by Laplace's approximation, per cell, as in search.py.

Data: the folder named by CRYSTALLIN_DATA_DIR (default ``../shared/data``).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

import anndata as ad
import numpy as np
import pandas as pd
from _common import DATA, RESULTS, parser, quiet, versions, write
from _fits import INTERFERON, KINDS, UNTRAINED, interferon, nearest_neighbours, readings_of, trained
from _published import immune
from annotation import scores_of_cells
from kang import COLLECTIONS, MIN_GENES, variable_genes
from recovery import SMALL, correlations, log_normalised, truth_of
from scipy import sparse
from screening import members, rewired_sets

import crystallin as cr
from crystallin.programs import exchanged, strata_of

ARMS = ("true", "rewired", "exchanged", "untrained")
SEEDS = (0, 1)
SIMULATION = {"arm": "log-additive", "depth": 500, "random_state": 0}
N_GENES_CITE, MIN_GENES_CITE = 2_000, 5
# file, batches, and the set whose cells are known by a protein
CITE = {
    "PBMC 10k and 5k": (
        "pbmc_cite_400.h5ad",
        "batch",
        {
            "CD3": "T cell",
            "CD4": "CD4 T cell",
            "CD8a": "CD8 T cell",
            "CD14": "Classical monocyte",
            "CD16": "Non-classical monocyte",
            "CD19": "B cell",
            "CD45RO": "Memory CD4 T cell",
            "CD56": "NK cell",
        },
    ),
    "ECCITE-seq": (
        "pbmc_citefuse_500.h5ad",
        None,
        {
            "CD3": "T cell",
            "CD4": "CD4 T cell",
            "CD8": "CD8 T cell",
            "CD11c": "Monocyte",
            "CD14": "Classical monocyte",
            "CD16": "Non-classical monocyte",
            "CD19": "B cell",
            "CD45RO": "Memory CD4 T cell",
            "CD56": "NK cell",
            "MHCII (HLA-DR)": "MHC class II antigen presentation",
            "TCRg": "Gamma-delta T cell",
        },
    ),
}


# ------------------------------------------------------------------------------------------------------------ arms


def sets_of(adata: ad.AnnData) -> dict[str, list[str]]:
    """Genes of the programs in ``adata``, by name."""
    sets = sparse.csr_matrix(adata.varm["programs"].T)
    return named(adata, members(sets, adata.var_names, "set"))


def named(adata: ad.AnnData, sets: dict[str, list[str]]) -> dict[str, list[str]]:
    """Sets in the order of the programs in ``adata``, with the programs' names."""
    return dict(zip(map(str, adata.uns["programs"]["names"]), sets.values(), strict=True))


def exchanged_sets(adata: ad.AnnData, seed: int) -> dict[str, list[str]]:
    """The collection with each gene replaced, in all sets, by one of like expression and in about as many sets."""
    sets = sparse.csr_matrix(adata.varm["programs"].T)
    strata = strata_of(sets, np.asarray(adata.X.mean(axis=0)).ravel())
    place = exchanged(strata, np.random.default_rng(seed))
    sets = sparse.csr_matrix((sets.data, place[sets.indices], sets.indptr), shape=sets.shape)
    return members(sets, adata.var_names, "exchanged")


def arms(adata: ad.AnnData, seeds: tuple[int, ...]) -> Iterator[tuple[str, int, ad.AnnData, dict]]:
    """Name of the arm, seed, data with its programs, and what is known of its sets."""
    true = sets_of(adata)
    for seed in seeds:
        others = {"rewired": rewired_sets(adata, seed)}
        if seed == seeds[0]:
            others["exchanged"] = exchanged_sets(adata, seed)
        for arm in ARMS:
            if arm in ("true", "untrained"):
                yield arm, seed, adata.copy(), {}
            elif arm in others:
                sets = named(adata, others[arm])
                kept = [len({*genes} & {*true[name]}) / len(true[name]) for name, genes in sets.items()]
                changed = adata.copy()
                cr.pp.add_programs(changed, sets, min_genes=3, max_genes=adata.n_vars)
                yield arm, seed, changed, {"genes_of_the_true_set_mean": round(float(np.mean(kept)), 3)}


def judged(
    adata: ad.AnnData, seeds: tuple[int, ...], max_epochs: int | None, batch_key: str | None = None
) -> Iterator[tuple[str, ad.AnnData, dict[str, pd.DataFrame], dict]]:
    """Name of the arm, data, readings, and the row of results to add to."""
    for arm, seed, data, about in arms(adata, seeds):
        settings = UNTRAINED if arm == "untrained" else {"max_epochs": max_epochs}
        model, row = trained(data, seed, settings, batch_key=batch_key)
        yield arm, data, readings_of(model, data), {**row, **about}


# ----------------------------------------------------------------------------------------------------------- parts


def kang(args: argparse.Namespace) -> Iterator[tuple[list[str], dict]]:
    """Interferon-beta: place in the results, and row."""
    adata = variable_genes(ad.read_h5ad(DATA / "kang_ifnb_2800.h5ad"))
    if args.quick:
        adata = adata[np.random.default_rng(0).choice(adata.n_obs, 400, replace=False)].copy()
    for title in ["Hallmark"] if args.quick else COLLECTIONS:
        cr.pp.add_programs(adata, DATA / "genesets" / COLLECTIONS[title], min_genes=MIN_GENES)
        for arm, data, readings, row in judged(adata, args.seeds, args.max_epochs):
            for kind in KINDS:
                row[kind] = interferon(data, readings[kind], title)
                row[kind]["cell_type_by_neighbours"] = nearest_neighbours(readings[kind], data.obs["cell_type"])
            yield [title, arm], row


def simulated(args: argparse.Namespace) -> Iterator[tuple[list[str], dict]]:
    """Planted programs, at one seed."""
    adata = cr.datasets.simulate(**SIMULATION, **(SMALL if args.quick else {}))
    truth = truth_of(adata)
    cr.pp.add_programs(adata, adata.uns["simulation"]["annotation"])
    for arm, data, readings, row in judged(adata, args.seeds[:1], args.max_epochs):
        for kind in KINDS:
            row[kind] = correlations(truth, readings[kind].reindex(columns=truth.columns, fill_value=0))
            row[kind]["cell_type_by_neighbours"] = nearest_neighbours(readings[kind], data.obs["cell_type"])
        yield [arm], row


def cite(args: argparse.Namespace) -> Iterator[tuple[list[str], dict]]:
    """Surface proteins."""
    sets, _, _ = immune()
    for title in list(CITE)[:1] if args.quick else CITE:
        file, batch_key, markers = CITE[title]
        adata = with_logged(ad.read_h5ad(DATA / file), [gene for genes in sets.values() for gene in genes])
        if args.quick:
            adata = adata[::2].copy()
        cr.pp.add_programs(adata, "immune", min_genes=MIN_GENES_CITE)
        batch = adata.obs[batch_key].astype(str).to_numpy() if batch_key else np.zeros(adata.n_obs, dtype=int)
        known = {
            protein: name
            for protein, name in markers.items()
            if name in set(adata.uns["programs"]["names"].astype(str))
        }
        protein = np.log1p(adata.obsm["protein_expression"])
        protein = protein.sub(protein.mean(axis=1), axis=0)[list(known)]
        for arm, data, readings, row in judged(adata, args.seeds, args.max_epochs, batch_key):
            methods = dict(readings)
            if arm != "untrained":
                of_arm = sets_of(data)
                methods |= scores_of_cells(data, {name: of_arm[name] for name in known.values()})
            for method, values in methods.items():
                r = [within(values[name], protein[column], batch) for column, name in known.items()]
                row[method] = {
                    "r_median": round(float(np.median(r)), 3),
                    "r": {column: round(value, 3) for column, value in zip(known, r, strict=True)},
                }
            row["markers"] = known
            yield [title, arm], row


def with_logged(adata: ad.AnnData, keep: list[str]) -> ad.AnnData:
    """Variable genes and those to keep, of cells with logged counts in a layer."""
    adata.var_names = adata.var_names.str.removeprefix("hg19_")
    adata.var_names_make_unique()
    adata = adata[:, np.asarray(adata.X.sum(axis=0)).ravel() > 0].copy()
    adata.layers["logged"] = sparse.csr_matrix(log_normalised(adata).to_numpy())
    return variable_genes(adata, keep=keep, n_genes=N_GENES_CITE)


def within(values: pd.Series, protein: pd.Series, batch: np.ndarray) -> float:
    """Correlation within batches, mean over cells; what does not vary says nothing."""
    r = [values[batch == name].corr(protein[batch == name]) * (batch == name).mean() for name in np.unique(batch)]
    return float(np.nansum(r))


PARTS = {"cite": cite, "kang": kang, "simulated": simulated}


def main() -> None:
    options = parser("controls")
    options.add_argument("--only", nargs="*", choices=list(PARTS), help="parts to run; the others' results are kept")
    options.add_argument("--seeds", nargs="*", type=int, default=SEEDS)
    args = options.parse_args()
    args.seeds = tuple(args.seeds[:1] if args.quick else args.seeds)
    args.max_epochs = 2 if args.quick else None
    quiet()
    path = args.out or RESULTS / "controls.json"
    results = json.loads(path.read_text()) if args.only and path.is_file() else {}
    results |= {"versions": versions("scvi-tools", "torch", "decoupler", "scanpy"), "named": INTERFERON}
    for name in args.only or PARTS:
        results[name] = {}
        for place, row in PARTS[name](args):
            part = results[name]
            for key in place[:-1]:
                part = part.setdefault(key, {})
            part.setdefault(place[-1], []).append(row)
            print(name, *place, json.dumps(row), flush=True)
            write(results, "controls", args)


if __name__ == "__main__":
    main()
