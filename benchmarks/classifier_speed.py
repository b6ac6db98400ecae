"""Cells per second of MLS-CC's training step, batched over circles, beside a loop over types in the same run.

python -m benchmarks.classifier_speed [--types 80] [--cells 512] [--genes 500] [--device auto]
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from scapp.classify.components.contrastive import MlsComponent
from scapp.classify.components.supervised_info_nce import multi_space_info_nce, supervised_info_nce
from scapp.jobs.devices import choose_device

ROUNDS = 5


def looped(points: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """The same loss, a circle at a time."""
    losses = [
        supervised_info_nce(points[k], (labels == k).long(), temperature=temperature) for k in range(points.shape[0])
    ]
    return torch.stack(losses).mean()


def batched(points: Tensor, labels: Tensor, temperature: float) -> Tensor:
    return multi_space_info_nce(points, labels, temperature=temperature, positives="one_vs_rest")


def seconds_of(
    loss: Callable[[Tensor, Tensor, float], Tensor], component: MlsComponent, inputs: Tensor, labels: Tensor
) -> float:
    """Forward, loss and backward of one step; the median of several."""
    times = []
    for _ in range(ROUNDS + 1):
        if inputs.device.type == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        component.zero_grad()
        loss(component.spaces(inputs), labels, 0.2).backward()
        if inputs.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--types", type=int, default=80)
    parser.add_argument("--cells", type=int, default=512)
    parser.add_argument("--genes", type=int, default=500)
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    device = torch.device(choose_device(given.device))
    torch.manual_seed(0)
    inputs = torch.randn(given.cells, given.genes, device=device)
    labels = torch.randint(0, given.types, (given.cells,), device=device)
    component = MlsComponent(given.genes, given.types, 2).to(device)
    one, other = (loss(component.spaces(inputs), labels, 0.2) for loss in (batched, looped))
    assert torch.allclose(one, other, atol=1e-4), (one, other)
    times = {
        name: seconds_of(loss, component, inputs, labels) for name, loss in (("batched", batched), ("looped", looped))
    }
    found = {f"{name}_cells_per_s": round(given.cells / seconds) for name, seconds in times.items()}
    print(
        json.dumps(
            {**vars(given), "device": str(device), **found, "ratio": round(times["looped"] / times["batched"], 2)}
        )
    )


if __name__ == "__main__":
    main()
