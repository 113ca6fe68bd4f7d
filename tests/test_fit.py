import numpy as np
import pandas as pd
import pytest

import crystallin as cr


def test_the_same_as_step_by_step(planted):
    whole, steps = planted.adata, planted.adata.copy()
    model = cr.fit(
        whole, planted.sets, batch_key="batch", n_decoys=2, max_epochs=2, random_state=3, enable_progress_bar=False
    )
    cr.pp.add_programs(steps, planted.sets, n_decoys=2, random_state=3)
    cr.ProgramVAE.setup_anndata(steps, batch_key="batch")
    other = cr.ProgramVAE(steps, random_state=3)
    other.train(max_epochs=2, enable_progress_bar=False)
    cr.tl.activity(steps, other)
    cr.tl.loadings(steps, other)
    assert model.digest == other.digest
    for slot in ("X_programs", "programs_sd", "X_programs_total", "programs_total_sd"):
        np.testing.assert_array_equal(whole.obsm[slot], steps.obsm[slot])
    np.testing.assert_array_equal(whole.varm["programs_loadings"], steps.varm["programs_loadings"])
    pd.testing.assert_frame_equal(cr.get.programs_df(whole, columns="all"), cr.get.programs_df(steps, columns="all"))


def test_arguments_reach_their_places(planted):
    adata = planted.adata
    adata.layers["counts"], adata.X = adata.X.copy(), None
    adata.var["symbol"], adata.var_names = adata.var_names.to_numpy(), [f"ENSG{i}" for i in range(adata.n_vars)]
    adata.obs["size"] = 1.0
    model = cr.fit(
        adata,
        planted.sets,
        layer="counts",
        gene_symbols="symbol",
        min_genes=13,
        max_genes=17,
        size_factor_key="size",
        categorical_covariate_keys=["cell_type"],
        continuous_covariate_keys=["age"],
        key_added="mine",
        max_epochs=1,
        enable_progress_bar=False,
    )
    sizes = cr.get.programs_df(adata, key="mine", columns="all")["n_present"]
    assert sizes.between(13, 17).all() and len(sizes) < len(planted.sets)
    assert {"X_mine", "mine_sd"} <= set(adata.obsm) and "mine_loadings" in adata.varm
    registered = str(model.adata_manager.registry)
    assert all(name in registered for name in ("counts", "cell_type", "age", "size"))


def test_only_programs_that_are_awake_are_trained(planted):
    rng = np.random.default_rng(0)
    genes = planted.adata.var_names.to_numpy()
    sets = planted.sets | {f"random {i}": rng.choice(genes, 14, replace=False).tolist() for i in range(12)}
    options = {"max_epochs": 1, "posterior_epochs": 0, "enable_progress_bar": False, "batch_key": "batch"}
    screen = {"within": "cell_type", "n_null": 200, "keep": ["random 3"]}
    model = cr.fit(planted.adata, sets, screen=screen, **options)
    expected = planted.adata.copy()
    cr.pp.add_programs(expected, sets)
    cr.pp.screen_programs(expected, drop=True, batch_key="batch", **screen)
    assert model.program_names.tolist() == expected.uns["programs"]["names"].tolist()
    assert "random 3" in model.program_names and len(model.program_names) < 14
    assert len(cr.get.programs_df(planted.adata, dropped=True, columns="all")) == 20
    with pytest.raises(ValueError, match=r"screen=\{'fdrr': 1\} must be True, False or a dict"):
        cr.fit(planted.adata, sets, screen={"fdrr": 1}, **options)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"layer": "missing"}, KeyError, "is not a layer"),
        ({"batch_key": "missing"}, KeyError, "is not a column"),
        ({"programs": "missing.gmt"}, FileNotFoundError, "no gene-set file"),
        ({"programs": {"x": ["unknown"] * 9}}, ValueError, "gene"),
        ({"min_genes": 0}, ValueError, "min_genes"),
    ],
)
def test_bad_input_comes_before_training(planted, monkeypatch, arguments, error, match):
    monkeypatch.setattr(cr.ProgramVAE, "train", lambda *_, **__: pytest.fail("trained"))
    with pytest.raises(error, match=match):
        cr.fit(planted.adata, **{"programs": planted.sets, **arguments})
    assert "programs" not in planted.adata.uns


def test_free_programs_leave_awake_ones_their_signal(planted):
    """Programs are screened for them, and all are trained."""
    options = {"batch_key": "batch", "max_epochs": 2}
    model = cr.fit(planted.adata, planted.sets, n_unannotated=2, **options)
    table = cr.get.programs_df(planted.adata, columns="all")
    assert table["awake"].any() and model.program_names.tolist() == list(planted.sets)
    assert model.module.decoder.protected.tolist() == table["awake"].tolist()
    assert planted.adata.obsm["X_programs_free"].shape[1] == len(model.free_names) <= 2
    with pytest.raises(ValueError, match="n_unannotated='some' must be \"auto\" or a whole number"):
        cr.fit(planted.adata, planted.sets, n_unannotated="some", **options)
