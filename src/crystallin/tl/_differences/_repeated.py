"""The same comparisons in every fit of an ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from crystallin._keys import SHARE_OF_FITS

from ._measured import Measured
from ._questions import Answer, Question, again
from ._rows import effects

# a difference is called in a fit if its q is at most this
MAX_Q = 0.05


def repeated(
    first: Sequence[tuple[Question, Answer]],
    refits: Sequence[Mapping[str, Measured]],
    delta: float,
    real: pd.Index,
) -> list[pd.DataFrame]:
    """Return, for each comparison, what the fits say of each program's difference.

    Parameters
    ----------
    first
        Comparisons with the results of the first fit.
    refits
        Activities of each refit.
    delta
        Smallest difference of interest, in pooled standard deviations.
    real
        Positions of the programs that are not decoys.
    """
    questions = [question for question, _ in first]
    others = [again(questions, measured) for measured in refits]
    found = []
    for number, (_, compared) in enumerate(first):
        fits = [effects(compared, delta, real), *(effects(results[number][1], delta, real) for results in others)]
        found.append(pd.concat([_columns(fits, before) for before in ("", "total_")], axis=1))
    return found


def _columns(fits: Sequence[pd.DataFrame], before: str) -> pd.DataFrame:
    """Return the columns of a reading."""
    effect, q = (np.stack([fit[f"{before}{name}"] for fit in fits]) for name in ("effect", "q"))
    same = np.sign(effect) == np.sign(effect[0])
    called = same & (q <= MAX_Q)
    columns = {
        "fit_sd": np.sqrt(np.square(effect[1:] - effect[0]).mean(axis=0)),
        SHARE_OF_FITS: called.mean(axis=0),
        "sign_agreement": same[1:].mean(axis=0),
    }
    return pd.DataFrame({f"{before}{name}": values for name, values in columns.items()}, index=fits[0].index)
