"""What the figures of a ranking share."""

import numpy as np
import pandas as pd

from crystallin.pl._ranking import found, special
from crystallin.pl._style import shorten


def test_what_is_shown_of_whom():
    table = pd.DataFrame(
        {
            "q": [0.01, 0.01, 0.01, 0.2, np.nan],
            "decoy_q": [0.02, 0.3, np.nan, 0.01, np.nan],
            "conditional_q": [0.01, 0.01, 0.3, 0.01, 0.01],
        }
    )
    assert found(table, 0.05).tolist() == [True, True, True, False, False]
    assert special(table, 0.05).tolist() == [True, False, False, False, False]


def test_shorten():
    assert shorten("HALLMARK_HYPOXIA") == "HALLMARK HYPOXIA"
    name = "REACTOME_IMMUNOREGULATORY_INTERACTIONS_BETWEEN_A_LYMPHOID_AND_A_NON_LYMPHOID_CELL"
    assert len(shorten(name)) <= 44
    assert shorten(name).startswith("REACTOME IMMUNO") and shorten(name).endswith("… A NON LYMPHOID CELL")
    assert len(shorten("x" * 100, 20)) == 20
