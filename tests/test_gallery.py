"""The gallery shows every figure, and its page is what its script writes."""

import importlib.util
from pathlib import Path

import pytest

import crystallin as cr

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def gallery():
    spec = importlib.util.spec_from_file_location("make_gallery", DOCS / "make_gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_figure_is_on_the_page(gallery):
    text = (DOCS / "gallery.md").read_text(encoding="utf-8")
    assert {entry.function for entry in gallery.files().values()} == set(cr.pl.__all__)
    for name, entry in gallery.files().items():
        assert entry.code in text and f"(_static/gallery/{name})" in text


def test_the_page_is_up_to_date(gallery):
    assert (DOCS / "gallery.md").read_text(encoding="utf-8") == gallery.page()


def test_pictures_are_there_and_small(gallery):
    sizes = {path.name: path.stat().st_size for path in gallery.FOLDER.glob("*.png")}
    assert sizes.keys() == gallery.files().keys()
    assert max(sizes.values()) < 80_000


def test_a_figure_is_drawn_and_saved(gallery, tmp_path):
    entry = gallery.Entry("cr.pl.power(plan)", "How many donors a study needs.")
    plan = cr.power(effect=0.4, n_donors=[6, 12], n_cells=20, sample_sd=0.2, cell_sd=1)
    gallery.draw(entry, tmp_path / "power.png", {"cr": cr, "plan": plan})
    assert (tmp_path / "power.png").read_bytes().startswith(b"\x89PNG")
