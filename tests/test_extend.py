"""Further programs on a query: what is found, what stays as it was to the bit, and what is stored."""

import anndata as ad
import numpy as np
import pytest
import torch

import crystallin as cr
from crystallin.model._fixed import Outside

from ._contents import changed, contents

QUICK = {"enable_progress_bar": False}
SHORT = {**QUICK, "posterior_epochs": 4}
WITHHELD = "program_008"


@pytest.fixture(scope="module")
def _parts():
    """Reference, query with genes in another order and some missing or unknown, sets, and true activities."""
    options = {"n_programs": 8, "n_decoys": 0, "program_size": (15, 30), "dropped": 0, "added": 0}
    adata = cr.datasets.simulate(1_000, 250, n_batches=2, depth=1_200, random_state=1, **options)
    sets = adata.uns["simulation"]["annotation"].groupby("source")["target"].agg(list).to_dict()
    # program_001 to program_008
    truth = adata.obsm["true_activity"]
    bare = ad.AnnData(adata.X, obs=adata.obs[["batch"]].astype(str), var=adata.var[[]])
    is_query = (bare.obs["batch"] == bare.obs["batch"].iloc[0]).to_numpy()
    reference, query = bare[~is_query, 3:].copy(), bare[is_query].copy()
    query = query[:, np.random.default_rng(0).permutation(240)].copy()
    query.var["symbol"] = [f"S{i}" for i in range(query.n_vars)]
    return reference, query, sets, truth[is_query]


def _fitted(parts, **options):
    adata, _, sets, _ = parts
    adata = adata.copy()
    adata.obs["batch"] = np.where(np.arange(adata.n_obs) % 2, "one", "two")
    known = {name: genes for name, genes in sets.items() if name != WITHHELD}
    return cr.fit(adata, known, batch_key="batch", max_epochs=40, **QUICK, **options)


@pytest.fixture(scope="module")
def _plain(_parts):
    """A reference with two batches."""
    return _fitted(_parts)


@pytest.fixture(scope="module")
def _reference(_parts):
    """A reference with a free program as well, which takes part of what the withheld program does."""
    return _fitted(_parts, n_unannotated=1)


@pytest.fixture
def query(_parts):
    return _parts[1].copy()


@pytest.fixture(scope="module")
def _extended(_parts, _plain):
    query, sets = _parts[1].copy(), _parts[2]
    genes = np.random.default_rng(0).choice(query.var_names, len(sets[WITHHELD]), replace=False)
    before = contents(query)
    digest = _plain.digest
    model = cr.extend(query, _plain, {WITHHELD: sets[WITHHELD], "random": list(genes)}, **QUICK)
    assert _plain.digest == digest
    return query, model, changed(before, contents(query))


def test_a_withheld_program_is_found(_extended, _parts):
    activities = cr.get.activity_df(_extended[0], key="extended")
    r = {name: np.corrcoef(activities[name], _parts[3][:, 7])[0, 1] for name in (WITHHELD, "random")}
    assert r[WITHHELD] > 0.8 and abs(r["random"]) < 0.3


def test_activities_of_the_reference_stay_close_to_mapped_ones(_extended, _parts, _plain, query):
    mapped = cr.map(query, _plain)
    before, after = mapped.get_activity(), _extended[1].get_activity()[:, : len(mapped.program_names)]
    r = [np.corrcoef(one, other)[0, 1] for one, other in zip(before.T, after.T, strict=True)]
    assert min(r) > 0.9 and np.median(r) > 0.98
    assert np.abs(before.mean(0) - after.mean(0)).max() < 0.25
    # those that change most had explained part of the withheld program
    of_truth = [
        [np.corrcoef(*pair)[0, 1] for pair in zip(values.T, _parts[3].T, strict=False)] for values in (before, after)
    ]
    gain = np.subtract(*reversed(of_truth))
    assert (gain > 0).all() and gain[np.argmin(r)] > 0.05
    # totals are in the units of the reference
    totals = [model.get_activity(kind="total")[:, : len(r)] for model in (mapped, _extended[1])]
    assert min(np.corrcoef(one, other)[0, 1] for one, other in zip(totals[0].T, totals[1].T, strict=True)) > 0.9
    np.testing.assert_allclose(totals[1].std(0), totals[0].std(0), rtol=0.2)


