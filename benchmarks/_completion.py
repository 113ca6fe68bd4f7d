"""Audits of programs: how they are run, what their tables hold, and what they get right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from _common import DATA, seconds_of
from kang import variable_genes
from recovery import LOADING_UNIT, STRONG, log_normalised
from scipy import sparse
from sklearn.metrics import average_precision_score, roc_auc_score

import crystallin as cr

AUDIT = "audit_programs"
LEVELS = (0.05, 0.1, 0.2)
DEFAULT_LEVEL = 0.1
N_GENES, MIN_GENES = 4_000, 12
# some methods of attribution take a while for each cell
ATTRIBUTIONS, N_ATTRIBUTED = ("contributions", "gradient_input", "integrated_gradients"), 300
# quantile of the normal distribution for one-sided tests at 95 %
ONE_SIDED = 1.645


@dataclass(frozen=True)
class Audit:
    """Result of tl.audit_programs."""

    table: pd.DataFrame
    summary: pd.DataFrame
    params: dict[str, Any]
    seconds: float

    @property
    def programs(self) -> list[str]:
        """Programs whose missing genes were sought."""
        return self.summary.loc[self.summary["reason"].eq(""), "program"].astype(str).tolist()

    @property
    def missing(self) -> pd.DataFrame:
        """Rows of genes outside the sets that are on the panel."""
        return self.table[self.table["kind"].eq("missing") & self.table["in_panel"].astype(bool)]

    @property
    def suggested(self) -> pd.DataFrame:
        return self.missing[self.missing["verdict"].eq("suggested")]

    @property
    def members(self) -> pd.DataFrame:
        return self.table[self.table["kind"].eq("member")]


# ------------------------------------------------------------------------------------------------------ what is run


def audited(adata: ad.AnnData, model: cr.ProgramVAE, **options: object) -> Audit:
    _, seconds = seconds_of(lambda: cr.tl.audit_programs(adata, model, **options))
    result = adata.uns[AUDIT]
    # the next audit of these cells overwrites the slot
    return Audit(result["table"].copy(), result["summary"].copy(), dict(result["params"]), round(seconds, 1))


def completed(adata: ad.AnnData, model: cr.ProgramVAE, **options: object) -> tuple[cr.ProgramVAE, float]:
    """A model of the completed sets, which are in ``adata`` under "completed", and the seconds it took."""
    result, seconds = seconds_of(lambda: cr.complete(adata, model, **options))
    return result, round(seconds, 1)


def fitted(
    adata: ad.AnnData, max_epochs: int | None, seed: int = 0, n_unannotated: int | str = 0
) -> tuple[cr.ProgramVAE, float]:
    """A model of the programs in ``adata``, whose activities are written, and the seconds that the training took."""
    cr.ProgramVAE.setup_anndata(adata)
    model = cr.ProgramVAE(adata, random_state=seed, n_unannotated=n_unannotated)
    _, seconds = seconds_of(lambda: model.train(max_epochs=max_epochs, enable_progress_bar=False))
    cr.tl.activity(adata, model)
    return model, round(seconds, 1)


def real_cells(file: str, *, quick: bool, keep: Sequence[str] = (), n_genes: int = N_GENES) -> ad.AnnData:
    """Cells with their variable genes."""
    adata = ad.read_h5ad(DATA / f"{file}.h5ad")
    if quick:
        adata = adata[np.random.default_rng(0).choice(adata.n_obs, 600, replace=False)].copy()
        n_genes = n_genes // 4
    return variable_genes(adata, keep=keep, n_genes=n_genes)


def memberships(adata: ad.AnnData, key: str = "programs") -> pd.DataFrame:
    """Genes x programs: whether the set has the gene."""
    names = [str(name) for name in adata.uns[key]["names"]]
    return pd.DataFrame((sparse.csr_matrix(adata.varm[key]) != 0).toarray(), adata.var_names, names)


def sets_of(members: pd.DataFrame, names: Iterable[str] | None = None) -> dict[str, list[str]]:
    return {name: members.index[members[name]].tolist() for name in (members if names is None else names)}


def awake_sets(
    adata: ad.AnnData, programs: object, *, quick: bool, min_genes: int = MIN_GENES
) -> tuple[list[str], pd.DataFrame]:
    """Add programs and screen them; names of those that are awake between or within types, and memberships of all."""
    cr.pp.add_programs(adata, programs, min_genes=min_genes)
    cr.pp.screen_programs(adata, within="cell_type")
    table, members = cr.get.programs_df(adata, columns="all"), memberships(adata)
    awake = [name for name in members if bool(table.loc[name, "awake"])]
    # too few cells to see anything: any will do to check that it runs
    return (list(dict.fromkeys([*awake, *members]))[:6] if quick and len(awake) < 6 else awake), members


def all_awake(adata: ad.AnnData) -> None:
    """Take all programs for awake, as the few cells of a quick check do not show it."""
    table = adata.uns["programs"]["table"]
    adata.uns["programs"] = {**adata.uns["programs"], "table": table.assign(awake=table["kept"].astype(bool))}


def added_edges(adata: ad.AnnData) -> pd.DataFrame:
    """Edges of the completed sets that the given ones do not have; without sets that are random anyway."""
    before, after = memberships(adata), memberships(adata, "completed")
    random = cr.get.programs_df(adata, decoys=True, columns="all")["decoy"].astype(bool)
    names = [name for name in before if name in after and not random[name]]
    gene, program = np.nonzero((after[names] & ~before[names]).to_numpy())
    return pd.DataFrame({"program": np.array(names, dtype=object)[program], "gene": after.index[gene]})


# ------------------------------------------------------------------------------------------------- genes x programs


def as_matrix(edges: pd.DataFrame, genes: pd.Index, programs: Sequence[str]) -> np.ndarray:
    """Genes x programs: whether ``edges`` (columns program and gene) hold the pair."""
    matrix = np.zeros((len(genes), len(programs)), dtype=bool)
    row, column = genes.get_indexer(edges["gene"]), pd.Index(programs).get_indexer(edges["program"])
    there = (row >= 0) & (column >= 0)
    matrix[row[there], column[there]] = True
    return matrix


def scores_of(audit: Audit, genes: pd.Index, programs: Sequence[str]) -> np.ndarray:
    """Genes x programs: the audit's score; pairs that its table leaves out are tied below all others."""
    found = audit.missing
    row, column = genes.get_indexer(found["gene"]), pd.Index(programs).get_indexer(found["program"])
    score, there = found["score"].to_numpy(float), (row >= 0) & (column >= 0)
    matrix = np.full((len(genes), len(programs)), (score.min() if len(score) else 0.0) - 1)
    matrix[row[there], column[there]] = score[there]
    return matrix


