import pytest

import crystallin as cr


def test_loadings_without_programs(model, planted):
    with pytest.raises(KeyError, match="no programs under 'programs'"):
        cr.tl.loadings(planted.adata, model)
