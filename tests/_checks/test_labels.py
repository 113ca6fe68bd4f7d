"""Labels of any type pandas has are named by one function, and all tools speak of the same groups."""

import datetime as dt

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import crystallin as cr
from crystallin import _checks as checks

CODES = np.arange(90) % 3
DAYS = pd.to_datetime(["2020-01-02", "2020-03-01", "2021-05-06"])
NOON = pd.to_datetime(["2020-01-02 12:00", "2020-01-02 13:30", "2021-05-06 00:00"])
COLUMNS = {
    "text": (np.array(["b", "a", "c"], dtype=object), ["a", "b", "c"]),
    "numpy text": (np.array(["b", "a", "c"]), ["a", "b", "c"]),
    "string": (pd.array(["b", "a", "c"], dtype="string"), ["a", "b", "c"]),
    "category": (pd.Categorical(["b", "a", "c"], ["c", "b", "a", "unused"]), ["c", "b", "a"]),
    "int64": (np.array([10, 2, 3]), ["2", "3", "10"]),
    "uint8": (np.array([10, 2, 3], dtype=np.uint8), ["2", "3", "10"]),
    "Int64": (pd.array([10, 2, 3], dtype="Int64"), ["2", "3", "10"]),
    "bool": (np.array([True, False, True]), ["False", "True"]),
    "boolean": (pd.array([True, False, True], dtype="boolean"), ["False", "True"]),
    "category of int": (pd.Categorical([10, 2, 3]), ["2", "3", "10"]),
    "category of float": (pd.Categorical([0.5, 1.0, 10.0]), ["0.5", "1.0", "10.0"]),
    "category of bool": (pd.Categorical([True, False, True]), ["False", "True"]),
    "category of days": (pd.Categorical(DAYS), ["2020-01-02", "2020-03-01", "2021-05-06"]),
    "category of bytes": (pd.Categorical([b"x", b"y", b"\xff"]), ["x", "y", "\\xff"]),
    "days": (DAYS, ["2020-01-02", "2020-03-01", "2021-05-06"]),
    "times": (NOON, ["2020-01-02 12:00:00", "2020-01-02 13:30:00", "2021-05-06"]),
    "times of a zone": (NOON[:1].tz_localize("UTC").repeat(3), ["2020-01-02 12:00:00+00:00"]),
    "dates": (np.array([day.date() for day in DAYS], dtype=object), ["2020-01-02", "2020-03-01", "2021-05-06"]),
    "durations": (pd.to_timedelta(["1h", "2h", "1D"]), ["0 days 01:00:00", "0 days 02:00:00", "1 days 00:00:00"]),
    "periods": (pd.PeriodIndex(["2020-02", "2020-01", "2020-03"], freq="M"), ["2020-01", "2020-02", "2020-03"]),
    "intervals": (pd.cut([1.0, 5.0, 9.0], [0, 3, 6, 10]), ["(0, 3]", "(3, 6]", "(6, 10]"]),
    "bytes": (np.array([b"y", b"x", b"z"], dtype=object), ["x", "y", "z"]),
    "mixed": (np.array(["b", 2, dt.date(2020, 1, 2)], dtype=object), ["2", "2020-01-02", "b"]),
    "numbers as objects": (np.array([10, 2, 3], dtype=object), ["2", "3", "10"]),
    "floats as objects": (np.array([0.5, "a", 1], dtype=object), ["0.5", "1", "a"]),
}


def column_of(values) -> pd.Series:
    return pd.Series(values).take(CODES % len(values)).reset_index(drop=True)


@pytest.mark.parametrize("kind", COLUMNS)
def test_names(kind):
    values, names = COLUMNS[kind]
    labels = checks.name_labels(column_of(values))
    assert labels.names == names
    assert labels.of_cells.tolist() == [checks.label_name(value) for value in column_of(values)]


