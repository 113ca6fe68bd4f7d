"""Mapping query data onto a trained reference (architectural surgery, Lotfollahi et al. 2022, Nat Biotechnol 40:121).

Everything learned on the reference is frozen; only the rows of new batches and covariate categories are trained.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from ._module import ProgramModule


def count_categories(state: dict[str, torch.Tensor]) -> list[int]:
    """Return the number of rows of each categorical table in a saved decoder."""
    prefix = "decoder.categorical."
    tables = {int(key.removeprefix(prefix)): len(value) for key, value in state.items() if key.startswith(prefix)}
    return [tables[i] for i in sorted(tables)]


@torch.no_grad()
def start_new_rows(module: ProgramModule, n_reference: list[int]) -> None:
    """Initialise new categories with the average over those of the reference."""
    for table, n in _tables(module, n_reference):
        table[n:] = table[:n].mean(0)
    if module.dispersion == "gene-batch":
        module.px_r[:, n_reference[0] :] = module.px_r[:, : n_reference[0]].mean(1, keepdim=True)


def train_new_rows_only(module: ProgramModule, n_reference: list[int]) -> bool:
    """Freeze all parameters except the rows of new categories; return whether there are such rows."""
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    grown = [table for table, n in _tables(module, n_reference) if len(table) > n]
    for table in grown:
        table.requires_grad_(True)
    module.n_reference = n_reference
    protect_reference_rows(module)
    return bool(grown)


def protect_reference_rows(module: ProgramModule) -> None:
    """Set gradients to 0 in the rows of the reference's categories, if the module was frozen for a query.

    Call this again for a copy of the module, because hooks are not copied.
    """
    n_reference = getattr(module, "n_reference", None)
    for table, n in [] if n_reference is None else _tables(module, n_reference):
        if table.requires_grad:
            table.register_hook(_only_rows_from(n))


def _tables(module: ProgramModule, n_reference: list[int]) -> list[tuple[torch.Tensor, int]]:
    """Return parameters with a row for each category, and the number of rows that belong to the reference."""
    tables = list(zip(module.decoder.categorical, n_reference, strict=True))
    return [*tables, (module.z_encoder.batch_shift, n_reference[0])]


def _only_rows_from(n: int) -> Callable[[torch.Tensor], torch.Tensor]:
    def hook(gradient: torch.Tensor) -> torch.Tensor:
        gradient = gradient.clone()
        gradient[:n] = 0
        return gradient

    return hook
