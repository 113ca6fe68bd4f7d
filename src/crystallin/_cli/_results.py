"""Results of tools that ``run`` computes after training, and the page that shows them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from crystallin import _checks as checks
from crystallin import get, tl
from crystallin._keys import ANNOTATE

from ._messages import say

if TYPE_CHECKING:
    from anndata import AnnData

    from crystallin.model import ProgramVAE

logger = logging.getLogger(__name__)


def label_column(groupby: str) -> str:
    """Return the column of ``obs`` in which the labels of the groups are written."""
    return f"{groupby}_label"


def check_results(
    adata: AnnData, groupby: str | None, sample_key: str | None, *, annotate: bool, report: Path | None
) -> None:
    """Raise before training if results cannot be computed with these options, or the page cannot be written."""
    if groupby is None and (annotate or sample_key is not None):
        option = "--annotate" if annotate else "--sample-key"
        msg = (
            f"{option} needs --groupby, the column of obs with the groups. It has {checks.some(adata.obs.columns, 12)}."
        )
        raise ValueError(msg)
    checks.check_categories(adata, sample_key, "--sample-key")
    if annotate and checks.kind_of(adata, ANNOTATE) != ANNOTATE:
        checks.check_new_columns(adata, {"--annotate": label_column(str(groupby))}, set())
    if report is not None and (report.suffix.lower() != ".html" or report.is_dir()):
        msg = f"--report {str(report)!r} must be a file that ends in .html."
        raise ValueError(msg)


def compute(adata: AnnData, model: ProgramVAE, groupby: str, sample_key: str | None, *, annotate: bool) -> None:
    """Compare the groups and, if asked for, name them; what cannot be computed is a warning, as training is done."""

    def compare() -> None:
        tl.rank_programs_groups(adata, model, groupby, sample_key=sample_key)

    def name() -> None:
        tl.annotate(adata, model, groupby, sample_key=sample_key, label_added=label_column(groupby))
        say(f"\nNames of {groupby}:\n")
        for group, label, score in get.annotation_df(adata, columns=["group", "label", "score"]).itertuples(
            index=False
        ):
            say(f"  {group}: {label} (score {score:.1f})\n")

    steps: dict[str, Callable[[], None]] = {"Differences between groups": compare}
    if annotate:
        steps["Names of groups"] = name
    for what, step in steps.items():
        try:
            step()
        except (KeyError, TypeError, ValueError) as error:
            message = error.args[0] if isinstance(error, KeyError) and error.args else error
            logger.warning("%s were not computed: %s", what, message)
