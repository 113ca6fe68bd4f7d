"""What belongs to a reference while further programs are trained, and its protection.

The reference's programs come first, so their edges come before those of further programs. Parameters that hold entries
of both are protected in two ways: gradients are set to 0 on the reference's entries, and these entries are put back
after each step, because weight decay and projections move parameters without a gradient as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ._batches import Outside
from ._compat import pl
from ._mapped import BATCH_SHIFT, OF_EDGES, TABLE, category_rows

if TYPE_CHECKING:
    from ._model import ProgramVAE
    from ._module import ProgramModule

# parameters and buffers with a row for each free program, and with a value for each latent dimension
FREE_ROWS = ("decoder.unannotated", "decoder.free_support", "z_encoder.unannotated")
LOG_VAR, LOG_VAR_DEPTH = "z_encoder.log_var", "z_encoder.log_var_depth"
# of batches
INTERCEPTS = f"{TABLE}0"


@dataclass(frozen=True)
class Fixed:
    """What belongs to the reference.

    Attributes
    ----------
    n_programs, n_edges, n_free
        Numbers of programs, edges and free programs.
    is_known
        Which batches are the reference's.
    intercepts
        Intercepts of batches, before training.
    outside
        Function that shifts of intercepts go through.
    """

    n_programs: int
    n_edges: int
    n_free: int
    is_known: torch.Tensor
    intercepts: torch.Tensor
    outside: Outside

    @classmethod
    def of(cls, reference: ProgramVAE, model: ProgramVAE, information: torch.Tensor) -> Fixed:
        """Return what belongs to the reference in the mapped model of a query."""
        decoder = model.module.decoder
        return cls(
            n_programs=decoder.n_programs,
            n_edges=len(decoder.edges),
            n_free=decoder.n_free,
            is_known=torch.as_tensor(category_rows(reference, model) >= 0),
            intercepts=decoder.categorical[0].detach().clone(),
            outside=Outside(decoder.weight().detach().dense(), information),
        )

    def trained(self, module: ProgramModule) -> dict[str, torch.Tensor]:
        """Return the parameters to train, and which of their entries."""
        is_new_dimension = torch.ones(module.n_latent, dtype=torch.bool)
        is_new_dimension[: self.n_programs] = False
        is_new_dimension[module.n_programs : module.n_programs + self.n_free] = False
        is_new_batch = ~self.is_known[:, None]
        trained = {name: _from(self.n_edges, len(module.decoder.edges)) for name in OF_EDGES}
        is_new_row = _from(self.n_free, len(module.decoder.unannotated))[:, None]
        trained |= dict.fromkeys((FREE_ROWS[0], FREE_ROWS[2]), is_new_row)
        trained |= dict.fromkeys((LOG_VAR, LOG_VAR_DEPTH), is_new_dimension)
        return trained | {INTERCEPTS: is_new_batch, BATCH_SHIFT: is_new_batch | is_new_dimension}


def _from(first: int, n: int) -> torch.Tensor:
    return torch.arange(n) >= first


class KeepFixed(pl.Callback):
    """After each step, put entries that are not trained back, and keep intercepts orthogonal to the reference.

    Parameters
    ----------
    module
        Module with the values to keep.
    fixed
        What belongs to the reference.
    """

    def __init__(self, module: ProgramModule, fixed: Fixed) -> None:
        self._fixed = fixed
        self._kept = {
            name: (is_trained, module.get_parameter(name).detach().clone())
            for name, is_trained in fixed.trained(module).items()
        }

    @torch.no_grad()
    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Put back what is not trained."""
        module, fixed = pl_module.module, self._fixed
        table = module.get_parameter(INTERCEPTS)
        start = fixed.intercepts.to(table.device)
        table.copy_(start + fixed.outside(table - start))
        for name, (is_trained, before) in self._kept.items():
            parameter = module.get_parameter(name)
            parameter.copy_(torch.where(is_trained.to(parameter.device), parameter, before.to(parameter.device)))


@contextmanager
def only_new(module: ProgramModule, fixed: Fixed) -> Iterator[KeepFixed]:
    """Let only what is not the reference's have a gradient, and yield the callback that protects the rest."""
    trained = fixed.trained(module)

    def masked(is_trained: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda gradient: gradient * is_trained.to(gradient.device)

    handles = []
    for name, parameter in module.named_parameters():
        # the training plan projects loadings after each step, but only if they have a gradient
        parameter.requires_grad_(name in trained and (name == OF_EDGES[0] or bool(trained[name].any())))
        if parameter.requires_grad:
            handles.append(parameter.register_hook(masked(trained[name])))
    try:
        yield KeepFixed(module, fixed)
    finally:
        for handle in handles:
            handle.remove()
