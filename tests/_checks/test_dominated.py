"""Cells that consist of one gene which others hardly have are named; red cells, plasma cells and platelets are not."""

import os
from pathlib import Path

import anndata
import numpy as np
import pytest
from scipy import sparse

import crystallin as cr
from crystallin import _checks as checks


def counts_of(adata):
    return np.asarray(adata.X.toarray())


@pytest.mark.parametrize("make", [np.array, sparse.csr_matrix, sparse.csc_matrix])
def test_they_are_named(planted, make, silent):
    counts = counts_of(planted.adata)
    counts[[3, 200, 450], 7] = 1e5
    counts[11, 9] = 1e5
    planted.adata.X = make(counts)
    with pytest.warns(UserWarning, match=r"4 cell.s. consist of one gene.*cell3 \(g7: 100,000 of 10.,...\).*1 more"):
        checks.check_counts(planted.adata, None)
    with silent():
        checks.check_counts(planted.adata, None, warn=False)


@pytest.fixture
def passes(silent):
    def check(adata, layer=None):
        with silent(".*gene.s. have no counts"):
            checks.check_counts(adata, layer)

    return check


def test_what_is_no_fault(planted, passes):
    counts = counts_of(planted.adata)
    # a kind of cell
    counts[:100, 7] = 1e5
    planted.adata.X = counts
    passes(planted.adata)
    # a gene that others have too
    counts = counts.copy()
    counts[:100, 7] = 50
    counts[:, 7] = 50
    counts[3, 7] = 1e5
    planted.adata.X = counts
    passes(planted.adata)


def test_blood(passes):
    passes(cr.datasets.pbmc68k(), "counts")


FOLDER = Path(os.environ.get("CRYSTALLIN_DATA_DIR", Path(__file__).parents[3] / "shared" / "data"))


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.h5ad")), ids=lambda path: path.stem)
def test_other_blood(path, passes):
    adata = anndata.read_h5ad(path)
    passes(adata[np.asarray(adata.X.sum(1)).ravel() > 0])
