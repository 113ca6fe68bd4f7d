"""A family of programs and its genes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from matplotlib.colors import to_rgba

import crystallin as cr
from crystallin.pl._bipartite import LEFT, MIDDLE, RIGHT
from crystallin.pl._style import DOWN, UP

# of the family: a shares two genes with b and one with c; d is a stranger
SETS = {
    "a": {"a1": 2.0, "a2": 1.0, "ab1": 1.5, "ab2": 1.0, "ac": 0.5},
    "b": {"b1": 1.0, "ab1": 1.0, "ab2": -2.0, "tiny": 1e-4},
    "c": {"c1": 2.0, "c2": 1.0, "ac": 1.0, "tiny": 0.5},
    "d": {"d1": 1.0},
}


@pytest.fixture
def family() -> AnnData:
    loadings = pd.DataFrame(SETS).fillna(0)
    adata = AnnData(np.ones((3, len(loadings))), var=pd.DataFrame(index=loadings.index))
    cr.pp.add_programs(adata, {name: list(genes) for name, genes in SETS.items()}, min_genes=1)
    adata.varm["programs_loadings"] = np.array(loadings, dtype=np.float32)
    return adata


def genes(ax):
    """Names in the middle, from the top."""
    found = {text.get_text(): text for text in ax.texts if text.get_position()[0] == MIDDLE}
    return dict(sorted(found.items(), key=lambda item: item[1].get_position()[1]))


def others(ax):
    return [text.get_text() for text in ax.texts if text.get_text() not in genes(ax)]


def lines(ax):
    """Gene and program at the ends of each line, with its width and colour."""
    (drawn,) = ax.collections[:1]
    places = {text.get_position()[1]: name for name, text in genes(ax).items()}
    found = {}
    for curve, width, colour in zip(drawn.get_segments(), drawn.get_linewidths(), drawn.get_colors(), strict=True):
        assert curve[-1, 0] == MIDDLE
        found[places[curve[-1, 1]], round(curve[0, 0], 6), round(curve[0, 1], 6)] = width, tuple(colour[:3])
    return found


def test_relatives_and_their_genes(family):
    before = family.varm["programs_loadings"].copy()
    ax = cr.pl.network(family, "a")
    loadings = pd.DataFrame(SETS).fillna(0)
    length = np.linalg.norm(loadings, axis=0)
    cosine = dict(zip(loadings, loadings["a"] @ loadings / length / length[0], strict=True))
    # nearest first, with opposite signs too; none that shares no gene
    assert -cosine["b"] > cosine["c"] > 0.01 and cosine["d"] == 0
    about = [f"2 genes shared, cosine {cosine['b']:.2f}", f"1 gene shared, cosine {cosine['c']:.2f}"]
    assert others(ax) == ["a", "5 of 5 genes", "b", about[0], "c", about[1]]
    np.testing.assert_array_equal(family.varm["programs_loadings"], before)


def test_lines_and_places(family):
    ax = cr.pl.network(family, ["a", "b", "c"])
    assert others(ax)[::2] == ["a", "b", "c"]
    # a's own, those of a and b, b's own, those of a and c, c's own; nothing of next to nothing is a line
    assert list(genes(ax)) == ["a1", "a2", "ab2", "ab1", "b1", "ac", "c1", "c2", "tiny"]
    bold = [name for name, text in genes(ax).items() if text.get_fontweight() == "bold"]
    assert bold == ["ab2", "ab1", "ac"]
    yellow = {name: text.get_bbox_patch().get_facecolor() for name, text in genes(ax).items()}
    assert len({yellow[name] for name in bold}) == 1 and yellow["ac"] != yellow["a1"]
    found = lines(ax)
    assert len(found) == 12
    dots = [dot.get_offsets()[0] for dot in ax.collections[1:]]
    assert [dot[0] for dot in dots] == [LEFT, RIGHT, RIGHT] and dots[1][1] < dots[2][1]
    for program, (x, y) in zip("abc", dots, strict=True):
        for gene, loading in SETS[program].items():
            if loading > 1e-3 or loading < 0:
                width, colour = found[gene, x, round(y, 6)]
                assert width == pytest.approx(3 * abs(loading))
                assert colour == to_rgba(DOWN if loading < 0 else UP)[:3]
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["loading 0.5", "1", "2", "negative", "gene of several programs"]


def test_number_of_genes_and_of_relatives(family):
    ax = cr.pl.network(family, ["a", "b"], n_genes=1)
    # the largest of a and of b, and the shared one with the largest second loading
    family.varm["programs_loadings"][family.var_names == "ab1", 1] = 1.2
    assert list(genes(cr.pl.network(family, ["a", "b"], n_genes=1))) == ["a1", "ab2", "ab1"]
    assert set(genes(ax)) <= {"a1", "ab2", "ab1"}
    ax = cr.pl.network(family, "c", n_relatives=1)
    assert others(ax)[::2] == ["c", "a"]
    ax = cr.pl.network(family, "c", n_relatives=0)
    assert "gene of several programs" not in [text.get_text() for text in ax.get_legend().get_texts()]
    assert others(ax) == ["c", "4 of 4 genes"] and all(line[1] == LEFT for line in lines(ax))
    # a list is taken as it is
    assert others(cr.pl.network(family, ["d"])) == ["d", "1 of 1 genes"]
    assert others(cr.pl.network(family, "d"))[::2] == ["d"]


def test_names_of_genes(family):
    family.var["symbol"] = [name.upper() for name in family.var_names]
    assert list(genes(cr.pl.network(family, ["d", "c"], gene_symbols="symbol")))[0] == "D1"


def test_labels_do_not_overlap(result):
    """Long names at the right, with few genes each."""
    names = [f"REACTOME_RESPIRATORY_ELECTRON_TRANSPORT_ATP_SYNTHESIS_BY_CHEMIOSMOTIC_{i}" for i in range(16)]
    result.uns["programs"]["names"] = np.array(names)
    ax = cr.pl.network(result, names[:6], n_genes=1)
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    figure = ax.figure.bbox
    assert all(figure.x0 <= box.x0 and box.x1 <= figure.x1 for box in boxes)


def test_decoys_are_no_relatives(result):
    result.varm["programs_loadings"] = result.varm["programs_loadings"].copy()
    names = list(result.uns["programs"]["names"])
    prior = result.varm["programs"].tolil()
    # a twin among the decoys
    prior[:, names.index("decoy 1")] = prior[:, 0]
    result.varm["programs"] = prior.tocsr()
    result.varm["programs_loadings"][:, names.index("decoy 1")] = result.varm["programs_loadings"][:, 0]
    shown = others(cr.pl.network(result, names[0], n_relatives=7))[::2]
    assert shown[0] == names[0] and len(shown) > 1 and not any(name.startswith("decoy") for name in shown)
    # unless asked for, and a decoy may have relatives
    assert others(cr.pl.network(result, [names[0], "decoy 1"]))[3].endswith("cosine 1.00")
    assert others(cr.pl.network(result, "decoy 1"))[::2][:2] == ["decoy 1", names[0]]


def test_place(family):
    _, ax = plt.subplots(figsize=(3, 2))
    assert cr.pl.network(family, "a", ax=ax) is ax
    # letters shrink with the room
    assert genes(ax)["a1"].get_fontsize() < 0.6 * genes(cr.pl.network(family, "a"))["a1"].get_fontsize()


def test_collapsed_program(family):
    family.varm["programs_loadings"][:, 3] = 0
    assert others(cr.pl.network(family, "d")) == ["d", "0 of 0 genes"]


def test_bad_input(family):
    with pytest.raises(KeyError, match="'nothing' is not one of the 4 programs"):
        cr.pl.network(family, "nothing")
    with pytest.raises(ValueError, match="program is empty"):
        cr.pl.network(family, [])
    with pytest.raises(ValueError, match="n_genes=0"):
        cr.pl.network(family, "a", n_genes=0)
    with pytest.raises(ValueError, match="n_relatives=-1"):
        cr.pl.network(family, "a", n_relatives=-1)
    with pytest.raises(KeyError, match="gene_symbols='symbol' is not a column of adata.var"):
        cr.pl.network(family, "a", gene_symbols="symbol")
    del family.varm["programs_loadings"]
    with pytest.raises(KeyError, match="no loadings under 'programs_loadings'"):
        cr.pl.network(family, "a")
