"""What the tools that explain a model have in common."""

import anndata as ad
import pytest

import crystallin as cr

PROGRAM = "Program/2"


METHODS = ["activity/contributions", "encoder/integrated_gradients", "loadings"]


def test_results_survive_files(result, model, tmp_path):
    cr.tl.leakage(result, model, max_cells=20)
    cr.tl.program_importance(result, model)
    cr.tl.knockdown(result, model, genes=["g1"], n_random=2, max_cells=20)
    cr.tl.attribution_agreement(result, model, "batch", methods=METHODS, programs=[PROGRAM], max_cells=20)
    cr.tl.interactions(result, model, PROGRAM, n_genes=3)
    result.write_h5ad(tmp_path / "cells.h5ad")
    result.write_zarr(tmp_path / "cells.zarr")
    back = ad.read_h5ad(tmp_path / "cells.h5ad")
    for read in (
        cr.get.leakage_df,
        cr.get.program_importance_df,
        cr.get.knockdown_df,
        cr.get.attribution_agreement_df,
        cr.get.interactions_df,
    ):
        assert len(read(back)) == len(read(result)) > 0


@pytest.mark.parametrize("name", ["leakage", "program_importance", "knockdown", "interactions", "faithfulness"])
def test_copies_leave_the_data_alone(result, model, name):
    options = {
        "knockdown": {"genes": ["g1"], "n_random": 2, "max_cells": 10},
        "interactions": {"program": PROGRAM, "n_genes": 3},
        "faithfulness": {"programs": [PROGRAM], "methods": METHODS[:1], "n_genes": [2], "n_random": 1, "max_cells": 10},
    }.get(name, {})
    table = result.uns["programs"]["table"].copy()
    other = getattr(cr.tl, name)(result, model, copy=True, **options)
    assert name in other.uns and name not in result.uns
    assert result.uns["programs"]["table"].equals(table)
    with pytest.raises(KeyError, match=f"under '{name}'; call crystallin.tl.{name}"):
        getattr(cr.get, f"{name}_df")(result)


def test_bad_input(result, model):
    def bad(match, call, *args, error=ValueError, **options):
        with pytest.raises(error, match=match):
            call(result, model, *args, **options)

    bad("Give either genes= or programs=", cr.tl.knockdown)
    bad("Give either genes= or programs=", cr.tl.knockdown, genes=["g1"], programs=[PROGRAM])
    bad("'nogene' is not one of the model's 240 genes", cr.tl.knockdown, genes="nogene", error=KeyError)
    bad("genes names 200 of 240 genes", cr.tl.knockdown, genes=list(result.var_names[:200]))
    bad("n_random=0", cr.tl.knockdown, genes="g1", n_random=0)
    bad(
        "methods: 'shap' is not known; use 'activity/METHOD'",
        cr.tl.attribution_agreement,
        "batch",
        methods=["shap", "loadings"],
    )
    bad("give at least 2", cr.tl.attribution_agreement, "batch", methods="loadings")
    bad("method='magic' is not one of", cr.tl.attribution_agreement, "batch", methods=["loadings", "encoder/magic"])
    bad("groupby and group have to be given together", cr.tl.interactions, PROGRAM, group="one")
    bad("Give at least two genes", cr.tl.interactions, PROGRAM, genes=["g1"])
    bad("group='three' is not one of", cr.tl.interactions, PROGRAM, groupby="batch", group="three")
    bad("max_cells=0", cr.tl.leakage, max_cells=0)
    result.uns["programs"]["activity_params"]["digest"] = "another"
    bad("are not those of this model", cr.tl.faithfulness)
