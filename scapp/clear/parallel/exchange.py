"""Processes that train one model together: what each of them does alone, and where they meet.

Every process takes an equal part of a step's cells. Gradients are averaged, and keys gathered, so that all hold the
same model and the same queue. With one process nothing is sent anywhere.
"""

from collections.abc import Iterable
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Together:
    """This process among those that train.

    Parameters
    ----------
    rank
        Number of this process, from 0; the first reports and writes.
    size
        How many there are.
    control
        Group over which decisions and states are sent from host to host; only where there are several.
    """

    def __init__(self, rank: int = 0, size: int = 1, control: Any = None) -> None:
        self.rank = rank
        self.size = size
        self._control = control

    @property
    def first(self) -> bool:
        """Whether this process reports and writes."""
        return self.rank == 0

    def part(self, cells: Tensor) -> Tensor:
        """This process's cells among those of a step; what does not divide evenly is left out."""
        each = len(cells) // self.size
        return cells if self.size == 1 else cells[self.rank * each : (self.rank + 1) * each]

    def gathered(self, rows: Tensor) -> Tensor:
        """Rows of all processes in their order; gradients find their way back."""
        return rows if self.size == 1 else cast(Tensor, _Gather.apply(rows, self))

    def summed(self, values: Tensor) -> Tensor:
        """Sum over all processes; gradients find their way back."""
        return values if self.size == 1 else cast(Tensor, _Sum.apply(values))

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the mean of all gradients."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def agree(self, decision: int) -> int:
        """What the first process has decided."""
        if self.size == 1:
            return decision
        sent = torch.tensor(decision)
        dist.broadcast(sent, src=0, group=self._control)
        return int(sent)

    def collected(self, thing: Any) -> list[Any]:
        """A thing of each process, by rank."""
        if self.size == 1:
            return [thing]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, thing, group=self._control)
        return found


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, rows: Tensor, together: Together) -> Tensor:
        context.place = (together.rank, len(rows))
        parts = [torch.empty_like(rows) for _ in range(together.size)]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        # every process's loss depends on every row
        gradient = gradients[0].contiguous().clone()
        dist.all_reduce(gradient)
        rank, n_rows = context.place
        return gradient[rank * n_rows : (rank + 1) * n_rows], None


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor]:
        gradient = gradients[0].contiguous().clone()
        dist.all_reduce(gradient)
        return (gradient,)


class SharedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over the cells of all processes, as one process with all of them would do.

    Torch's own SyncBatchNorm exists for GPUs alone.
    """

    def __init__(self, n_features: int, together: Together) -> None:
        super().__init__(n_features)
        self.together = together

    def forward(self, values: Tensor) -> Tensor:
        """Normalise, shape (n_cells, n_features)."""
        if not self.training or self.together.size == 1:
            return super().forward(values)
        n_cells = len(values) * self.together.size
        mean = self.together.summed(values.sum(dim=0)) / n_cells
        centred = values - mean
        variance = self.together.summed(centred.square().sum(dim=0)) / n_cells
        with torch.no_grad():
            rate = self.momentum or 0.0
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, rate)
            self.running_var.lerp_(variance * (n_cells / max(n_cells - 1, 1)), rate)
        return centred * torch.rsqrt(variance + self.eps) * self.weight + self.bias
