import matplotlib.pyplot as plt
import numpy as np
import pytest

import crystallin as cr
from crystallin.pl._style import DOWN, UP


def test_loadings_of_one_program(result):
    _, ax = plt.subplots()
    drawn = cr.pl.loadings(result, "Program/2", n_genes=5, ax=ax)
    assert drawn is ax
    expected = cr.get.loadings_df(result, "Program/2", n_genes=5)
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], expected["loading"])
    assert [label.get_text() for label in ax.get_yticklabels()] == expected["gene"].tolist()
    assert ax.get_title() == "Program/2"
    # the strongest gene is at the top
    assert ax.yaxis_inverted()


def test_loadings_of_several_programs(result):
    axes = cr.pl.loadings(result, ["Program/1", "Program/0", "decoy 1"], n_cols=2)
    assert [ax.get_title() for ax in axes] == ["Program/1", "Program/0", "decoy 1"]
    assert len(plt.gcf().axes) == 3
    with pytest.raises(ValueError, match="ax has room for one program, but 2 were given"):
        cr.pl.loadings(result, ["Program/1", "Program/0"], ax=plt.gca())
    with pytest.raises(ValueError, match="n_cols=0"):
        cr.pl.loadings(result, n_cols=0)
    assert len(cr.pl.loadings(result)) == 8


def test_long_names_are_wrapped_and_directions_coloured(result):
    name = "REACTOME_ANTIGEN_PROCESSING_UBIQUITINATION_PROTEASOME_DEGRADATION"
    result.uns["programs"]["names"] = np.array([name, *result.uns["programs"]["names"][1:]])
    result.varm["programs_loadings"][:, 0] *= np.where(np.arange(240) % 2, 1, -1)
    ax = cr.pl.loadings(result, name)
    assert max(len(line) for line in ax.get_title().split("\n")) <= 28
    colours = {bar.get_facecolor() for bar in ax.patches}
    assert colours == {plt.matplotlib.colors.to_rgba(UP), plt.matplotlib.colors.to_rgba(DOWN)}
    assert ax.get_title().replace("\n", " ").startswith("Reactome antigen processing")
    explained = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert explained == ["goes up with the program", "goes down"]
    assert not cr.pl.loadings(result, "Program/1").figure.legends


def test_a_query_has_no_loadings_of_its_own(result):
    del result.varm["programs_loadings"]
    with pytest.raises(KeyError, match="call crystallin.tl.loadings"):
        cr.pl.loadings(result)
    result.uns["programs"]["params"]["origin"] = "the model (these cells are a query)"
    with pytest.raises(KeyError, match=r"cells are a query, and loadings belong to the model.*model.get_loadings\(\)"):
        cr.pl.loadings(result)


def test_show(result, monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    cr.pl.loadings(result, "Program/1", show=True)
    cr.pl.loadings(result, "Program/1")
    assert shown == [True]
