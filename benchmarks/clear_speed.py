"""How fast CLEAR trains on this machine: python -m benchmarks.clear_speed [--presets authors_code recommended] [--cells
2000 20000 200000].

For each preset and size a process of its own trains for some seconds on random sparse values (10% of entries) and says:
cells per second, milliseconds of a step by stage, and its peak memory. Beside it, with --slow, the same training with
views made cell by cell in numpy, as a plain reading of the paper would write them; its speed is printed as a ratio. On
a GPU: --device cuda, and for the size of the COVID-19 study --cells 1460000.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

STAGES = ("rows", "augmentation", "forward", "backward", "momentum", "optimizer", "queue")
DENSITY = 0.1
WARM_STEPS = 5


def values_of(n_cells: int, n_genes: int) -> sparse.csr_matrix:
    """Log-normalised values of an unstructured data set; the same entries again and again, so that a million cells are
    made fast.
    """
    block = sparse.random(2000, n_genes, density=DENSITY, format="csr", dtype=np.float32, random_state=0)
    block.data = np.log1p(20 * block.data)
    return sparse.vstack([block] * -(-n_cells // 2000), format="csr")[:n_cells]


def measure(preset: str, n_cells: int, n_genes: int, device: str, seconds: float, slow: bool) -> dict[str, Any]:
    """Train for some seconds; speeds, stages and memory."""
    import torch

    from scapp.clear.config import clear_config
    from scapp.clear.parallel.exchange import Together
    from scapp.clear.training import loop
    from scapp.clear.training.cells import gather_cells
    from scapp.clear.training.precision import fast_products
    from scapp.jobs.devices import peak_memory_mb

    # neighbours are found before training, by other libraries; which ones they are does not matter here
    config = clear_config(preset, positives="self")
    values = values_of(n_cells, n_genes)
    began = time.perf_counter()
    run = loop.Training(gather_cells(values, config), config, torch.device(device), Together())
    start = time.perf_counter() - began
    if slow:
        run._view_of = lambda cells, profiles, draws: torch.from_numpy(  # type: ignore[method-assign]
            slow_views(profiles.cpu().numpy(), config.augmentation)
        ).to(profiles)
    spent = dict.fromkeys(STAGES, 0.0)

    def timed(owner: Any, name: str, stage: str) -> None:
        function: Callable[..., Any] = getattr(owner, name)

        def wrapped(*given: Any, **named: Any) -> Any:
            wait()
            begin = time.perf_counter()
            result = function(*given, **named)
            wait()
            spent[stage] += time.perf_counter() - begin
            return result

        setattr(owner, name, wrapped)

    def wait() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    run._set_learning_rate(0)
    parts = [part.to(run.device) for part in run.schedule.epoch(0)]

    def train() -> tuple[int, float]:
        begin, steps, cells = time.perf_counter(), 0, 0
        while time.perf_counter() - begin < seconds:
            cells += len(parts[steps % len(parts)])
            run._train_step(parts[steps % len(parts)])
            steps += 1
        wait()
        return steps, cells / (time.perf_counter() - begin)

    with fast_products(run.device) as precision:
        for part in (parts * WARM_STEPS)[:WARM_STEPS]:
            run._train_step(part)
        _, speed = train()
        for owner, name, stage in (
            (run.matrix, "rows", "rows"),
            (run, "_view_of", "augmentation"),
            (loop, "compare", "forward"),
            (torch.Tensor, "backward", "backward"),
            (loop, "follow", "momentum"),
            (run.optimizer, "step", "optimizer"),
            (run.queue, "push", "queue"),
        ):
            timed(owner, name, stage)
        steps, _ = train()
    return {
        "preset": preset + (", cell by cell" if slow else ""),
        "n_cells": n_cells,
        "n_genes": n_genes,
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else f"{torch.get_num_threads()} threads",
        "precision": precision,
        "cells_per_s": speed,
        "start_s": start,
        "stages_ms": {stage: 1000 * value / steps for stage, value in spent.items()},
        "peak_memory_mb": peak_memory_mb(device),
    }


def slow_views(profiles: np.ndarray, config: Any) -> np.ndarray:
    """The paper's five augmentations, one cell after the other."""
    rng = np.random.default_rng()
    n_cells, n_genes = profiles.shape
    views = profiles.copy()
    for view in views:
        if rng.random() < config.mask_probability:
            view[rng.choice(n_genes, int(config.mask_share * n_genes), replace=False)] = 0
        if rng.random() < config.noise_probability:
            noisy = rng.choice(n_genes, int(config.noise_share * n_genes), replace=False)
            view[noisy] += rng.normal(0, config.noise_sd, len(noisy))
        if rng.random() < config.swap_probability:
            pairs = rng.choice(n_genes, (int(config.swap_share * n_genes / 2), 2), replace=False)
            view[pairs[:, 0]], view[pairs[:, 1]] = view[pairs[:, 1]], view[pairs[:, 0]].copy()
        if rng.random() < config.crossover_probability:
            genes = rng.choice(n_genes, int(config.crossover_share * n_genes), replace=False)
            view[genes] = profiles[rng.integers(n_cells), genes]
        if rng.random() < config.mixture_probability:
            genes = rng.choice(n_genes, int(config.mixture_share * n_genes), replace=False)
            view[genes] = profiles[rng.integers(n_cells, size=len(genes)), genes]
        if rng.random() < config.dropout_probability:
            view[rng.random(n_genes) < config.dropout_share] = 0
    return views


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--presets", nargs="+", default=["authors_code", "paper", "recommended"])
    parser.add_argument("--cells", nargs="+", type=int, default=[2_000, 20_000, 200_000])
    parser.add_argument("--genes", nargs="+", type=int, default=[2_000])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--slow", action="store_true", help="also cell by cell, on the smallest size")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(**json.loads(arguments.one))))
        return
    print(
        "| preset | cells x genes | cells/s | ms of a step: " + " / ".join(STAGES) + " | start (s) | peak memory (MB) |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for preset in arguments.presets:
        for n_genes in arguments.genes:
            for n_cells in arguments.cells:
                given = {"preset": preset, "n_cells": n_cells, "n_genes": n_genes, "device": arguments.device}
                found = _apart(**given, seconds=arguments.seconds, slow=False)
                _print(found)
                if arguments.slow and n_cells == min(arguments.cells):
                    by_cell = _apart(**given, seconds=arguments.seconds, slow=True)
                    _print(by_cell, f" (ours is {found['cells_per_s'] / by_cell['cells_per_s']:.1f} times as fast)")


def _apart(**given: Any) -> dict[str, Any]:
    """In a process of its own, whose peak memory is its own."""
    command = [sys.executable, "-m", "benchmarks.clear_speed", "--one", json.dumps(given)]
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(finished.stdout.splitlines()[-1]))


def _print(found: dict[str, Any], note: str = "") -> None:
    stages = " / ".join(f"{value:.1f}" for value in found["stages_ms"].values())
    size = f"{found['n_cells']:,} x {found['n_genes']:,}"
    print(
        f"| {found['preset']} ({found['device']}, {found['precision']}) | {size} | {found['cells_per_s']:,.0f}{note} |"
        f" {stages} | {found['start_s']:.1f} | {found['peak_memory_mb']:,.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
