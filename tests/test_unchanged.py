"""Calls write their documented slots and nothing else, and a refused call writes nothing at all."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable
from functools import partial

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pytest

import crystallin as cr
from crystallin import _checks
from crystallin._keys import FREE

from ._contents import changed, contents

P, G = "Program/1", "cell_type"
# activities in both readings
OBSM = r"obsm\['(X_programs|programs)(_total)?(_sd)?'\]"
# tools by name: the call, and what it may change
TOOLS: dict[str, tuple[Callable, str]] = {
    "activity": (cr.tl.activity, rf"{OBSM}|uns\['programs'\]|varm\['programs'\]"),
    "loadings": (cr.tl.loadings, r"varm\['programs_loadings'\]|uns\['programs'\]\['loadings_params'\]"),
    "annotate": (
        partial(cr.tl.annotate, groupby=G, programs=[P, "Program/2"], label_added="label", cell_label_added="own"),
        r"uns\['annotate'\]|obs\['(label|own|own_probability)'\]",
    ),
    "attribution_agreement": (
        partial(
            cr.tl.attribution_agreement,
            groupby=G,
            programs=P,
            methods=["activity/contributions", "encoder/integrated_gradients", "loadings"],
            baselines=["group:type 1"],
        ),
        r"uns\['attribution_agreement'\]",
    ),
    "attributions": (
        partial(cr.tl.attributions, groupby=G, method="contributions"),
        r"uns\['attributions'\]|varm\['attributions(_se)?'\]",
    ),
    "audit_programs": (
        partial(cr.tl.audit_programs, programs=[P, "Program/2"], sample_key="batch"),
        r"uns\['audit_programs'\]",
    ),
    "compare": (
        partial(cr.tl.compare, design="~ batch", contrast={"batch": ("one", "two")}, sample_key="donor", within=G),
        r"uns\['compare'\]",
    ),
    "contrast": (partial(cr.tl.contrast, program=P, groupby=G, group="type 1"), r"uns\['contrast'\]"),
    "faithfulness": (
        partial(cr.tl.faithfulness, programs=P, methods=["loadings"], n_genes=[5], n_random=1, max_cells=5),
        r"uns\['faithfulness'\]",
    ),
    "interactions": (
        partial(cr.tl.interactions, program=P, groupby=G, group="type 1", n_genes=3),
        r"uns\['interactions'\]",
    ),
    "knockdown": (partial(cr.tl.knockdown, genes=["g3", "g4"], groupby=G, n_random=2), r"uns\['knockdown'\]"),
    "leakage": (
        partial(cr.tl.leakage, groupby=G, max_cells=5),
        r"uns\['leakage'\]|uns\['programs'\]\['table'\]",
    ),
    "program_importance": (
        partial(cr.tl.program_importance, groupby=G),
        r"uns\['program_importance'\]|uns\['programs'\]\['table'\]",
    ),
    "programs_overview": (
        partial(cr.tl.programs_overview, groupby=G),
        r"uns\['(leakage|program_importance)'\]|uns\['programs'\]\['table'\]",
    ),
    "rank_programs_groups": (
        partial(cr.tl.rank_programs_groups, groupby="batch", within=G, sample_key="donor", covariates=["age"]),
        r"uns\['rank_programs_groups'\]",
    ),
    "rules": (
        lambda adata, model, **options: cr.tl.rules(adata, G, n_bootstraps=1, sample_key="donor", **options),
        r"uns\['rules'\]",
    ),
}
# what accessors and figures need to be told
ACCESSORS: dict[str, dict] = {"pseudobulk": {"sample_key": "donor"}}
FIGURES: dict[str, dict] = {
    "attributions": {"program": P},
    "audit": {"program": P},
    "compare": {"programs": P, "stratum": "type 1"},
    "dotplot": {"groupby": G},
    "embedding": {"programs": P, "basis": "two"},
    "forest": {"program": P},
    "loadings": {"programs": [P]},
    "matrixplot": {"groupby": G},
    "network": {"program": P},
    "program": {"program": P, "groupby": G},
    "violin": {"program": P, "groupby": G},
    "volcano": {"group": "one", "stratum": "type 1"},
    "waterfall": {"program": P, "group": "type 1"},
}


class Injected(Exception):
    """Raised where a check, or the model, could have refused."""


@pytest.fixture
def fail_at(monkeypatch) -> Callable[[int], int]:
    """``fail_at(n)`` lets the n-th check or question to the model fail from now on, and returns how many there were."""
    state = {"n": 0, "at": 0}

    def wrapped(function: Callable) -> Callable:
        def wrapper(*args, **kwargs):
            state["n"] += 1
            if state["n"] == state["at"]:
                raise Injected
            return function(*args, **kwargs)

        return wrapper

    for name in _checks.__all__:
        if name.startswith("check_"):
            monkeypatch.setattr(_checks, name, wrapped(getattr(_checks, name)))
    for cls in cr.ProgramVAE.__mro__:
        if cls.__module__.startswith("crystallin."):
            for name, function in vars(cls).items():
                if name.startswith("get_") or name == "train":
                    monkeypatch.setattr(cls, name, wrapped(function))

    def start(at: int) -> int:
        n, state["n"], state["at"] = state["n"], 0, at
        return n

    return start


def assert_unchanged_wherever_it_fails(adata, call: Callable, fail_at: Callable[[int], int]) -> None:
    """Let ``call(adata)`` fail at each check; results of an earlier call must survive each time."""
    before = contents(adata)
    fail_at(0)
    call(adata)
    n_checks = fail_at(0)
    assert n_checks > 0
    # an earlier result, other than what this call writes
    scramble(adata, changed(before, contents(adata)))
    before = contents(adata)
    for n in range(1, n_checks + 1):
        fail_at(n)
        with pytest.raises(Injected):
            call(adata)
        fail_at(0)
        assert not changed(before, contents(adata)), f"after check {n} of {n_checks}"


def scramble(adata, places: set[str]) -> None:
    for place in places:
        where, key = re.match(r"(\w+)\['([^']+)'\]", place).groups()
        slots = getattr(adata, where)
        if where == "uns":
            entry = slots[key]
            (entry["params"] if key != "programs" else entry)["model_digest"] = "earlier"
        else:
            slots[key] = slots[key][::-1].to_numpy() if where == "obs" else slots[key] * 2


@pytest.fixture
def data(_planted):
    """Raw counts of some cells that no model has seen registered."""
    adata = _planted.adata[:90].copy()
    adata.obs["donor"] = [f"d{i % 6}" for i in range(adata.n_obs)]
    adata.obsm["X_two"] = np.arange(2.0 * adata.n_obs).reshape(-1, 2)
    return adata


@pytest.fixture
def read(data, model):
    """The same with programs, activities and loadings."""
    cr.tl.activity(data, model)
    cr.tl.loadings(data, model)
    return data


def test_all_tools_are_here():
    assert set(TOOLS) == set(cr.tl.__all__)


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("copy", [False, True])
def test_tools_write_their_slots_and_nothing_else(data, model, name, copy):
    call, documented = TOOLS[name]
    if name != "activity":
        cr.tl.activity(data, model)
    before = contents(data)
    returned = call(data, model, copy=copy)
    after = contents(returned if copy else data)
    wrote = changed(before, after)
    assert wrote and all(re.match(documented, place) for place in wrote), wrote
    if copy:
        assert not changed(before, contents(data))
    else:
        assert returned is None


@pytest.mark.parametrize("name", TOOLS)
def test_tools_leave_all_as_it_was_wherever_they_fail(read, model, fail_at, name):
    assert_unchanged_wherever_it_fails(read, lambda adata: TOOLS[name][0](adata, model), fail_at)


@pytest.mark.parametrize("copy", [False, True])
def test_free_programs_have_slots_of_their_own(data, freed_model, copy, fail_at):
    free = r"|(obsm|varm)\['(X_)?programs_free(_sd|_loadings|_rank)?'\]"
    before = contents(data)
    returned = cr.tl.activity(data, freed_model, copy=copy)
    read = returned if copy else data
    wrote = changed(before, contents(read))
    assert all(re.match(TOOLS["activity"][1] + free, place) for place in wrote), wrote
    before = contents(read)
    returned = cr.tl.loadings(read, freed_model, copy=copy)
    wrote = changed(before, contents(returned if copy else read))
    assert all(re.match(TOOLS["loadings"][1] + free, place) for place in wrote), wrote
    assert {"varm['programs_free_loadings']", "varm['programs_free_rank']"} <= wrote
    for name in ("activity", "loadings"):
        assert_unchanged_wherever_it_fails(
            read.copy(), lambda adata, name=name: TOOLS[name][0](adata, freed_model), fail_at
        )


def test_add_programs(read, planted, fail_at):
    def call(adata):
        cr.pp.add_programs(adata, planted.sets, n_decoys=2)

    before = contents(read)
    fail_at(0)
    copy = cr.pp.add_programs(read, planted.sets, copy=True)
    assert not changed(before, contents(read))
    n_checks = fail_at(0)
    assert "X_programs" not in copy.obsm
    for n in range(1, n_checks + 1):
        fail_at(n)
        with pytest.raises(Injected):
            call(read)
        assert not changed(before, contents(read))


@pytest.mark.parametrize("drop", [False, True])
def test_screen_programs(read, fail_at, drop):
    call = partial(cr.pp.screen_programs, within=G, n_null=100, drop=drop)
    before = contents(read)
    fail_at(0)
    copy = call(read, copy=True)
    n_checks = fail_at(0)
    assert not changed(before, contents(read))
    removed = r"|varm\['programs(_loadings)?'\]|" + OBSM
    # a copy may have another memory layout
    wrote = changed(contents(read.copy()), contents(copy))
    allowed = r"uns\['programs'\]" + (removed if drop else "")
    assert not [place for place in wrote if not re.match(allowed, place)]
    for n in range(1, n_checks + 1):
        fail_at(n)
        with pytest.raises(Injected):
            call(read)
        assert not changed(before, contents(read))


def test_fit(read, planted, fail_at):
    options = {"max_epochs": 1, "posterior_epochs": 0, "enable_progress_bar": False, "batch_key": "batch"}
    fail_at(0)
    cr.fit(read.copy(), planted.sets, **options)
    n_checks, before = fail_at(0), contents(read)
    for n in range(1, n_checks + 1):
        fail_at(n)
        with pytest.raises(Injected):
            cr.fit(read, planted.sets, **options)
        assert not changed(before, contents(read)), f"after check {n} of {n_checks}"


def test_map(data, model, fail_at):
    """All that is left of an earlier map survives a refused one."""
    # a copy, because the model of the session stays as it is
    calibrated = copy.copy(model)
    cr.calibrate(calibrated, G)
    query = data[:, ::-1].copy()
    call = partial(cr.map, model=calibrated, groupby=G, label_added="label", p_added="p")
    before = contents(query)
    fail_at(0)
    call(query.copy())
    n_checks = fail_at(0)
    once = query.copy()
    call(once)
    documented = rf"{OBSM}|uns\['(programs|map)'\]|varm\['programs'\]|obsm\['(X_)?programs_map'\]|obs\['(label|p)'\]"
    wrote = changed(before, contents(once))
    assert {"uns['map']['table']", "obsm['programs_map']", "obsm['X_programs_map']"} <= wrote
    assert all(re.match(documented, place) for place in wrote), wrote
    before = contents(once)
    for n in range(1, n_checks + 1):
        fail_at(n)
        with pytest.raises(Injected):
            call(once)
        assert not changed(before, contents(once)), f"after check {n} of {n_checks}"


def test_setup_anndata(data, fail_at):
    before = contents(data)
    fail_at(0)
    options = {"batch_key": "batch", "categorical_covariate_keys": [G], "continuous_covariate_keys": ["age"]}
    cr.ProgramVAE.setup_anndata(data.copy(), **options)
    for n in range(1, fail_at(0) + 1):
        fail_at(n)
        with pytest.raises(Injected):
            cr.ProgramVAE.setup_anndata(data, **options)
        assert not changed(before, contents(data))


OF_CELLS = {
    "reading": {},
    "get_activity": {"return_sd": True},
    "get_activities": {},
    "get_edge_evidence": {},
    "sample_activity": {"n_samples": 2},
    "get_posterior_covariance": {},
    "get_attributions": {},
    "get_program_importance": {},
    "get_interactions": {"program": P, "genes": ["g1", "g2"]},
    "get_activity_without": {"gene_sets": [["g1"]]},
    "get_expression_without": {"programs": [P]},
    # scvi-tools' own
    "get_latent_representation": {},
    "get_normalized_expression": {"n_samples": 1},
    "get_elbo": {},
    "get_reconstruction_error": {},
}


@pytest.mark.parametrize("name", OF_CELLS)
def test_the_model_reads_and_does_not_write(data, model, name):
    before = contents(data)
    getattr(model, name)(adata=data, **OF_CELLS[name])
    assert not changed(before, contents(data))


def test_all_methods_that_read_cells_are_here():
    ours = [cls for cls in cr.ProgramVAE.__mro__ if cls.__module__.startswith("crystallin.")]
    names = {name for cls in ours for name, method in vars(cls).items() if "adata" in parameters_of(method)}
    names = {name for name in names if not name.startswith(("_", "load", "setup", "prepare"))}
    # the second writes a slot, which is tested with what is inherited
    assert names - {"get_anndata_manager", "differential_abundance"} <= set(OF_CELLS)


def parameters_of(method) -> set[str]:
    return set(inspect.signature(method).parameters) if inspect.isfunction(method) else set()


@pytest.fixture
def full(read, model, add_map):
    """Data with the results of all tools."""
    for name, (call, _) in TOOLS.items():
        if name not in ("activity", "loadings"):
            call(read, model)
    cr.pp.screen_programs(read, within=G, n_null=100)
    add_map(read, groupby=G)
    return read


def test_accessors_and_figures_change_nothing(full, model, tmp_path):
    before = contents(full)
    read_and_draw(full, tmp_path)
    assert not changed(before, contents(full))


def read_and_draw(full, folder):
    for name in cr.get.__all__:
        if name != "free_programs_df" or FREE in full.uns["programs"]:
            getattr(cr.get, name)(full, **ACCESSORS.get(name, {}))
    for name in cr.pl.__all__:
        if name not in ("history", "power"):
            getattr(cr.pl, name)(full, **FIGURES.get(name, {}))
            plt.close("all")
    cr.report(full, folder / "report.html")


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_everything_is_read_from_files_as_well(full, model, tmp_path, kind):
    # as earlier versions wrote it
    del full.uns["contrast"]["params"]["key"]
    getattr(full, f"write_{kind}")(tmp_path / f"full.{kind}")
    again = getattr(ad, f"read_{kind}")(tmp_path / f"full.{kind}")
    read_and_draw(again, tmp_path)
    for call, _ in TOOLS.values():
        call(again, model)


def test_results_of_earlier_versions_are_read(full, tmp_path):
    for name in TOOLS:
        if name in full.uns:
            params = full.uns[name]["params"]
            full.uns[name]["params"] = {key: params[key] for key in params.keys() - {"tool", "added", "prior_digest"}}
    del full.uns["programs"]["params"]["added"], full.uns["programs"]["loadings_params"]
    read_and_draw(full, tmp_path)


def test_a_program_without_activity_is_neither_tested_nor_named(read, model, add_map, tmp_path):
    """What a query's genes cannot tell is missing, and tools take it as what was known beforehand."""
    read.obsm["X_programs"][:, 2] = read.obsm["programs_sd"][:, 2] = np.nan
    unknown = "Program/2"
    for call, _ in list(TOOLS.values())[2:]:
        call(read, model)
    cr.pp.screen_programs(read, n_null=100)
    add_map(read)
    ranking = cr.get.rank_programs_groups_df(read, columns="all").set_index("program")
    assert ranking.loc[unknown, "q"].isna().all() and (ranking.loc[unknown, "reliability"] < 0.01).all()
    assert ranking.loc["Program/1", "q"].notna().all()
    assert unknown not in set(cr.get.annotation_df(read, columns="all")["label"])
    assert not cr.get.rules_df(read, terms=True)["program"].eq(unknown).any()
    about = cr.get.programs_df(read, columns="all").loc[unknown]
    assert about["reliability"] < 0.01 and about["most_active"] == ""
    read_and_draw(read, tmp_path)
    with pytest.raises(ValueError, match="is NaN in these cells"):
        cr.pl.violin(read, unknown, G)
    cr.pl.embedding(read, unknown, basis="two")
    cr.pl.dotplot(read, G, [unknown, "Program/1"])
    cr.pl.program(read, unknown, G)
    plt.close("all")
