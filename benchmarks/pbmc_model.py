"""Train, calibrate and export the model that comes with the package as "pbmc".

    python benchmarks/pbmc_model.py            # writes src/crystallin/models/pbmc.zip and programs/blood.tsv.gz
    python benchmarks/pbmc_model.py --quick    # few epochs, to check that it runs; writes nothing
    python benchmarks/pbmc_model.py --card     # writes its card again, with the results of mapping.py --only package

Cells: eight data sets of 10x Genomics (CC BY 4.0) of blood of six healthy donors, by four chemistries. ``SOURCES`` says
where each comes from; files are read from the folder named by CRYSTALLIN_DATA_DIR, as ``.h5ad`` with raw counts and
symbols. Two data sets have published labels: PBMC 3k (the clusters of Seurat's tutorial) and the bead-sorted
populations of Zheng et al. (2017, Nat Commun 8:14049). The others, and the fraction sorted for CD34, of which less than
half are progenitors, are labelled from these by a linear discriminant on the activities.

Genes: those of the "immune" collection, and variable ones. Identifiers are those of GENCODE v44 (Ensembl 110).

The mean profiles of the labelled types on all genes, by which ``tl.annotate`` tells what such cells look like, are
written to ``programs/blood.tsv.gz``: counts per million, means over data sets.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from _common import DATA, RESULTS, ROOT, quiet
from _published import immune
from scipy import sparse
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import crystallin as cr

# file, donor, name of the data set at 10x Genomics, and the copy that was read
SOURCES = {
    "pbmc3k": ("pbmc3k_2638.h5ad", "3k", "3k PBMCs from a Healthy Donor (v1)", "rnabioco/clustifyr@317bf51"),
    "sorted": ("pbmc_facs_3774.h5ad", "A", "Fresh 68k PBMCs (Donor A), sorted (v1)", "stephenslab/fastTopics@8406f5f"),
    "frozen": ("pbmc_frozen_donorA_2896.h5ad", "A", "Frozen PBMCs (Donor A) (v1)", "JEFworks/MUDAN@3636ed2"),
    "1k v2": ("pbmc1k_v2_10x.h5ad", "1k", "1k PBMCs from a Healthy Donor (v2 chemistry)", "baj12/scWGParis@4a3ea76"),
    "1k v3": ("pbmc1k_v3_10x.h5ad", "1k", "1k PBMCs from a Healthy Donor (v3 chemistry)", "baj12/scWGParis@4a3ea76"),
    "5'": ("pbmc1k_5prime_10x.h5ad", "5'", "PBMCs of a healthy donor, 5' gene expression", "baj12/scWGParis@4a3ea76"),
    "10k v3": ("pbmc_cite_400.h5ad", "10k", "10k PBMCs with TotalSeq-B (v3)", "scverse/scvi-tools@93dc4fa"),
    "5k v3": ("pbmc_cite_400.h5ad", "5k", "5k PBMCs with TotalSeq-B (v3)", "scverse/scvi-tools@93dc4fa"),
}
LABELS = {
    "Naive CD4 T": "CD4 T cell",
    "Memory CD4 T": "CD4 T cell",
    "CD4 T": "CD4 T cell",
    "CD4 Memory T": "CD4 T cell",
    "CD4 Naive T": "CD4 T cell",
    "Treg": "CD4 T cell",
    "CD8 T": "CD8 T cell",
    "CD8 Naive T": "CD8 T cell",
    "B": "B cell",
    "NK": "NK cell",
    "CD14+ Mono": "Classical monocyte",
    "CD14 Mono": "Classical monocyte",
    "FCGR3A+ Mono": "Non-classical monocyte",
    "DC": "Dendritic cell",
    "Platelet": "Platelet",
    "HSPC": "Progenitor",
}
IMPURE = "Progenitor"
# without the time of writing, so that the same profiles are the same file
PLAIN_GZIP = {"method": "gzip", "mtime": 0}
# labels of the model that the "immune" collection calls otherwise
NAMES = {"Progenitor": "Haematopoietic progenitor"}
N_VARIABLE = 1_200
# a gene has to be in this many of the files, most of which leave out genes that few cells express
MIN_FILES = 4
TARGET = ROOT / "src" / "crystallin" / "models" / "pbmc.zip"
PROFILES = ROOT / "src" / "crystallin" / "programs" / "blood.tsv.gz"
# a data set counts in a mean profile with at most this many cells, and not at all with fewer than the second number
MOST_CELLS, FEWEST_CELLS = 100, 5

CARD = """\
Blood cells of six healthy donors in eight data sets by 10x Genomics (chemistries v1, v2, v3 and 5'), which are licensed
under CC BY 4.0:

{sources}

Labels come from PBMC 3k and from bead-sorted cells (Zheng et al. 2017, Nat Commun 8:14049); those of the other cells
follow from these. There are no plasma cells, plasmacytoid dendritic cells, granulocytes or erythrocytes among the
labels.

Made by `benchmarks/pbmc_model.py`, tested by `benchmarks/mapping.py`.
"""
TESTED = """
### What it was tested on

None of these cells was used in the training. Verdicts are on Leiden clusters, as shares of the cells; "unlike" is the
share of cells with p < .05, which is 5 % for cells like the reference.

| data | cells | verdicts | unlike | labels right |
|---|---|---|---|---|
{rows}

Cells of Kang et al. were cultured for six hours, so their monocytes are activated. Half of the malignant B cells of the
lymphoma pass as B cells: a verdict does not see what no program describes.
"""


def read(name: str) -> ad.AnnData:
    """Counts of a data set with its donor and, where they are known, labels."""
    file, donor, *_ = SOURCES[name]
    adata = ad.read_h5ad(DATA / file)
    if name in ("10k v3", "5k v3"):
        adata = adata[adata.obs["batch"] == f"PBMC{name.split()[0]}"]
    if "in_symphony_1200" in adata.obs:
        # these cells are in a data set that the model is tested on
        adata = adata[adata.obs["in_symphony_1200"].astype(str) != "True"]
    known = adata.obs["cell_type"].astype(str).map(LABELS) if name in ("pbmc3k", "sorted") else None
    obs = pd.DataFrame({"dataset": name, "donor": donor, "known": "" if known is None else known}, adata.obs_names)
    return ad.AnnData(sparse.csr_matrix(adata.X, dtype=np.float32), obs=obs, var=adata.var[[]])


def all_cells() -> ad.AnnData:
    """All cells, on the genes of most files."""
    parts = {name: read(name) for name in SOURCES}
    n_files = pd.concat([pd.Series(1, part.var_names) for part in parts.values()]).groupby(level=0).sum()
    genes = n_files.index[n_files >= MIN_FILES]
    # a file leaves out a gene that hardly any of its cells express, so its counts are 0
    return ad.concat(parts, join="outer", fill_value=0, index_unique=" ")[:, genes].copy()


def on_genes_of_model(adata: ad.AnnData) -> ad.AnnData:
    """The cells on the genes of the model."""
    sets, _, _ = immune()
    wanted = {gene for members in sets.values() for gene in members}
    logged = adata.copy()
    sc.pp.normalize_total(logged, target_sum=1e4)
    sc.pp.log1p(logged)
    sc.pp.highly_variable_genes(logged, n_top_genes=N_VARIABLE, batch_key="dataset")
    chosen = logged.var_names.isin(wanted) | logged.var["highly_variable"]
    adata = adata[:, chosen & (np.asarray(adata.X.sum(axis=0)).ravel() > 0)]
    return adata[np.asarray(adata.X.sum(axis=1)).ravel() > 0].copy()


def labelled(adata: ad.AnnData) -> np.ndarray:
    """Labels of all cells: known ones, and those of a linear discriminant on the activities."""
    known, activity = adata.obs["known"].to_numpy(dtype=str), adata.obsm["X_programs"]
    told = known != ""
    classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=None)
    labels = known
    for _ in range(3):
        learned = told & (labels != "")
        classes = np.unique(labels[learned])
        classifier.set_params(priors=np.full(len(classes), 1 / len(classes)))
        found = classifier.fit(activity[learned], labels[learned]).predict(activity)
        # the sort for CD34 let other cells pass
        labels = np.where(told & (known != IMPURE), known, found)
    return labels


def profiles(adata: ad.AnnData, labels: pd.Series) -> pd.DataFrame:
    """Mean profile of each type, genes x types, in counts per million."""
    labels, found = labels.reindex(adata.obs_names).to_numpy(dtype=object), {}
    for name in sorted(set(labels) - {np.nan}):
        means, sizes = [], []
        for dataset in adata.obs["dataset"].unique():
            inside = (labels == name) & (adata.obs["dataset"] == dataset).to_numpy()
            if inside.sum() >= FEWEST_CELLS:
                total = np.asarray(adata.X[inside].sum(axis=0)).ravel()
                means.append(total / total.sum())
                sizes.append(min(inside.sum(), MOST_CELLS))
        found[NAMES.get(name, name)] = np.average(means, axis=0, weights=sizes) * 1e6
    table = pd.DataFrame(found, index=pd.Index(adata.var_names, name="gene")).round(1)
    return table[table.max(axis=1) > 0]


def identifiers(genes: pd.Index) -> pd.Series:
    table = pd.read_csv(DATA / "symbol_to_ensembl.tsv", sep="\t").drop_duplicates("symbol", keep=False)
    return table.set_index("symbol")["ensembl_id"].reindex(genes).fillna("")


def card() -> str:
    """The author's text, with what the model was tested on if that was measured."""
    sources = "\n".join(f"- {title} (read from {copy})" for _, _, title, copy in SOURCES.values())
    text, path = CARD.format(sources=sources), RESULTS / "mapping.json"
    tested = json.loads(path.read_text()).get("package", {}) if path.exists() else {}
    rows = [tested_on(name, row) for name, row in tested.items() if name not in ("absent", "model")]
    return text + TESTED.format(rows="\n".join(rows)) if rows else text


def tested_on(name: str, row: dict) -> str:
    if "refused" in row:
        return f"| {name} | – | refused | – | – |"
    verdicts = ", ".join(f"{verdict} {100 * share:.0f} %" for verdict, share in row["cells_by_verdict"].items())
    right = f"{100 * row['label_right']:.0f} %" if "label_right" in row else "–"
    return f"| {name} | {row['cells']} | {verdicts} | {100 * row['share_below_.05']:.0f} % | {right} |"


def export(model: cr.ProgramVAE, path: Path, ids: pd.Series | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    model.export(path, card=card(), licence="cc-by-4.0", gene_ids=ids, dtype="float16", overwrite=True)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--quick", action="store_true", help="few epochs, to check that it runs; writes nothing")
    options.add_argument("--out", type=Path, default=TARGET, help="file to write")
    options.add_argument("--profiles", type=Path, default=PROFILES, help="file of the mean profiles")
    options.add_argument("--card", action="store_true", help="only write the card again")
    args = options.parse_args()
    quiet()
    if args.card:
        export(cr.load(args.out), args.out)
        return
    everything = all_cells()
    adata = on_genes_of_model(everything)
    cr.pp.add_programs(adata, "immune")
    cr.ProgramVAE.setup_anndata(adata, batch_key="dataset")
    model = cr.ProgramVAE(adata, n_hidden=32)
    train = {"enable_progress_bar": False} | ({"max_epochs": 5, "posterior_epochs": 5} if args.quick else {})
    model.train(**train)
    cr.tl.activity(adata, model)
    adata.obs["cell_type"] = labelled(adata)
    if not args.quick:
        profiles(everything, adata.obs["cell_type"]).to_csv(args.profiles, sep="\t", compression=PLAIN_GZIP)
    # a new query is another donor, and often another chemistry
    n_donors = adata.obs["donor"].nunique()
    cr.calibrate(model, "cell_type", sample_key="donor", n_folds=n_donors, enable_progress_bar=False)
    if args.quick:
        return
    export(model, args.out, identifiers(adata.var_names))


if __name__ == "__main__":
    main()
