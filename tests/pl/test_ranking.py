"""What the figures of a ranking share."""

import numpy as np
import pandas as pd
import pytest

from crystallin.pl._ranking import decided, difference_of
from crystallin.pl._style import shorten


def test_what_is_called():
    table = pd.DataFrame({"q": [0.01, 0.01, 0.08, 0.2, np.nan], "call": ["up", "", "", "", ""]})
    by_call = decided(table, None)
    assert by_call.called.tolist() == [True, False, False, False, False]
    assert by_call.weak.tolist() == [False, True, False, False, False]
    assert by_call.words == ("called", "not called, though q ≤ 0.05", "q > 0.05")
    by_q = decided(table, 0.1)
    assert by_q.called.tolist() == [True, True, True, False, False] and not by_q.weak.any()
    assert by_q.words[0] == "q ≤ 0.1" and by_q.words[2] == "q > 0.1"
    with pytest.raises(ValueError, match="q_max=2"):
        decided(table, 2)


def test_one_name_and_unit():
    assert difference_of("unique") == "difference of activity (prior sd)"
    assert difference_of("total") == "difference of total activity (prior sd)"


def test_shorten():
    assert shorten("HALLMARK_HYPOXIA") == "Hallmark hypoxia"
    name = "REACTOME_IMMUNOREGULATORY_INTERACTIONS_BETWEEN_A_LYMPHOID_AND_A_NON_LYMPHOID_CELL"
    assert len(shorten(name)) <= 44
    assert shorten(name).startswith("Reactome immuno") and shorten(name).endswith("… a non lymphoid cell")
    assert len(shorten("x" * 100, 20)) == 20