def test_slots(_extended, _plain, tmp_path):
    adata, model, wrote = _extended
    assert not [place for place in wrote if "extended" not in place]
    assert set(model.genes) == set(_plain.genes) & set(adata.var_names)
    known = _plain.program_names.tolist()
    table = cr.get.programs_df(adata, key="extended", columns="all")
    assert table.index.tolist() == [*known, WITHHELD, "random"]
    assert table["of_reference"].tolist() == [True] * len(known) + [False] * 2
    assert table["measured"].between(0.8, 1).all()
    prior, loadings = adata.varm["extended"].toarray(), adata.varm["extended_loadings"]
    inside = adata.var_names.isin(model.genes)
    assert not prior[~inside].any() and not loadings[~inside].any()
    assert table["n_present"].tolist() == (prior != 0).sum(0).tolist()
    by_name = model.get_loadings().iloc[:, : prior.shape[1]].reindex(adata.var_names[inside])
    np.testing.assert_array_equal(loadings[inside], by_name)
    np.testing.assert_array_equal(adata.obsm["X_extended"], model.get_activity())
    adata.write_h5ad(tmp_path / "a.h5ad")
    adata.write_zarr(tmp_path / "a.zarr")
    for read in (ad.read_h5ad(tmp_path / "a.h5ad"), ad.read_zarr(tmp_path / "a.zarr")):
        assert cr.get.programs_df(read, key="extended", columns="all")["of_reference"].sum() == len(known)


def _assert_fixed(reference, model):
    """Compare everything that the reference learned, on the genes of the model."""
    before, after = reference.module.state_dict(), model.module.state_dict()
    genes = torch.as_tensor(np.flatnonzero(np.isin(reference.genes, model.genes)))
    on_these = torch.isin(before["decoder.edges.gene"], genes)
    n, used = int(on_these.sum()), reference.module.decoder.n_free
    for name in ("decoder.loadings", "z_encoder.readout"):
        assert torch.equal(after[name][:n], before[name][on_these])
    for name in ("decoder.unannotated", "decoder.free_support", "z_encoder.unannotated") if used else ():
        assert torch.equal(after[name][:used], before[name][:used, genes])
    for name in ("px_r", "decoder.zero_logits", "z_encoder.mean", "z_encoder.sd"):
        assert torch.equal(after[name], before[name][genes])
    n_old, n_new = (one.module.n_programs for one in (reference, model))
    old, new = (torch.cat([torch.arange(n_old), start + torch.arange(used)]) for start in (n_old, n_new))
    for name in ("z_encoder.log_var", "z_encoder.log_var_depth"):
        assert torch.equal(after[name][new], before[name][old])
    for name in ("z_encoder.context.3.weight", "z_encoder.context.3.bias"):
        for mine, theirs in zip(after[name].chunk(2), before[name].chunk(2), strict=True):
            assert torch.equal(mine[new], theirs[old])
    assert torch.equal(after["z_encoder.context.0.bias"], before["z_encoder.context.0.bias"])
    return n


