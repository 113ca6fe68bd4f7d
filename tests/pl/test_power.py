import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import crystallin as cr

PLAN = {"n_donors": [8, 16, 32], "sample_sd": 0.25, "cell_sd": 0.9}


def words(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture
def of_pilot():
    """Two strata of a typical and ten other programs, three sizes."""
    parts = []
    for stratum, cells in (("B cells", 20.0), ("CD4_T_cells", 45.0)):
        for n in (6, 12, 24):
            names = ["typical", *(f"p{i}" for i in range(11))]
            power = np.append(0.5, np.linspace(0, 1, 11)) * n / 24
            part = {"stratum": stratum, "contrast": "condition: stim - ctrl", "program": names, "n_donors": n}
            part |= {"n_cells": cells, "effect": 0.3, "power": power, "pilot_donors": 8, "pilot_cells": cells}
            parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def test_a_line_for_each_number_of_cells():
    plan = cr.power(effect=0.4, n_cells=[50, 10], **PLAN)
    ax = cr.pl.power(plan)
    assert ax.get_title() == "effect 0.4" and ax.get_xlabel() == "donors" and ax.get_ylabel() == "power"
    assert words(ax.figure) == [
        "typical program, 10 cells per sample",
        "typical program, 50 cells per sample",
        "power of 80 %",
    ]
    lines = [line for line in ax.lines if len(line.get_xdata()) == 3]
    drawn = {tuple(np.round(line.get_ydata(), 6)) for line in lines if line.get_marker() == "o"}
    assert drawn == {tuple(part.round(6)) for _, part in plan.groupby("n_cells")["power"]}
    assert ax.get_ylim()[0] == 0


def test_a_panel_for_each_stratum(of_pilot):
    axes = cr.pl.power(of_pilot)
    figure = axes[0].figure
    assert [ax.get_title() for ax in axes] == ["B cells\n20 cells per sample", "CD4 T cells\n45 cells per sample"]
    assert figure.get_suptitle() == "condition: stim - ctrl, effect 0.3"
    assert words(figure) == [
        "typical program, as many cells as in the pilot",
        "10 to 90 % of programs",
        "power of 80 %",
        "donors of the pilot",
    ]
    band = axes[0].collections[0].get_paths()[0].vertices
    assert band[band[:, 0] == 24][:, 1].min() == pytest.approx(0.1)
    assert band[band[:, 0] == 24][:, 1].max() == pytest.approx(0.9)
    triangles = [line for line in axes[0].lines if line.get_marker() == "^"]
    assert [list(line.get_xdata()) for line in triangles] == [[8]]


def test_panels_of_effects_and_rows(of_pilot):
    both = pd.concat([of_pilot, of_pilot.assign(effect=0.6)])
    axes = cr.pl.power(both, n_cols=3)
    assert len(axes) == 4 and len(axes[0].figure.axes) == 4
    assert axes[2].get_title() == "B cells\neffect 0.6\n20 cells per sample"
    assert axes[0].figure.get_suptitle() == "condition: stim - ctrl"
    # below those without another panel below them
    assert [bool(ax.get_xlabel()) for ax in axes] == [False, True, True, True]


def test_own_axes_and_groups(of_pilot):
    one = of_pilot[of_pilot["stratum"] == "B cells"].rename(columns={"contrast": "group"}).assign(reference="ctrl")
    _, ax = plt.subplots()
    assert cr.pl.power(one.assign(group="stim"), ax=ax) is ax
    assert ax.get_title() == "B cells\nstim against ctrl\neffect 0.3\n20 cells per sample"
    assert len(ax.get_legend().get_texts()) == 4 and not ax.figure.legends


def test_studies_without_degrees_of_freedom_leave_a_gap():
    plan = cr.power(effect=0.4, n_cells=10, design="interaction", **PLAN | {"n_donors": [2, 8]})
    ax = cr.pl.power(plan)
    (line,) = [line for line in ax.lines if line.get_marker() == "o"]
    assert np.isnan(line.get_ydata()).tolist() == [True, False]


def test_errors(of_pilot):
    with pytest.raises(TypeError, match="table is a dict; give the DataFrame that crystallin.power returns"):
        cr.pl.power({})
    with pytest.raises(ValueError, match="no column.*'power'"):
        cr.pl.power(of_pilot.drop(columns="power"))
    with pytest.raises(ValueError, match="no rows of the program 'typical'"):
        cr.pl.power(of_pilot[of_pilot["program"] == "p1"])
    with pytest.raises(ValueError, match="ax has room for one panel, but there are 2"):
        cr.pl.power(of_pilot, ax=plt.subplots()[1])
    with pytest.raises(ValueError, match="n_cols"):
        cr.pl.power(of_pilot, n_cols=0)
