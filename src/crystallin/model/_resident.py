"""Counts that are kept on the device as a sparse matrix, and minibatches taken from it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from crystallin import _checks as checks
from crystallin.nn import SparseCounts

from ._borrowed import readable
from ._compat import REGISTRY_KEYS, AnnDataManager, DataSplitter
from ._windows import Windows, in_windows, window_cells

logger = logging.getLogger(__name__)

# share of an accelerator's free memory that the counts may take, as training needs the rest
BUDGET_SHARE = 0.5


class RegisteredCells(Dataset):
    """Registered data, where ``cells[[3, 5]]`` returns a minibatch on a device.

    Minibatches are the same as those of scvi-tools' dataset, except that counts are
    :class:`~crystallin.nn.SparseCounts`. This class reads counts from where they are stored, including files and dask
    arrays.
    """

    def __init__(self, adata_manager: AnnDataManager, device: torch.device) -> None:
        self.matrix = adata_manager.get_from_registry(REGISTRY_KEYS.X_KEY)
        self.rows_of = checks.RowReader(self.matrix)
        self.n_cells, self.n_genes = self.matrix.shape
        self.device = device
        self.others: dict[str, torch.Tensor] = {}
        for key, dtype in adata_manager.create_torch_dataset().keys_and_dtypes.items():
            # the way of minification is registered as text
            if key == REGISTRY_KEYS.X_KEY or isinstance(values := adata_manager.get_from_registry(key), str):
                continue
            values = values.to_numpy() if isinstance(values, pd.DataFrame) else values
            self.others[key] = self._tensor(np.asarray(values).astype(dtype, copy=False))

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        # torch warns about read-only arrays
        return torch.from_numpy(np.require(array, requirements="W")).to(self.device)

    def __len__(self) -> int:
        return self.n_cells

    def __getitem__(self, indices: Sequence[int]) -> dict[str, Any]:
        """Return the minibatch of the cells at these positions."""
        return self.minibatch(np.asarray(indices), self.rows_of(np.asarray(indices)))

    def minibatch(self, indices: np.ndarray, rows: sparse.csr_matrix) -> dict[str, Any]:
        """Return the minibatch of the cells at these positions, whose counts are given."""
        return self._with_others(self.sent(rows), torch.as_tensor(indices, device=self.device))

    def each(self, batches: Sequence[np.ndarray]) -> Iterator[dict[str, Any]]:
        """Yield the minibatches of cells at given positions, of which a file is read for many at a time."""
        if checks.is_in_memory(self.matrix):
            yield from (self[indices] for indices in batches)
            return
        for window in in_windows(batches, window_cells(self)):
            rows, start = self.rows_of(np.concatenate(window)), 0
            for indices in window:
                yield self.minibatch(indices, rows[start : start + len(indices)])
                start += len(indices)

    def sent(self, rows: sparse.csr_matrix) -> SparseCounts | torch.Tensor:
        """Return counts on the device."""
        cell = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        gene, value = self._tensor(rows.indices).long(), self._tensor(rows.data).float()
        return SparseCounts(self._tensor(cell), gene, value, rows.shape[0], self.n_genes)

    def _with_others(self, counts: SparseCounts | torch.Tensor, index: torch.Tensor) -> dict[str, Any]:
        return {REGISTRY_KEYS.X_KEY: counts} | {key: values[index] for key, values in self.others.items()}

    def loader(self, indices: np.ndarray, batch_size: int, *, shuffle: bool, drop_last: bool = False) -> DataLoader:
        """Return a loader of minibatches of the cells at ``indices``.

        Cells come in the same order as from scvi-tools' loader, unless they are shuffled, on disk, and more than one
        window (see :class:`Windows`).
        """
        if not checks.is_in_memory(self.matrix):
            windows = Windows(self, np.asarray(indices), batch_size, shuffle=shuffle, drop_last=drop_last)
            return DataLoader(windows, batch_size=None)
        sampler = (RandomSampler if shuffle else SequentialSampler)(indices)
        batches = BatchSampler(sampler, batch_size=batch_size, drop_last=drop_last)
        return DataLoader(_Part(self, np.asarray(indices)), sampler=batches, batch_size=None)


class DenseCells(RegisteredCells):
    """Registered data with dense counts, as methods of scvi-tools need them."""

    def sent(self, rows: sparse.csr_matrix) -> torch.Tensor:
        """Return counts on the device, cells x genes."""
        return super().sent(rows).dense()


class ResidentCells(RegisteredCells):
    """Registered data on a device, with counts as a CSR matrix. On a CPU, the arrays of a CSR matrix are not copied."""

    def __init__(self, adata_manager: AnnDataManager, device: torch.device) -> None:
        super().__init__(adata_manager, device)
        counts = checks.canonical_csr(self.matrix)
        if device.type != "cpu":
            counts = counts.astype(np.float32, copy=False)
        self.start = self._tensor(counts.indptr).long()
        self.gene, self.value = self._tensor(counts.indices), self._tensor(counts.data)

    def __getitem__(self, indices: Sequence[int]) -> dict[str, Any]:
        """Return the minibatch of the cells at these positions."""
        index = torch.as_tensor(np.asarray(indices), device=self.device)
        return self._with_others(self.counts(index), index)

    def counts(self, index: torch.Tensor) -> SparseCounts:
        """Counts of some cells."""
        start = self.start[index]
        size = self.start[index + 1] - start
        cell = torch.repeat_interleave(torch.arange(len(index), device=self.device), size)
        # position of each entry: start of its row plus its position in the row
        shift = start - (size.cumsum(0) - size)
        entry = torch.arange(len(cell), device=self.device) + shift[cell]
        return SparseCounts(cell, self.gene[entry].long(), self.value[entry].float(), len(index), self.n_genes)


class _Part(Dataset):
    """Subset of the cells."""

    def __init__(self, cells: RegisteredCells, indices: np.ndarray) -> None:
        self.cells, self.indices = cells, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, positions: Sequence[int]) -> dict[str, Any]:
        return self.cells[self.indices[positions]]


def resident_cells(
    adata_manager: AnnDataManager, device: torch.device, budget: int | None = None
) -> ResidentCells | None:
    """Copy the registered data to ``device``, or return ``None`` (and log why) if they are not in memory or too large.

    Parameters
    ----------
    adata_manager
        Registered data.
    device
        Device to copy to.
    budget
        Largest number of bytes that the counts may take there. ``None`` allows half of an accelerator's free memory,
        and any size on a CPU, because the data are there already. 0 returns ``None``.
    """
    counts = adata_manager.get_from_registry(REGISTRY_KEYS.X_KEY)
    if budget == 0:
        return None
    if not checks.is_in_memory(counts):
        logger.info("Counts are not in memory (%s), so minibatches are read one by one.", type(counts).__name__)
        return None
    n_stored = counts.nnz if sparse.issparse(counts) else np.count_nonzero(counts)
    # 4 bytes each for gene and value, 8 for the start of a row
    n_bytes = 8 * (n_stored + counts.shape[0] + 1)
    if budget is None and device.type == "cuda":
        budget = int(BUDGET_SHARE * torch.cuda.mem_get_info(device)[0])
    if budget is not None and n_bytes > budget:
        logger.info(
            "Counts take %s on %s, more than the budget of %s (device_budget), so minibatches are sent one by one.",
            _in_words(n_bytes),
            device,
            _in_words(budget),
        )
        return None
    return ResidentCells(adata_manager, device)


def _in_words(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.3g} GiB"


class ProgramDataSplitter(DataSplitter):
    """Data module of scvi-tools that keeps counts on the training device if they fit.

    Parameters
    ----------
    adata_manager
        Registered data.
    *args, **kwargs
        Arguments of :class:`scvi.dataloaders.DataSplitter`.
    device_budget
        Largest number of bytes that counts may take on the device, see :meth:`crystallin.ProgramVAE.train`.
    """

    def __init__(
        self, adata_manager: AnnDataManager, *args: Any, device_budget: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(readable(adata_manager), *args, **kwargs)
        self.device_budget = device_budget
        self._resident: RegisteredCells | None = None

    def setup(self, stage: str | None = None) -> None:
        """Split the cells, and copy the data to the device if they fit."""
        super().setup(stage)
        # several processes and several devices need scvi-tools' loader
        if {key: value for key, value in self.data_loader_kwargs.items() if value and key != "batch_size"}:
            return
        device = torch.device("cpu") if self.trainer is None else self.trainer.strategy.root_device
        self._resident = resident_cells(self.adata_manager, device, self.device_budget)
        # scvi-tools cannot read every type of matrix that is not in memory, and sorts the cells that it reads from disk
        if self._resident is None and not checks.is_in_memory(
            self.adata_manager.get_from_registry(REGISTRY_KEYS.X_KEY)
        ):
            self._resident = RegisteredCells(self.adata_manager, device)

    def train_dataloader(self) -> Any:
        """Return minibatches of the training cells, which are shuffled again in each epoch."""
        if self._resident is None:
            return super().train_dataloader()
        return self._loader(self.train_idx, shuffle=True, drop_last=self.drop_last)

    def val_dataloader(self) -> Any:
        """Return minibatches of the validation cells."""
        if self._resident is None or not len(self.val_idx):
            return super().val_dataloader()
        return self._loader(self.val_idx)

    def test_dataloader(self) -> Any:
        """Return minibatches of the test cells."""
        if self._resident is None or not len(self.test_idx):
            return super().test_dataloader()
        return self._loader(self.test_idx)

    def teardown(self, stage: str | None = None) -> None:
        """Free the memory of the device."""
        self._resident = None

    def _loader(self, indices: np.ndarray, *, shuffle: bool = False, drop_last: bool = False) -> Any:
        return self._resident.loader(
            indices, self.data_loader_kwargs["batch_size"], shuffle=shuffle, drop_last=drop_last
        )