@pytest.mark.parametrize(
    "options",
    [
        {"plan_kwargs": {"lr": 1e-2, "weight_decay": 0.1}, "max_epochs": 3},
        {"plan_kwargs": {"lr": 1e-2, "weight_decay": 0.1, "optimizer": "AdamW"}, "n_unannotated": 2, "max_epochs": 2},
    ],
    ids=["Adam", "AdamW, free programs"],
)
def test_the_reference_stays_the_same_to_the_bit(_parts, _reference, query, options):
    query.obs["batch"] = np.where(np.arange(query.n_obs) % 2, "one", "new")
    new = {WITHHELD: _parts[2][WITHHELD]}
    model = cr.extend(query, _reference, new, batch_key="batch", **SHORT, **options)
    n = _assert_fixed(_reference, model)
    decoder = model.module.decoder
    loadings = decoder.loadings.detach()[n:]
    assert len(loadings) and (loadings > 0.2).any() and (loadings >= 0).all()
    # categories are sorted: "new" is trained, and "one" has the reference's intercepts
    genes = np.flatnonzero(np.isin(_reference.genes, model.genes))
    table, before = decoder.categorical[0].detach(), _reference.module.decoder.categorical[0].detach()[:, genes]
    assert torch.equal(table[1], before[0])
    assert not torch.isclose(table[0], before.mean(0)).all()


def test_free_programs_leave_others_their_signal(_parts, _reference, query):
    model = cr.extend(query, _reference, n_unannotated=2, **SHORT)
    _assert_fixed(_reference, model)
    assert len(model.free_names) == 3 and model.free_names[0] == _reference.free_names[0]
    assert query.obsm["X_extended_free"].shape[1] == 3
    assert query.varm["extended_free_loadings"].shape == (query.n_vars, 3)
    # what the free programs of the query find is, in part, the program that nothing else explains
    r = [abs(np.corrcoef(_parts[3][:, 7], column)[0, 1]) for column in query.obsm["X_extended_free"].T]
    assert max(r) > 0.5
    weight, n = model.module.decoder.weight().dense().detach(), model.module.n_programs
    information = model._information()
    centred = weight - (weight @ information / information.sum())[:, None]
    gram = (centred * information) @ centred.T
    cosines = gram[n + 1 :, :n] / (gram.diagonal()[n + 1 :, None] * gram.diagonal()[:n]).sqrt()
    assert cosines.abs().max() < 0.05


def test_automatic_number_of_free_programs(_parts, _reference, query):
    new = {WITHHELD: _parts[2][WITHHELD]}
    model = cr.extend(query, _reference, new, n_unannotated="auto", **SHORT)
    # unused dimensions are left out
    assert model.module.n_latent == len(model.program_names) + len(model.free_names)
    assert model.names_of("free")[0] == _reference.free_names[0]


def test_what_programs_could_bring_about_is_removed_from_shifts():
    rng = torch.Generator().manual_seed(0)
    loadings, information = torch.rand(4, 30, generator=rng), torch.rand(30, generator=rng)
    outside = Outside(loadings, information)
    shift, activity = torch.randn(2, 30, generator=rng), torch.randn(2, 4, generator=rng)
    once = outside(shift)
    # but for a constant, which changes no rate
    difference = outside(shift + activity @ loadings) - once
    assert (difference - difference.mean(1, keepdim=True)).abs().max() < 0.05
    torch.testing.assert_close(outside(once), once, atol=0.01, rtol=0)


def test_programs_cannot_be_trained_further(_extended, tmp_path):
    adata, model, _ = _extended
    with pytest.raises(ValueError, match="nothing to train"):
        model.train()
    with pytest.raises(ValueError, match="model of a query"):
        model.refitted()
    model.save(tmp_path / "model")
    loaded = cr.ProgramVAE.load(tmp_path / "model", model.adata)
    assert loaded.digest == model.digest
    np.testing.assert_array_equal(loaded.get_activity(), model.get_activity())
    with pytest.raises(ValueError, match="nothing to train"):
        loaded.train()


def test_an_extended_model_can_be_extended(_extended, query):
    first = _extended[1]
    again = cr.extend(query, first, {"more": list(first.genes[:20])}, key_added="again", **SHORT)
    _assert_fixed(first, again)
    table = cr.get.programs_df(query, key="again", columns="all")
    assert table["of_reference"].sum() == len(first.program_names) == len(table) - 1


