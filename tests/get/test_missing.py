"""What accessors say if there is nothing to read."""

import pytest

import crystallin as cr


def test_what_is_missing_is_said(planted, result):
    for accessor in (cr.get.activity, cr.get.activity_df, cr.get.programs_df, cr.get.loadings_df):
        with pytest.raises(KeyError, match="no programs under 'programs'"):
            accessor(planted.adata)
    cr.pp.add_programs(planted.adata, planted.sets)
    with pytest.raises(KeyError, match="crystallin.tl.activity"):
        cr.get.activity_df(planted.adata)
    with pytest.raises(KeyError, match="crystallin.tl.loadings"):
        cr.get.loadings_df(planted.adata)
    with pytest.raises(KeyError, match="'Programme/1' is not one of the 16 programs. Did you mean 'Program/1'"):
        cr.get.activity_df(result, "Programme/1")
    with pytest.raises(KeyError, match="gene_symbols='symbol'"):
        cr.get.loadings_df(result, gene_symbols="symbol")
