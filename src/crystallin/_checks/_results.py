"""Results of tools in ``uns``."""

from __future__ import annotations

from typing import Any, NamedTuple

from crystallin import _keys as keys


class _Kind(NamedTuple):
    """What a result is called, the call that makes it, and what tells it from others."""

    what: str
    call: str
    column: str


KINDS = {
    keys.RANK_PROGRAMS_GROUPS: _Kind(
        "differences between groups", "rank_programs_groups(adata, model, groupby)", "effect"
    ),
    keys.CONTRAST: _Kind("contrast", "contrast(adata, model, program, groupby=…, group=…)", "contribution"),
    keys.LEAKAGE: _Kind("leakage", "leakage(adata, model)", "leakage_encoder"),
    keys.PROGRAM_IMPORTANCE: _Kind("importance of programs", "program_importance(adata, model)", "importance"),
    keys.ATTRIBUTION_AGREEMENT: _Kind(
        "agreement between attributions", "attribution_agreement(adata, model, groupby=…)", "rbo"
    ),
    keys.FAITHFULNESS: _Kind("faithfulness of attributions", "faithfulness(adata, model)", "deletion"),
    keys.KNOCKDOWN: _Kind("knock-down", "knockdown(adata, model, genes=…)", "change"),
    keys.ANNOTATE: _Kind("annotation", "annotate(adata, model, groupby)", "specificity"),
    keys.RULES: _Kind("rules", "rules(adata, groupby)", "rule"),
    keys.INTERACTIONS: _Kind("interactions of genes", "interactions(adata, model, program)", "interaction"),
}


def check_result(adata: Any, key: str, kind: str) -> None:
    """Raise unless a result of this kind was written under ``key``; ``kind`` is the default key of its tool."""
    what, call, column = KINDS[kind]
    if keys.TABLE not in adata.uns.get(key, {}) or column not in adata.uns[key][keys.TABLE]:
        msg = (
            f"adata.uns has no {what} under {key!r}; call crystallin.tl.{call} first, or name the key that was given "
            "as key_added."
        )
        raise KeyError(msg)


def check_attributions(adata: Any, key: str) -> None:
    """Raise unless attributions were written under ``key``."""
    if keys.PROGRAMS not in adata.uns.get(key, {}):
        msg = (
            f"adata.uns has no attributions under {key!r}; call crystallin.tl.attributions(adata, model, groupby=…) "
            "first, or name the key that was given as key_added."
        )
        raise KeyError(msg)