@pytest.mark.parametrize("values", [[1, "1", 2], [True, "True"], [1, True, "x"], [b"x", "x"], [1.0, "1.0"]])
def test_different_values_of_one_name_are_not_merged(values):
    labels = column_of(np.array(values, dtype=object))
    names = {checks.label_name(value) for value in values}
    if len(names) == len(values):
        # pandas takes 1 and True for one
        assert set(checks.name_labels(labels).names) == names
    else:
        with pytest.raises(ValueError, match="different values of the same name: .* and .*"):
            checks.name_labels(labels)
    with pytest.raises(ValueError, match="different values"):
        checks.name_labels(pd.Series(pd.Categorical([1, "1"])))


@pytest.fixture(scope="module")
def read(_planted, model) -> AnnData:
    adata = _planted.adata[:90].copy()
    cr.tl.activity(adata, model)
    cr.tl.loadings(adata, model)
    for kind, (values, _) in COLUMNS.items():
        adata.obs[kind] = column_of(values).set_axis(adata.obs_names)
        found = checks.check_labels(adata, kind, "groupby")
        # the same groups as text, in the same order
        adata.obs[f"{kind} as text"] = pd.Categorical(found.of_cells, found.names)
    return adata


@pytest.mark.parametrize(
    "kind",
    ["string", "category", "Int64", "boolean", "category of float", "times", "dates", "periods", "bytes", "mixed"],
)
def test_tools_say_the_same_as_of_labels_that_are_text(read, model, kind):
    n_cells = {name: int(n) for name, n in read.obs[f"{kind} as text"].value_counts().items()}
    for call, table in (
        (lambda by: cr.tl.rank_programs_groups(read, model, by), cr.get.rank_programs_groups_df),
        (lambda by: cr.tl.rank_programs_groups(read, model, "batch", within=by), cr.get.rank_programs_groups_df),
        (lambda by: cr.tl.rules(read, by, n_bootstraps=1), cr.get.rules_df),
        (lambda by: cr.tl.annotate(read, model, by, programs=["Program/1"]), cr.get.annotation_df),
        (lambda by: cr.tl.leakage(read, model, groupby=by, max_cells=3), cr.get.leakage_df),
    ):
        found = []
        for by in (kind, f"{kind} as text"):
            call(by)
            found.append(table(read))
        pd.testing.assert_frame_equal(*found)
    assert (
        dict(zip(*cr.get.annotation_df(read, columns="all")[["group", "n_cells"]].to_numpy().T, strict=True)) == n_cells
    )
    for figure in (cr.pl.dotplot, cr.pl.matrixplot):
        shown = [
            sorted(text.get_text() for text in [*ax.get_xticklabels(), *ax.get_yticklabels()])
            for ax in (figure(read, by) for by in (kind, f"{kind} as text"))
        ]
        assert shown[0] == shown[1] and set(n_cells) & set(shown[0])
    plt.close("all")


@pytest.mark.parametrize("kind", ["int64", "days", "category of float", "bool", "bytes"])
def test_groups_are_named_as_they_are_in_obs(read, model, kind):
    value = read.obs[kind].iloc[0]
    name = checks.label_name(value)
    other = next(label for label in COLUMNS[kind][1] if label != name)
    cr.tl.rank_programs_groups(read, model, kind, groups=[value], reference=other)
    assert set(cr.get.rank_programs_groups_df(read, value, columns="all")["group"]) == {name}
    cr.tl.rank_programs_groups(read, model, kind, groups=value)
    cr.tl.rank_programs_groups(read, model, kind, reference=value)
    assert name not in set(cr.get.rank_programs_groups_df(read, columns="all")["group"])
    cr.tl.contrast(read, model, "Program/1", groupby=kind, group=value)
    assert cr.get.contrast_params(read)["group"] == name
    cr.tl.attributions(read, model, groupby=kind, method="contributions")
    assert len(cr.get.attributions_df(read, "Program/1", value, n=3)) == 3


