"""The training loop of CLEAR, in one process or as one of several."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from scapp.clear.augment.augmentations import augment
from scapp.clear.augment.device_draws import TorchDraws
from scapp.clear.beside import Beside
from scapp.clear.config import ClearConfig
from scapp.clear.correction import Correction
from scapp.clear.embedding import embed
from scapp.clear.info_nce import chance_loss, collapse_meter, diverged
from scapp.clear.model import Encoder, KeyQueue, follow, output_width
from scapp.clear.objective import compare
from scapp.clear.parallel.exchange import Together
from scapp.clear.training.cells import Cells
from scapp.clear.training.effective_sizes import effective_epochs, effective_sizes
from scapp.clear.training.matrix import CellMatrix
from scapp.clear.training.minibatches import Schedule
from scapp.clear.training.precision import fast_products
from scapp.clear.training.saved_state import generator_for, load_state, save_state
from scapp.clear.watch import Watch
from scapp.core.errors import RunError
from scapp.core.step_context import StepContext, StepStopped

CHECKPOINT_SECONDS = 10.0
METERS = ("loss", "accuracy", "n_negatives")
GO_ON, SAVE, STOP = range(3)


@dataclass(frozen=True)
class ClearResult:
    """What training leaves.

    Parameters
    ----------
    embedding
        Representation of every cell, float32, shape (n_cells, dim).
    weights
        Parameters of the encoder that made it, by name.
    moments
        Mean and standard deviation by which genes were scaled, shape (2, n_genes), where they were.
    correction
        What took away the rest of the batches, where it did.
    beside
        PCA that was put beside it: then ``embedding`` holds both.
    history
        One row per epoch; the columns are those of ``StepContext.log_metrics``.
    """

    embedding: np.ndarray
    weights: Mapping[str, np.ndarray]
    history: list[dict[str, Any]]
    moments: np.ndarray | None = None
    correction: Correction | None = None
    beside: Beside | None = None


class Training:
    """Everything that changes while training, so that a checkpoint of any step can hold it.

    Parameters
    ----------
    cells
        What is read.
    config
        Settings.
    device
        Of this process.
    together
        This process among those that train.
    """

    def __init__(self, cells: Cells, config: ClearConfig, device: torch.device, together: Together) -> None:
        self.cells = cells
        self.config = config
        self.device = device
        self.together = together
        self.matrix = CellMatrix(cells.values, device, scale=config.scale_input)
        self.schedule = Schedule(config, self.matrix.n_cells, cells.batches)
        self.epochs = effective_epochs(config, self.matrix.n_cells)
        self.n_steps = self.schedule.n_steps
        self.neighbours = self._tensor(cells.neighbours, torch.long)
        self.groups = self._tensor(cells.groups, torch.long)
        self.totals = self._tensor(cells.totals, torch.float32)

        torch.manual_seed(config.seed)
        self.query = Encoder(self.matrix.n_genes, config, together).to(device)
        self.key = Encoder(self.matrix.n_genes, config, together).to(device)
        self.key.load_state_dict(self.query.state_dict())
        self.key.requires_grad_(False)
        self.optimizer = _optimizer(self.query, config)
        # of other batches, no cell is a negative
        queue_size = effective_sizes(config, self.matrix.n_cells)[1] if cells.batches is None else 0
        self.queue = KeyQueue(queue_size, output_width(config), generator_for(config.seed, "queue", device))
        self.draws = TorchDraws(self.matrix.n_genes, config.seed, device, of=_stream(together.rank))
        # alike in all processes
        self.choices = generator_for(config.seed, "neighbours", device)
        self.watch: Watch | None = None
        self.epoch = 0
        self.step = 0
        self.seen = 0
        self.sums = self._no_sums()
        self.history: list[dict[str, Any]] = []
        self._last_keys: Tensor | None = None
        self._times = {"epoch": time.monotonic(), "checkpoint": time.monotonic()}

    def _tensor(self, values: np.ndarray | None, dtype: torch.dtype) -> Tensor | None:
        return None if values is None else torch.as_tensor(np.array(values), dtype=dtype, device=self.device)

    def _no_sums(self) -> dict[str, Tensor]:
        # on the device: to read them is to wait for it
        return {name: torch.zeros((), dtype=torch.float64, device=self.device) for name in METERS}

    def observe(self, labels: pd.Categorical | None, reference: np.ndarray | None) -> None:
        """Look at the model now and then (see ``Watch``), with draws of its own, so that training stays what it is."""
        draws = TorchDraws(self.matrix.n_genes, self.config.seed, self.device, of=" watch")
        self.watch = Watch(
            self.matrix,
            self.config,
            self.epochs,
            lambda cells: self._view_of(cells, self.matrix.rows(cells), draws),
            neighbours=self.cells.neighbours,
            labels=labels,
            reference=reference,
        )

    def run(self, context: StepContext) -> None:
        """Train to the last epoch."""
        with fast_products(self.device):
            self._run(context)

    def _run(self, context: StepContext) -> None:
        if self.epoch == self.step == 0:
            self._look(context)
        for epoch in range(self.epoch, self.epochs):
            self._set_learning_rate(epoch)
            parts = self.schedule.epoch(epoch)
            while self.step < self.n_steps:
                self._obey(context)
                self._train_step(parts[self.step].to(self.device))
                self.step += 1
                self._report(context)
            self._finish_epoch(context)
        self._checkpoint(context)

    def _obey(self, context: StepContext) -> None:
        """Stop or save, when the first process says so."""
        decision = GO_ON
        if self.together.first:
            if context.stop_requested():
                decision = STOP
            elif time.monotonic() - self._times["checkpoint"] > CHECKPOINT_SECONDS:
                decision = SAVE
        decision = self.together.agree(decision)
        if decision != GO_ON:
            self._checkpoint(context)
            self._times["checkpoint"] = time.monotonic()
        if decision == STOP:
            raise StepStopped

    def _report(self, context: StepContext) -> None:
        done, total = self.epoch * self.n_steps + self.step, self.epochs * self.n_steps
        context.report(done, total, f"epoch {self.epoch + 1} of {self.epochs}")

    def _checkpoint(self, context: StepContext) -> None:
        sums = self._shared_sums()
        self._refuse_divergence(sums["loss"])
        states = self.together.collected({name: g.get_state() for name, g in self._generators().items()})
        if self.together.first:
            context.checkpoint(lambda folder: self.save(folder, states, sums))

    def _set_learning_rate(self, epoch: int) -> None:
        rate = self.config.learning_rate
        if self.config.cosine_schedule:
            rate *= 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _train_step(self, everyone: Tensor) -> None:
        cells, partners = (self.together.part(chosen) for chosen in (everyone, self._partners(everyone)))
        if not len(cells):
            return  # fewer cells than processes
        profiles = self.matrix.rows(cells)
        own = self.neighbours is None
        first = self._view_of(cells, profiles, self.draws)
        second = self._view_of(partners, profiles if own else self.matrix.rows(partners), self.draws)
        if self.config.key_encoder == "momentum":
            follow(self.key, self.query, self.config.momentum)
        found = compare(self.config, self.query, self.key, self.queue, first, second, cells, partners, self.together)
        self.optimizer.zero_grad(set_to_none=True)
        found.loss.backward()
        self.together.average_gradients(self.query.parameters())
        self.optimizer.step()
        self.queue.push(found.keys, found.cells)
        self._last_keys = found.keys
        self.seen += len(cells) * self.together.size
        for name, value in zip(METERS, (found.loss.detach(), found.accuracy, found.n_negatives), strict=True):
            self.sums[name] += value

    def _partners(self, cells: Tensor) -> Tensor:
        """The cells that second views are of."""
        if self.neighbours is None:
            return cells
        width = self.neighbours.shape[1]
        which = torch.randint(width, (len(cells),), generator=self.choices, device=self.device)
        return self.neighbours[cells, which]

    def _view_of(self, cells: Tensor, profiles: Tensor, draws: TorchDraws) -> Tensor:
        return augment(
            profiles,
            self.config.augmentation,
            draws,
            groups=self.groups,
            totals=None if self.totals is None else self.totals[cells],
            target_sum=self.cells.target_sum,
            **self._donors(cells, draws),
        )

    def _donors(self, cells: Tensor, draws: TorchDraws) -> dict[str, Tensor]:
        """Cells of the whole dataset that crossover takes genes from, and where among them each cell is."""
        config = self.config.augmentation
        if config.crossover_from == "minibatch" or not (config.crossover_probability or config.mixture_probability):
            return {}
        pool = torch.unique(draws.integers(self.matrix.n_cells, len(cells), 1))
        place = torch.searchsorted(pool, cells).clamp_max(len(pool) - 1)
        own = torch.where(pool[place] == cells, place, len(pool))
        return {"donors": self.matrix.rows(pool), "own": own}

    def _shared_sums(self) -> dict[str, float]:
        """Sums of the meters, the mean of all processes."""
        values = torch.stack([self.sums[name] for name in METERS])
        values = self.together.summed(values) / self.together.size
        return dict(zip(METERS, values.tolist(), strict=True))

    def _refuse_divergence(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise diverged(f"The loss became {loss} in epoch {self.epoch + 1}.")

    def _finish_epoch(self, context: StepContext) -> None:
        seconds = time.monotonic() - self._times["epoch"]
        sums = self._shared_sums()
        self._refuse_divergence(sums["loss"])
        means = {name: value / self.n_steps for name, value in sums.items()}
        row = {
            "epoch": self.epoch + 1,
            "epochs": self.epochs,
            "loss": means["loss"],
            "chance": chance_loss(means["n_negatives"]),
            "accuracy": means["accuracy"],
            "spread": collapse_meter(self._last_keys) if self._last_keys is not None else 0.0,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "cells_per_s": self.seen / max(seconds, 1e-9),
            "seconds": seconds,
        }
        self.epoch, self.step, self.seen, self.sums = self.epoch + 1, 0, 0, self._no_sums()
        row |= self._look(context)
        self.history.append(row)
        if self.together.first:
            context.log_metrics(row)
        # looking is no training
        self._times["epoch"] = time.monotonic()

    def _look(self, context: StepContext) -> dict[str, Any]:
        if self.watch is None or not self.watch.is_due(self.epoch):
            return {}
        row, arrays = self.watch.look(self.epoch, self.query, self.key, self._inference_encoder())
        context.snapshot(self.epoch, arrays)
        return row

    def _inference_encoder(self) -> Encoder:
        return self.key if self.config.inference == "key" else self.query

    def finish(self, context: StepContext) -> ClearResult:
        """Embed every cell with the trained encoder."""
        encoder = self._inference_encoder()
        loadings = None if self.cells.loadings is None else np.asarray(self.cells.loadings)
        # room for PCA beside it: many cells are not kept twice
        n_pcs = 0 if loadings is None else loadings.shape[1]
        joined = np.empty((self.cells.n_cells, n_pcs + self.config.representation_width), dtype=np.float32)
        own = joined[:, n_pcs:]
        embed(encoder, self.matrix, self.config, self.cells.batches, context.raise_if_stopped, own)
        weights = {name: tensor.cpu().numpy() for name, tensor in encoder.state_dict().items()}
        correction = None
        if self.cells.batches is not None and self.config.after_training == "harmony":
            correction, own[:] = Correction.fit(own, self.cells.batches, self.config.seed)
        beside = None if loadings is None else Beside.fit(self.cells.values, joined, loadings)
        return ClearResult(joined, weights, self.history, self.matrix.moments, correction, beside)

    def _identity(self) -> dict[str, Any]:
        return {
            "config": self.config.model_dump(mode="json", exclude={"label_key"}),
            "data": self.cells.mark,
            "device": self.device.type,
        }

    def save(self, folder: Path, states: list[dict[str, Tensor]], sums: dict[str, float]) -> None:
        """Write everything that changes.

        Parameters
        ----------
        folder
            Empty.
        states
            Of the generators of each process.
        sums
            Of the meters, the mean of all processes.
        """
        numbers = {
            "made_for": self._identity(),
            "epoch": self.epoch,
            "step": self.step,
            "queue_next": self.queue.next,
            "seen": self.seen,
            "sums": sums,
            "history": self.history,
        }
        tensors = {"queue.keys": self.queue.keys, "queue.cells": self.queue.cells}
        modules = {"query": self.query, "key": self.key}
        generators = {name: state for of_one in states for name, state in of_one.items()}
        save_state(folder, numbers, tensors, modules, self.optimizer, generators)

    def restore(self, folder: Path) -> None:
        """Read what ``save`` wrote, and go on from there; with another number of processes as well.

        Raises
        ------
        RunError
            It was made with other settings or other data.
        """
        modules = {"query": self.query, "key": self.key}
        numbers, tensors, states = load_state(folder, modules, self.optimizer, self.device)
        if numbers["made_for"] != self._identity():
            raise RunError(
                "The checkpoint was made with other settings or other data.",
                hint="Start a new run, or give the settings of the one that was stopped.",
            )
        self.queue.keys, self.queue.cells = tensors["queue.keys"], tensors["queue.cells"]
        self.queue.next = numbers["queue_next"]
        self.epoch, self.step = numbers["epoch"], numbers["step"]
        self.seen, self.history = numbers["seen"], numbers["history"]
        for name, value in numbers["sums"].items():
            self.sums[name] += value
        own = self._generators()
        if not own.keys() <= states.keys():
            # a process that was not there before: a stream that nobody has drawn from
            place = f"{_stream(self.together.rank)} from {self.epoch}.{self.step}"
            self.draws = TorchDraws(self.matrix.n_genes, self.config.seed, self.device, of=place)
            own = {name: generator for name, generator in own.items() if name in states}
        for name, generator in own.items():
            generator.set_state(states[name])

    def _generators(self) -> dict[str, torch.Generator]:
        stream = _stream(self.together.rank)
        return {**{name + stream: g for name, g in self.draws.generators().items()}, "neighbours": self.choices}


def _stream(rank: int) -> str:
    return f" {rank}" if rank else ""


def _optimizer(encoder: nn.Module, config: ClearConfig) -> torch.optim.Optimizer:
    parameters = encoder.parameters()
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, lr=config.learning_rate, momentum=0.9, weight_decay=config.weight_decay, fused=True
        )
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)
