"""A calibrated reference of six donors, and cells of donors and types that it has not seen."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import crystallin as cr
from crystallin._map._reference import Reference

N_GENES = 300


@dataclass(frozen=True)
class Referenced:
    """``model`` was trained on types 0 to 2 of six donors; ``query`` has two other donors and a further type."""

    model: cr.ProgramVAE
    query: AnnData
    truth: pd.DataFrame

    @property
    def about(self) -> Reference:
        """The reference of verdicts."""
        return Reference.from_dict(self.model.reference_)


@pytest.fixture(scope="session")
def _referenced() -> Referenced:
    adata = cr.datasets.simulate(
        1_200,
        N_GENES,
        n_programs=8,
        n_decoys=0,
        program_size=(15, 25),
        n_cell_types=3,
        rare_fraction=0.2,
        held_out_cell_type=True,
        n_donors=8,
        depth=1_500,
        random_state=1,
    )
    edges = adata.uns["simulation"]["edges"]
    sets = {name: list(part["target"]) for name, part in edges[edges["annotated"]].groupby("source")}
    held_out = adata.obs["held_out"].to_numpy(dtype=bool)
    adata.obs["type"] = np.where(held_out, "new type", adata.obs["cell_type"].astype(str))
    donors = adata.obs["donor"].unique()
    unseen = adata.obs["donor"].isin(donors[-2:]).to_numpy() | held_out
    reference = adata[~unseen].copy()
    cr.pp.add_programs(reference, sets)
    cr.ProgramVAE.setup_anndata(reference)
    model = cr.ProgramVAE(reference)
    model.train(max_epochs=60, enable_progress_bar=False, plan_kwargs={"lr": 5e-3})
    cr.calibrate(model, "type", sample_key="donor", n_folds=3, enable_progress_bar=False)
    query = adata[unseen]
    dimensions = adata.uns["simulation"]["dimensions"]["program"].to_numpy()
    truth = pd.DataFrame(query.obsm["true_activity"], query.obs_names, dimensions)
    clean = AnnData(query.X.copy(), obs=query.obs[["type", "donor"]].copy(), var=query.var[[]].copy())
    return Referenced(model, clean, truth)


@pytest.fixture
def referenced(_referenced: Referenced) -> Referenced:
    """A calibrated model, which no test may change, and a copy of the query."""
    return Referenced(_referenced.model, _referenced.query.copy(), _referenced.truth)