def test_a_group_called_rest_or_all_is_compared_like_any_other(read, model):
    read.obs["odd"] = np.array(["rest", "all", "a"])[CODES]
    cr.tl.rank_programs_groups(read, model, "odd")
    table = cr.get.rank_programs_groups_df(read, columns="all")
    assert set(table["group"]) == {"rest", "all", "a"} and (table["reference"] == "rest").all()
    # the reference is all other cells, not the group of this name
    assert (table.loc[table["group"] == "rest", "n_reference"] == 60).all()
    cr.tl.rank_programs_groups(read, model, "odd", groups=["all"], reference="a")
    assert set(cr.get.rank_programs_groups_df(read, columns="all")["group"]) == {"all"}
    cr.tl.contrast(read, model, "Program/1", groupby="odd", group="rest")
    effect = table.loc[(table["group"] == "rest") & (table["program"] == "Program/1"), "effect"].item()
    assert cr.get.contrast_params(read)["difference"] == pytest.approx(effect, abs=1e-3)
    cr.tl.contrast(read, model, "Program/1", groupby="odd", group="all", reference="a")
    assert cr.get.contrast_params(read)["group"] == "all"


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda a, m: cr.tl.rank_programs_groups(a, m, ["bool"]), r"groupby=\['bool'\] must be the name of one column"),
        (lambda a, m: cr.tl.rank_programs_groups(a, m, None), "groupby=None must be the name of one column"),
        (lambda a, m: cr.tl.rank_programs_groups(a, m, "bool", sample_key=["text"]), "sample_key="),
        (lambda a, m: cr.tl.rank_programs_groups(a, m, "bool", reference=["True"]), "must be one group"),
        (lambda a, m: cr.tl.annotate(a, m, ("bool", "text")), "To group by several columns"),
        (lambda a, m: cr.tl.rules(a, ["bool"]), "must be the name of one column"),
        (lambda a, m: cr.tl.attributions(a, m, groupby=["bool"]), "must be the name of one column"),
        (lambda a, m: cr.tl.contrast(a, m, ["Program/1"], groupby="bool", group="True"), "name of one program"),
        (lambda a, m: cr.tl.contrast(a, m, "Program/1", groupby="bool", group=["True"]), "must be one group"),
        (lambda a, m: cr.tl.interactions(a, m, ["Program/1"]), "name of one program"),
        (lambda a, m: cr.pl.program(a, ["Program/1"], "bool"), "name of one program"),
        (lambda a, m: cr.report(a, "x.html", groupby=["bool"]), "must be the name of one column"),
    ],
)
def test_one_name_where_one_is_wanted(read, model, call, match):
    with pytest.raises(TypeError, match=match):
        call(read, model)


@pytest.mark.parametrize(
    "call",
    [
        lambda a, m: cr.tl.rank_programs_groups(a, m, "bool", groups=[]),
        lambda a, m: cr.tl.attributions(a, m, programs=[]),
        lambda a, m: cr.tl.attributions(a, m, genes=[]),
        lambda a, m: cr.tl.attributions(a, m, cells=[]),
        lambda a, m: cr.tl.annotate(a, m, "bool", programs=[]),
        lambda a, m: cr.tl.rules(a, "bool", programs=[]),
        lambda a, m: cr.tl.knockdown(a, m, genes=[]),
        lambda a, m: cr.tl.knockdown(a, m, programs=[]),
        lambda a, m: cr.tl.faithfulness(a, m, programs=[]),
        lambda a, m: cr.tl.faithfulness(a, m, n_genes=[]),
        lambda a, m: cr.tl.attribution_agreement(a, m, "bool", programs=[]),
        lambda a, m: cr.get.activity_df(a, []),
        lambda a, m: cr.get.loadings_df(a, []),
        lambda a, m: cr.pl.loadings(a, []),
        lambda a, m: cr.pl.dotplot(a, "bool", []),
        lambda a, m: cr.pl.embedding(a, []),
        lambda a, m: cr.pl.network(a, []),
    ],
)
def test_an_empty_list_is_refused(read, model, call):
    with pytest.raises(ValueError, match="empty|names none|at least"):
        call(read, model)