def correlations_of(expression: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Genes x programs: Pearson correlation over cells; what does not vary has none."""

    def standardised(x: np.ndarray) -> np.ndarray:
        sd = x.std(axis=0)
        return (x - x.mean(axis=0)) / np.where(sd > 0, sd, 1)

    return standardised(expression).T @ standardised(values) / len(values)


def baselines(adata: ad.AnnData, programs: Sequence[str], degree: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Genes x programs: what one might rank candidates by without an audit.

    ``degree`` is the number of sets that have the gene, if the collection is more than the programs in ``adata``.
    """
    members = memberships(adata)
    logged = log_normalised(adata).to_numpy()
    sd = logged.std(axis=0)
    z = (logged - logged.mean(axis=0)) / np.where(sd > 0, sd, 1)
    inside = members[list(programs)].to_numpy(dtype=np.float32)
    means = z @ inside / np.maximum(inside.sum(axis=0), 1)
    with_activity = correlations_of(logged, cr.get.activity_df(adata, decoys=True)[list(programs)].to_numpy())
    with_means = correlations_of(logged, means)
    degree = members.to_numpy().sum(axis=1) if degree is None else degree
    return {
        "correlation with the activity": with_activity,
        "absolute correlation with the activity": np.abs(with_activity),
        "correlation with the set's mean": with_means,
        "absolute correlation with the set's mean": np.abs(with_means),
        "degree of the gene": np.repeat(degree[:, None], len(programs), axis=1).astype(float),
    }


def attributions(adata: ad.AnnData, model: cr.ProgramVAE, programs: Sequence[str], *, quick: bool) -> dict:
    """Genes x programs: mean absolute attributions of activities, by each method that gives non-members a value."""
    n = min(adata.n_obs, 20 if quick else N_ATTRIBUTED)
    cells = np.sort(np.random.default_rng(0).choice(adata.n_obs, n, replace=False))
    options = {"indices": cells, "programs": list(programs), "statistic": "mean_absolute"}
    return {f"attributions, {method}": model.get_attributions(method=method, **options)[0] for method in ATTRIBUTIONS}


def ranking(truth: np.ndarray, score: np.ndarray, candidates: np.ndarray, n_calls: int) -> dict[str, float | None]:
    """How well a score ranks candidate pairs; recall if as many were called as the audit suggests, ties at random."""
    truth, score = truth[candidates], score[candidates]
    if not truth.any() or truth.all():
        return {"auprc": None, "auroc": None, "recall_at_as_many_calls": None}
    order = np.lexsort((np.random.default_rng(0).random(len(score)), -score))
    return {
        "auprc": round(float(average_precision_score(truth, score)), 4),
        "auroc": round(float(roc_auc_score(truth, score)), 4),
        "recall_at_as_many_calls": round(float(truth[order[:n_calls]].sum() / truth.sum()), 4),
    }


def rankings(truth: np.ndarray, scores: dict[str, np.ndarray], candidates: np.ndarray, n_calls: int) -> dict:
    """Prevalence, and each score's ranking. Decoder loadings are 0 outside the sets and cannot rank these pairs."""
    n_true = int((truth & candidates).sum())
    return {
        "pairs": int(candidates.sum()),
        "true": n_true,
        "prevalence": round(n_true / max(int(candidates.sum()), 1), 6),
        "scores": {name: ranking(truth, score, candidates, n_calls) for name, score in scores.items()},
    }


# ------------------------------------------------------------------------------------------------- simulated truth


@dataclass(frozen=True)
class Truth:
    """Genes x programs, in the order of the audited programs."""

    genes: pd.Index
    programs: list[str]
    member: np.ndarray
    annotated: np.ndarray
    strength: np.ndarray

    @classmethod
    def of(cls, adata: ad.AnnData, programs: list[str]) -> Truth:
        simulation = adata.uns["simulation"]
        edges = simulation["edges"].rename(columns={"source": "program", "target": "gene"})
        member = as_matrix(edges[edges["true"].astype(bool)], adata.var_names, programs)
        dimensions = pd.Index(simulation["dimensions"]["program"])
        loadings = pd.DataFrame(np.abs(adata.varm["true_loadings"]), columns=dimensions)
        # decoys have none
        strength = (
            loadings.reindex(columns=programs, fill_value=0).to_numpy() / LOADING_UNIT[simulation["params"]["arm"]]
        )
        return cls(adata.var_names, programs, member, memberships(adata)[programs].to_numpy(), strength)

    @property
    def missing(self) -> np.ndarray:
        return self.member & ~self.annotated

    def holds(self, edges: pd.DataFrame, which: np.ndarray) -> np.ndarray:
        """For each edge, whether it is in ``which``."""
        row = self.genes.get_indexer(edges["gene"])
        return which[row, pd.Index(self.programs).get_indexer(edges["program"])]


def share(part: float, whole: float) -> float | None:
    return round(float(part / whole), 4) if whole else None


def of_missing(audits: dict[float, Audit], truth: Truth) -> dict[str, dict]:
    """By nominal rate: how many suggestions are wrong, and how many missing members of audited programs are found."""
    decoys = ~truth.member.any(axis=0)
    result = {}
    for level, audit in audits.items():
        edges = audit.suggested
        edges = edges[edges["program"].isin(truth.programs)]
        right = truth.holds(edges, truth.missing)
        strong = truth.missing & (truth.strength >= STRONG)
        n_strong = int(truth.holds(edges, strong).sum())
        result[f"{level:g}"] = {
            "calls": len(edges),
            "false": int((~right).sum()),
            "false_discovery_proportion": share((~right).sum(), len(edges)),
            "on_decoys": int(edges["program"].isin(np.array(truth.programs)[decoys]).sum()),
            "found": int(right.sum()),
            "missing": int(truth.missing.sum()),
            "recall": share(right.sum(), truth.missing.sum()),
            "missing_strong": int(strong.sum()),
            "found_strong": n_strong,
            "recall_strong": share(n_strong, strong.sum()),
            "estimated_by_the_audit": audit.params.get("realised"),
            "calls_of_mirror_images": audit.params.get("n_mirror"),
            # what the q column alone would call at this level
            "calls_by_q_alone": int((audit.missing["q"] <= level).sum()),
        }
    return result


def of_members(audits: dict[float, Audit], truth: Truth) -> dict[str, dict]:
    """By nominal rate: how far verdicts on annotated members are right."""
    result = {}
    for level, audit in audits.items():
        edges = audit.members[audit.members["program"].isin(truth.programs)]
        true, verdict = truth.holds(edges, truth.member), edges["verdict"].to_numpy()
        doubted, kept = verdict == "contradicts", verdict == "kept"
        result[f"{level:g}"] = {
            "members": len(edges),
            "spurious": int((~true).sum()),
            "contradicts": int(doubted.sum()),
            "contradicts_wrongly": int((doubted & true).sum()),
            "error_of_contradicts": share((doubted & true).sum(), doubted.sum()),
            "kept": int(kept.sum()),
            "kept_wrongly": int((kept & ~true).sum()),
            "error_of_kept": share((kept & ~true).sum(), kept.sum()),
            "spurious_found": share((doubted & ~true).sum(), (~true).sum()),
            "true_kept": share((kept & true).sum(), true.sum()),
            "silent": share((verdict == "silent").sum(), len(edges)),
        }
    return result


# -------------------------------------------------------------------------------------------------- other cells


def conditional_t(adata: ad.AnnData, activity: pd.DataFrame) -> pd.DataFrame:
    """Genes x programs: t value of each program, given all the others, in a regression of log-normalised expression.

    A check that knows nothing of how audits are computed. The activity of a program that does not have the gene depends
    on it only through other programs that do.
    """
    y = log_normalised(adata).to_numpy(dtype=float)
    x = np.column_stack([np.ones(len(y)), activity.to_numpy(dtype=float)])
    inverse = np.linalg.pinv(x.T @ x)
    beta = inverse @ x.T @ y
    variance = ((y - x @ beta) ** 2).sum(axis=0) / (len(y) - x.shape[1])
    se = np.sqrt(np.outer(np.diag(inverse), np.maximum(variance, 1e-12)))
    return pd.DataFrame((beta / se)[1:].T, adata.var_names, activity.columns)
