"""Models of one setting after the other, and what is asked of each of them."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from _common import seconds_of
from kang import MIN_CELLS, effects
from search import marginal
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

import crystallin as cr

KINDS = ("unique", "total")
# The model starts from the data before its first step, and steps of this size are lost in rounding.
UNTRAINED = {"max_epochs": 1, "posterior_epochs": 0, "plan_kwargs": {"lr": 1e-30}}
N_NEIGHBOURS, N_FOLDS = 15, 5
INTERFERON = {
    "Hallmark": ("HALLMARK_INTERFERON_ALPHA_RESPONSE", "HALLMARK_INTERFERON_GAMMA_RESPONSE"),
    "Reactome": ("REACTOME_INTERFERON_ALPHA_BETA_SIGNALING", "REACTOME_INTERFERON_GAMMA_SIGNALING"),
}


def trained(
    adata: ad.AnnData, seed: int, settings: dict, batch_key: str | None = None, **options: object
) -> tuple[cr.ProgramVAE, dict]:
    """A model of the programs in ``adata``, how well it fits cells it has not seen, and the seconds it took."""
    cr.ProgramVAE.setup_anndata(adata, batch_key=batch_key)
    model = cr.ProgramVAE(adata, random_state=seed, **options)
    _, seconds = seconds_of(lambda: model.train(enable_progress_bar=False, **settings))
    return model, {
        "seed": seed,
        "seconds_training": round(seconds, 1),
        "epochs": len(model.history["elbo_validation"]),
        "held_out_log_likelihood": round(-marginal(model), 2),
    }


def readings_of(model: cr.ProgramVAE, adata: ad.AnnData) -> dict[str, pd.DataFrame]:
    """Cells x programs, decoys among them, in each reading."""
    frame = {"index": adata.obs_names, "columns": model.program_names}
    return {kind: pd.DataFrame(model.get_activity(kind=kind), **frame) for kind in KINDS}


def nearest_neighbours(values: pd.DataFrame, labels: pd.Series) -> float:
    """Balanced accuracy of the label that most near cells have, cross-validated; types of at least 50 cells."""
    labels = labels.astype(str)
    large = labels.map(labels.value_counts()).ge(MIN_CELLS).to_numpy()
    truth, known = labels.to_numpy()[large], values.to_numpy()[large]
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    found = cross_val_predict(KNeighborsClassifier(N_NEIGHBOURS), known, truth, cv=folds)
    return round(float(np.mean([(found[truth == name] == name).mean() for name in np.unique(truth)])), 4)


def interferon(adata: ad.AnnData, activity: pd.DataFrame, collection: str) -> dict:
    """Interferon's programs among all by the absolute effect of stimulation, in each type; rank 1 is the largest."""
    table = effects(adata, activity)
    rank = table.abs().rank(ascending=False)
    first = table.abs().idxmax()
    there = [name for name in INTERFERON[collection] if name in table.index]
    return {
        "cell_types": table.shape[1],
        "programs": len(table),
        "interferon_first_in": [cell_type for cell_type, name in first.items() if "INTERFERON" in name],
        "effect": {name: table.loc[name].round(2).to_dict() for name in there},
        "rank": {name: rank.loc[name].astype(int).to_dict() for name in there},
        "largest_effect": table.abs().max().round(2).to_dict(),
    }
