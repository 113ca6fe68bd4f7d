"""Results to draw; figures are closed after each test."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

import crystallin as cr

N_RANKED = 60


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def attributed(result, model):
    cr.tl.attributions(result, model, groupby="cell_type", method="contributions")
    return result


@pytest.fixture
def ranked():
    """Two strata of sixty programs with long names, as tl.rank_programs_groups leaves them."""
    rng = np.random.default_rng(0)
    parts = []
    for stratum in ("CD14+ monocytes", "B cells"):
        effect = np.sort(rng.normal(0, 1, N_RANKED))[::-1]
        q = np.where(np.abs(effect) > 1, 1e-12, 0.5)
        q[-3:] = np.nan
        part = pd.DataFrame(
            {
                "stratum": stratum,
                "group": "stim",
                "reference": "ctrl",
                "program": [f"REACTOME_A_RATHER_LONG_NAME_OF_A_PATHWAY_THAT_GOES_ON_{i:02d}" for i in range(N_RANKED)],
                "family": [f"f{i // 2}" for i in range(N_RANKED)],
                "lead": np.arange(N_RANKED) % 2 == 0,
                "effect": effect,
                "lower": effect - 0.3,
                "upper": effect + 0.3,
                "effect_sd": effect / 2,
                "q": q,
                "decoy_q": np.where(np.arange(N_RANKED) % 3, 0.01, 0.2),
                "conditional_q": np.where(np.arange(N_RANKED) % 5, 0.01, 0.2),
            }
        )
        for name in ("effect", "lower", "upper", "effect_sd"):
            part[f"total_{name}"] = 0.8 * part[name] + 0.1
        part["total_q"], part["total_decoy_q"] = np.where(np.arange(N_RANKED) % 7, q, q + 0.1), 0.01
        part["breadth"], part["total_breadth"], part["total_se"] = 5.0, 12.0, 0.1
        # as the third from the top, with a total that falls
        part["opposed"] = np.arange(N_RANKED) == 2
        part.loc[2, ["total_effect", "total_lower", "total_upper"]] = [-1.2, -1.5, -0.9]
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    return AnnData(np.zeros((2, 2)), uns={"rank_programs_groups": {"params": {}, "table": table}})
