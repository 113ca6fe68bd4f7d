"""Counts in any layout give the activities of canonical CSR in single precision, to the bit, and stay as they are."""

import numpy as np
import pytest
from anndata import AnnData
from scipy import sparse

import crystallin as cr

# scvi-tools advises CSR, which is what comes out
pytestmark = pytest.mark.filterwarnings("ignore:Training will be faster:UserWarning")


def with_duplicates(counts):
    """Each entry above 1 in two parts, unsorted."""
    csr = sparse.csr_matrix(counts)
    first = np.ceil(csr.data / 2)
    cell = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
    cells, genes = np.tile(cell, 2), np.tile(csr.indices, 2)
    values = np.concatenate([first, csr.data - first]).astype(np.float32)
    order = np.lexsort((-np.arange(len(cells)), cells))
    indptr = np.concatenate([[0], np.bincount(cells, minlength=len(counts)).cumsum()])
    return sparse.csr_matrix((values[order], genes[order], indptr), shape=counts.shape)


def unsorted(counts):
    csr = sparse.csr_matrix(counts)
    for start, end in zip(csr.indptr[:-1], csr.indptr[1:], strict=True):
        csr.indices[start:end], csr.data[start:end] = csr.indices[start:end][::-1], csr.data[start:end][::-1].copy()
    return sparse.csr_matrix((csr.data, csr.indices, csr.indptr), shape=csr.shape)


def with_zeros(counts):
    csr = sparse.csr_matrix(counts + 1)
    csr.data -= 1
    return csr


def read_only(counts):
    csr = sparse.csr_matrix(counts)
    for array in (csr.data, csr.indices, csr.indptr):
        array.flags.writeable = False
    return csr


def wide(counts):
    csr = sparse.csr_matrix(counts)
    csr.indices, csr.indptr = csr.indices.astype(np.int64), csr.indptr.astype(np.int64)
    return csr


def small_integers_in_parts(counts):
    csr = with_duplicates(counts)
    return sparse.csr_matrix((csr.data.astype(np.int8), csr.indices, csr.indptr), shape=csr.shape)


def dask_array(counts, make=None):
    import dask.array as da

    dense = da.from_array(counts, chunks=(130, counts.shape[1]))
    return dense if make is None else dense.map_blocks(make)


DTYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float64"]
LAYOUTS = {
    "dense": np.array,
    "fortran": np.asfortranarray,
    "masked": np.ma.masked_array,
    "object": lambda counts: counts.astype(object),
    "half": lambda counts: counts.astype(np.float16),
    "big-endian": lambda counts: counts.astype(">f4"),
    "big-endian integers": lambda counts: counts.astype(">i4"),
    "csc": sparse.csc_matrix,
    "csc int64": lambda counts: sparse.csc_matrix(counts.astype(np.int64)),
    "duplicates": with_duplicates,
    "duplicates int8": small_integers_in_parts,
    "csc duplicates": lambda counts: with_duplicates(counts.T).T,
    "unsorted": unsorted,
    "explicit zeros": with_zeros,
    "read-only": read_only,
    "wide indices": wide,
    **{f"csr {dtype}": lambda counts, dtype=dtype: sparse.csr_matrix(counts.astype(dtype)) for dtype in DTYPES},
    **{f"dense {dtype}": lambda counts, dtype=dtype: counts.astype(dtype) for dtype in DTYPES},
}
# scvi-tools cannot register these, but they can be read
ONLY_READ = {"csr_array": sparse.csr_array, "csc_array": sparse.csc_array}
DASK = {
    "dask": dask_array,
    "dask csr": lambda counts: dask_array(counts, sparse.csr_matrix),
    "dask duplicates": lambda counts: dask_array(counts, with_duplicates),
    "dask int64": lambda counts: dask_array(counts.astype(np.int64)),
}


def content(matrix):
    """All that a matrix holds, byte by byte, and what scipy noted on it."""
    if sparse.issparse(matrix):
        noted = {key: value for key, value in vars(matrix).items() if isinstance(value, bool)}
        return [matrix.dtype, matrix.data.tobytes(), matrix.indices.tobytes(), matrix.indptr.tobytes(), noted]
    return [matrix.dtype, np.asarray(matrix).tobytes()] if isinstance(matrix, np.ndarray) else [id(matrix)]


@pytest.fixture(scope="module")
def counts(_planted):
    return np.minimum(_planted.adata.X.toarray(), 100)


@pytest.fixture(scope="module")
def expected(model, _planted, counts):
    adata = _planted.adata.copy()
    adata.X = sparse.csr_matrix(counts)
    return model.get_activity(adata, return_sd=True)


@pytest.mark.parametrize("layout", [*LAYOUTS, *ONLY_READ])
def test_read(model, planted, counts, expected, layout):
    adata = planted.adata
    adata.X = (LAYOUTS | ONLY_READ)[layout](counts)
    before = content(adata.X)
    activity, sd = model.get_activity(adata, return_sd=True)
    np.testing.assert_array_equal(activity, expected[0])
    np.testing.assert_array_equal(sd, expected[1])
    assert content(adata.X) == before


@pytest.mark.parametrize("layout", DASK)
def test_read_without_loading_all(model, planted, counts, expected, layout):
    pytest.importorskip("dask.array")
    planted.adata.X = DASK[layout](counts)
    np.testing.assert_array_equal(model.get_activity(planted.adata), expected[0])
    # in any order, which what lies on disk does not give
    some = model.get_activity(planted.adata, indices=[300, 2, 2])
    planted.adata.X = sparse.csr_matrix(counts)
    np.testing.assert_array_equal(some, model.get_activity(planted.adata, indices=[300, 2, 2]))


def trained(adata, **setup):
    cr.ProgramVAE.setup_anndata(adata, **setup)
    model = cr.ProgramVAE(adata)
    model.train(max_epochs=1, posterior_epochs=0, enable_progress_bar=False)
    return model


def small(adata, matrix, layer):
    adata = AnnData(
        X=matrix if layer is None else None,
        layers={} if layer is None else {layer: matrix},
        obs=adata.obs[:60],
        var=adata.var,
        uns=adata.uns,
        varm=dict(adata.varm),
    )
    return adata


@pytest.mark.parametrize("layer", [None, "counts"])
def test_train(adata, counts, layer):
    counts = counts[:60]
    counts[0] += 1
    reference = trained(small(adata, sparse.csr_matrix(counts), layer), layer=layer)
    expected = reference.get_activity()
    layouts = LAYOUTS | (DASK if _has_dask() else {})
    for name, make in layouts.items():
        if "int" in name and not name.startswith(("csr uint16", "dense int64", "duplicates")):
            continue
        model = trained(small(adata, make(counts), layer), layer=layer)
        assert model.digest == reference.digest, name
        np.testing.assert_array_equal(model.get_activity(), expected, err_msg=name)


def _has_dask():
    from importlib.util import find_spec

    return find_spec("dask") is not None
