"""An AnnData with every kind of result, and pages as their readers see them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import crystallin as cr

BY = "cell_type"
METHODS = ["activity/contributions", "encoder/integrated_gradients", "loadings"]
PROGRAM = "Program/2"


@pytest.fixture(scope="session")
def _full(_trained, audit_of):
    adata, model = _trained[0].copy(), _trained[1]
    adata.obsm["X_umap"] = np.random.default_rng(0).normal(size=(adata.n_obs, 2)).astype(np.float32)
    adata.obs["donor"] = pd.Categorical([f"d{i % 6}" for i in range(adata.n_obs)])
    cr.tl.rank_programs_groups(adata, model, BY)
    # both write families and twins
    cr.tl.programs_overview(adata, model, BY)
    cr.tl.rank_programs_groups(
        adata, model, "batch", reference="one", within=BY, sample_key="donor", key_added="response"
    )
    cr.tl.annotate(adata, model, BY)
    cr.tl.rules(adata, BY, n_bootstraps=1)
    cr.tl.attributions(adata, model, groupby=BY, method="contributions")
    cr.tl.leakage(adata, model, groupby=BY, max_cells=20)
    cr.tl.program_importance(adata, model, groupby=BY)
    cr.tl.contrast(adata, model, PROGRAM, groupby=BY, group="type 1")
    few = {"methods": METHODS, "programs": [PROGRAM], "max_cells": 20}
    cr.tl.attribution_agreement(adata, model, BY, **few)
    cr.tl.faithfulness(adata, model, n_genes=[5], n_random=2, **few)
    cr.tl.knockdown(adata, model, genes=["g1", "g2"], groupby=BY, n_random=2, max_cells=20)
    cr.tl.interactions(adata, model, PROGRAM, n_genes=4)
    adata.uns["audit_programs"] = audit_of(adata)
    return adata, model


@pytest.fixture
def full(_full):
    """A copy of data with every kind of result."""
    return _full[0].copy()


@dataclass
class Page(HTMLParser):
    """What is in a page."""

    html: str
    text: str = ""
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        super().__init__()
        self._open: list[tuple[str, dict[str, str]]] = []
        self.feed(self.html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "input"):
            self._open.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        tag, attrs = self._open[-1] if self._open else ("", {})
        if attrs.get("type") == "application/json":
            self.sources[attrs["id"]] = data
        elif tag not in ("script", "style"):
            self.text += data

    def attributes(self, tag, **wanted):
        """Attributes of all tags of a kind, e.g. with a class."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in wanted.items()}
        found = [attrs for name, attrs in self.tags if name == tag]
        return [attrs for attrs in found if all(value in attrs.get(name, "") for name, value in wanted.items())]

    def table(self, file):
        """The data behind the button that saves a file of this name."""
        (source,) = {button["data-source"] for button in self.attributes("button", class_="csv", data_file=file)}
        content = json.loads(self.sources[source])
        columns = {}
        for column in content["columns"]:
            places = column.get("places", [0] * content["n"])
            columns[column["name"]] = column.get("values") or [column["levels"][place] for place in places]
        return pd.DataFrame(columns)


@pytest.fixture(scope="session")
def _full_path(_full, tmp_path_factory):
    """A report of all results, and what there was before it was written."""
    mine = plt.figure()
    before = _full[0].copy(), dict(mpl.rcParams), mpl.get_backend()
    path = cr.report(_full[0], tmp_path_factory.mktemp("report") / "report.html")
    figures = plt.get_fignums() == [mine.number] and plt.gcf() is mine
    plt.close(mine)
    return path, (*before, figures)


@pytest.fixture(scope="session")
def drawn(_full_path):
    """The page of all results, with its figures."""
    return Page(_full_path[0].read_text(encoding="utf-8"))


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Write a report and read it as a page; figures are drawn, but do not become pictures, which takes longest."""
    monkeypatch.setattr("crystallin._report._draw._encode", lambda figure: ("data:,", 100))

    def write(adata, **kwargs):
        return Page(cr.report(adata, tmp_path / "report.html", **kwargs).read_text(encoding="utf-8"))

    return write