def test_the_result_of_map_can_be_extended(_parts, _reference, query):
    mapped = cr.map(query, _reference)
    new = {WITHHELD: _parts[2][WITHHELD]}
    model = cr.extend(query, mapped, new, **SHORT)
    _assert_fixed(mapped, model)
    direct = cr.extend(query, _reference, new, key_added="direct", **SHORT)
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(model.get_activity().T, direct.get_activity().T, strict=True)]
    assert min(r) > 0.98


def test_the_same_seed_gives_the_same_model(_parts, _reference, query):
    new = {WITHHELD: _parts[2][WITHHELD]}
    models = [cr.extend(query, _reference, new, random_state=3, **SHORT) for _ in range(2)]
    assert models[0].digest == models[1].digest
    assert query.uns["extended"]["params"]["random_state"] == 3


def test_layer_and_symbols(_parts, _reference, query):
    """Counts may be in another layer than those of the reference, and sets may name genes in another way."""
    query.layers["counts"] = query.X
    query.X = query.X.copy() * 0.5
    symbol = dict(zip(query.var_names, query.var["symbol"], strict=True))
    sets = {WITHHELD: [symbol[gene] for gene in _parts[2][WITHHELD] if gene in symbol], "small": ["S1", "S2"]}
    model = cr.extend(query, _reference, sets, layer="counts", gene_symbols="symbol", max_genes=None, **SHORT)
    assert model.program_names[-1] == WITHHELD
    dropped = query.uns["extended"]["table"].iloc[-1]
    assert dropped["name"] == "small" and not dropped["kept"] and "min_genes" in dropped["reason"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"programs": None}, "nothing to add"),
        ({"programs": {"program_001": ["a", "b"]}}, "has 1 of the programs already"),
        ({"n_unannotated": -1}, "n_unannotated"),
        ({"n_unannotated": "many"}, "auto"),
        ({"batch_key": "donor"}, "batch_key"),
        ({"layer": "counts"}, "layer"),
        ({"gene_symbols": "name"}, "gene_symbols"),
        ({"min_genes": 0}, "min_genes"),
        ({"max_genes": 3}, "max_genes=3 is below"),
        ({"min_genes": 100}, "min_genes=100"),
        ({"key_added": "a/b"}, "key_added"),
        ({"random_state": -1}, "random_state"),
        ({"epochs": 3}, "epochs"),
        ({"checkpoint": "a.ckpt"}, "checkpoint"),
        ({"programs": {"new": ["nothing"]}}, "No gene"),
    ],
)
def test_refused_calls_leave_the_data_unchanged(_parts, _reference, query, options, message):
    before = contents(query)
    given = {"programs": {"new": _parts[2][WITHHELD]}} | options
    with pytest.raises((KeyError, TypeError, ValueError), match=message):
        cr.extend(query, _reference, **given)
    assert not changed(before, contents(query))


def test_models_and_data_that_do_not_fit(_parts, _reference, query, tmp_path):
    new = {"new": _parts[2][WITHHELD]}
    with pytest.raises(TypeError, match="give the trained ProgramVAE"):
        cr.extend(query, "reference", new)
    untrained = _reference._built_like(_reference._prior)
    with pytest.raises(RuntimeError, match="not trained"):
        cr.extend(query, untrained, new)
    other = query.copy()
    other.var_names = [f"x{i}" for i in range(other.n_vars)]
    with pytest.raises(ValueError, match="0 of the model's 247 genes"):
        cr.extend(other, _reference, new)
    halves = query.copy()
    halves.X = halves.X * 0.5
    with pytest.raises(ValueError, match="counts"):
        cr.extend(halves, _reference, new)
    query.write_h5ad(tmp_path / "query.h5ad")
    backed = ad.read_h5ad(tmp_path / "query.h5ad", backed="r")
    with pytest.raises(ValueError, match="in memory"):
        cr.extend(backed, _reference, new)
