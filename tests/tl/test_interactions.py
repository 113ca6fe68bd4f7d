import numpy as np
import pytest

import crystallin as cr

PROGRAM = "Program/2"


def test_interactions(result, model):
    cr.tl.interactions(result, model, PROGRAM, groupby="cell_type", group="type 1", n_genes=6)
    table = cr.get.interactions_df(result)
    assert len(table) == 15 and (np.diff(table["interaction"].abs()) <= 0).all()
    genes = sorted(set(table["gene_a"]) | set(table["gene_b"]))
    cells = np.flatnonzero(result.obs["cell_type"] == "type 1")
    matrix = model.get_interactions(PROGRAM, genes, indices=cells)["all"]
    row = table.iloc[0]
    assert row["interaction"] == pytest.approx(2 * matrix.loc[row["gene_a"], row["gene_b"]], rel=1e-3)
    assert result.uns["interactions"]["params"]["own"] == pytest.approx(np.trace(matrix), rel=1e-3)
    cr.tl.interactions(result, model, PROGRAM, genes=["g1", "g2", "g1"], baseline="zero", key_added="mine")
    assert len(cr.get.interactions_df(result, key="mine")) == 1
