import numpy as np
import pytest

import crystallin as cr

PROGRAM = "Program/2"


def test_leakage(result, model):
    assert cr.tl.leakage(result, model, groupby="cell_type", max_cells=60) is None
    table, programs = cr.get.leakage_df(result), cr.get.programs_df(result, decoys=True, columns="all")
    assert len(table) == 16 * 3 and table[["leakage", "leakage_encoder"]].stack().between(0, 1).all()
    # by hand, for one program and group
    cells = np.flatnonzero(result.obs["cell_type"] == "type 1")
    cr.tl.leakage(result, model, groupby="cell_type", max_cells=None)
    each = np.abs(model.get_attributions(indices=cells, method="contributions", programs=[PROGRAM], statistic="each"))
    outside = result.varm["programs"].toarray()[:, model.program_names.tolist().index(PROGRAM)] == 0
    row = cr.get.leakage_df(result, PROGRAM, "type 1")
    assert row["leakage"].item() == pytest.approx(each[:, outside].sum() / each.sum(), abs=1e-4)
    full = cr.get.programs_df(result, decoys=True, columns="all")
    np.testing.assert_allclose(programs["leakage"], full["leakage"], atol=0.05)
    # without groups the same over all cells
    cr.tl.leakage(result, model, max_cells=None)
    np.testing.assert_allclose(
        cr.get.programs_df(result, decoys=True, columns="all")["leakage"], full["leakage"], atol=1e-4
    )


def test_leakage_without_context_network_is_none(quick, adata):
    """Then the encoder reads member genes alone; the refined activity still looks at what overlaps."""
    model = quick(adata, context=False)
    cr.tl.activity(adata, model)
    cr.tl.leakage(adata, model)
    table = cr.get.leakage_df(adata)
    assert (table["leakage_encoder"] < 1e-6).all() and (table["leakage"] > 0.01).all()
