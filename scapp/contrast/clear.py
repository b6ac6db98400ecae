"""CLEAR: train a query and a momentum encoder on augmented views, then embed every cell."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from scapp.contrast.augmentations import augment
from scapp.contrast.config import ClearConfig
from scapp.contrast.device_draws import TorchDraws
from scapp.contrast.embedding import embed
from scapp.contrast.gene_groups import N_GENE_GROUPS, gene_groups
from scapp.contrast.losses import chance_loss, collapse_meter
from scapp.contrast.matrix import CellMatrix
from scapp.contrast.model import Encoder, KeyQueue, follow, output_width
from scapp.contrast.objective import compare, scaled_to
from scapp.contrast.sampling import Schedule, nearest_neighbours
from scapp.contrast.sizes import effective_epochs, effective_sizes
from scapp.contrast.state import generator_for, load_state, save_state
from scapp.core.errors import ConfigError, DataError, DivergedError, RunError
from scapp.core.provenance import fingerprint
from scapp.core.steps import StepContext, StepStopped

CHECKPOINT_SECONDS = 10.0
VIEW_SECONDS = 1.5
VIEW_CELLS = 2_000
METERS = ("loss", "accuracy", "n_negatives")


@dataclass(frozen=True)
class ClearResult:
    """What training leaves.

    Parameters
    ----------
    embedding
        Representation of every cell, float32, shape (n_cells, dim).
    weights
        Parameters of the encoder that made it, by name.
    history
        One row per epoch; the columns are those of ``StepContext.log_metrics``.
    """

    embedding: np.ndarray
    weights: Mapping[str, np.ndarray]
    history: list[dict[str, Any]]


def train_clear(
    values: Any,
    config: ClearConfig,
    context: StepContext,
    *,
    device: str = "cpu",
    batches: np.ndarray | None = None,
    totals: np.ndarray | None = None,
    target_sum: float = 1e4,
) -> ClearResult:
    """Train CLEAR and embed every cell.

    Parameters
    ----------
    values
        Log-normalised values of the highly variable genes, CSR or dense, shape (n_cells, n_genes).
    config
        See ``clear_config`` for presets.
    context
        Gets progress, metrics, checkpoints and two-dimensional views; training goes on from its last
        checkpoint where it has one.
    device
        Of torch: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    batches
        Batch of each cell from 0, shape (n_cells,): differences between batches are not learnt. ``batch_key`` names it.
    totals, target_sum
        Counts of each cell, shape (n_cells,), and the number that ``values`` were scaled to: for thinning alone.

    Raises
    ------
    DataError
        Fewer than two cells, or no batch of two.
    ConfigError
        Thinning without counts or of scaled genes; no negatives at all.
    DivergedError
        The loss became NaN or infinite.
    RunError
        The checkpoint to go on from was made with other settings or other data.
    StepStopped
        The user asked to stop; a checkpoint of this very step was written.

    References
    ----------
    Han et al. 2022 (CLEAR), Briefings in Bioinformatics; equations 1 to 3.
    """
    if values.shape[0] < 2:
        raise DataError(
            f"CLEAR compares cells with each other; found {values.shape[0]}.",
            hint="Filter less, so that two cells or more are left.",
        )
    _check(config, batches, totals)
    training = _Training(values, config, torch.device(device), batches, totals, target_sum)
    folder = context.latest_checkpoint()
    if folder is not None:
        training.restore(folder)
    training.run(context)
    return training.finish(context)


def _check(config: ClearConfig, batches: np.ndarray | None, totals: np.ndarray | None) -> None:
    """Refuse settings that cannot work together, with what to change."""
    if batches is not None and np.unique(batches, return_counts=True)[1].max() < 2:
        raise DataError(
            f"Every cell is a batch of its own in '{config.batch_key}'.",
            hint="Choose another batch column, or none.",
        )
    if config.augmentation.thin_probability > 0 and (totals is None or config.scale_input):
        raise ConfigError(
            "Thinning needs raw counts and genes that are not scaled.",
            hint="Turn 'Scale genes' off, or set 'Thinning: how often' to 0; data without counts cannot be thinned.",
        )
    if config.queue_size == 0 and not config.symmetric:
        raise ConfigError(
            "Without a queue and without the batch's other cells there is nothing to tell a cell from.",
            hint="Turn 'Symmetric loss' on, or give the queue a size.",
        )
    if config.key_encoder == "query" and not config.symmetric:
        raise ConfigError(
            "Keys that learn need the symmetric loss.",
            hint="Turn 'Symmetric loss' on, or let keys come from the momentum encoder.",
        )


class _Training:
    """Everything that changes while training, so that a checkpoint of any step can hold it."""

    def __init__(
        self,
        values: Any,
        config: ClearConfig,
        device: torch.device,
        batches: np.ndarray | None,
        totals: np.ndarray | None,
        target_sum: float,
    ) -> None:
        self.config = config
        self.device = device
        self.batches = batches
        self.data_fingerprint = fingerprint(values) if batches is None else fingerprint([fingerprint(values), batches])
        self.matrix = CellMatrix(values, device, scale=config.scale_input)
        self.schedule = Schedule(config, self.matrix.n_cells, batches)
        self.epochs = effective_epochs(config, self.matrix.n_cells)
        self.n_steps = self.schedule.n_steps
        self.neighbours: Tensor | None = None
        if config.positives == "neighbours":
            self.neighbours = torch.from_numpy(nearest_neighbours(values, config, batches)).to(device)
        self.groups: Tensor | None = None
        if config.augmentation.groups_probability > 0:
            self.groups = torch.from_numpy(gene_groups(values, N_GENE_GROUPS, config.seed)).to(device)
        self.totals = None if totals is None else torch.as_tensor(totals, dtype=torch.float32, device=device)
        self.target_sum = target_sum

        torch.manual_seed(config.seed)
        self.query = Encoder(self.matrix.n_genes, config).to(device)
        self.key = Encoder(self.matrix.n_genes, config).to(device)
        self.key.load_state_dict(self.query.state_dict())
        self.key.requires_grad_(False)
        self.optimizer = _optimizer(self.query, config)
        # of other batches, no cell is a negative
        queue_size = effective_sizes(config, self.matrix.n_cells)[1] if batches is None else 0
        self.queue = KeyQueue(queue_size, output_width(config), generator_for(config.seed, "queue", device))
        self.draws = TorchDraws(self.matrix.n_genes, config.seed, device)
        self.choices = generator_for(config.seed, "neighbours", device)
        self.epoch = 0
        self.step = 0
        self.seen = 0
        self.sums = self._no_sums()
        self.history: list[dict[str, Any]] = []
        self._last_keys: Tensor | None = None
        self._view_axes: np.ndarray | None = None
        self._times = {"epoch": time.monotonic(), "checkpoint": time.monotonic(), "view": -math.inf}

    def _no_sums(self) -> dict[str, Tensor]:
        # on the device: to read them is to wait for it
        return {name: torch.zeros((), dtype=torch.float64, device=self.device) for name in METERS}

    def run(self, context: StepContext) -> None:
        """Train to the last epoch."""
        for epoch in range(self.epoch, self.epochs):
            self._set_learning_rate(epoch)
            parts = self.schedule.epoch(epoch)
            while self.step < self.n_steps:
                if context.stop_requested():
                    self._checkpoint(context)
                    raise StepStopped
                self._train_step(parts[self.step].to(self.device))
                self.step += 1
                if time.monotonic() - self._times["checkpoint"] > CHECKPOINT_SECONDS:
                    self._checkpoint(context)
                    self._times["checkpoint"] = time.monotonic()
            self._finish_epoch(context)
        context.checkpoint(self.save)

    def _checkpoint(self, context: StepContext) -> None:
        self._refuse_divergence()
        context.checkpoint(self.save)

    def _set_learning_rate(self, epoch: int) -> None:
        rate = self.config.learning_rate
        if self.config.cosine_schedule:
            rate *= 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _train_step(self, cells: Tensor) -> None:
        partners = self._partners(cells)
        profiles = self.matrix.rows(cells)
        first = self._view_of(cells, profiles)
        second = self._view_of(partners, profiles if partners is cells else self.matrix.rows(partners))
        if self.config.key_encoder == "momentum":
            follow(self.key, self.query, self.config.momentum)
        found = compare(self.config, self.query, self.key, self.queue, first, second, cells, partners)
        self.optimizer.zero_grad(set_to_none=True)
        found.loss.backward()
        self.optimizer.step()
        self.queue.push(found.keys, found.cells)
        self._last_keys = found.keys
        self.seen += len(cells)
        for name, value in zip(METERS, (found.loss.detach(), found.accuracy, found.n_negatives), strict=True):
            self.sums[name] += value

    def _partners(self, cells: Tensor) -> Tensor:
        """The cells that second views are of."""
        if self.neighbours is None:
            return cells
        width = self.neighbours.shape[1]
        which = torch.randint(width, (len(cells),), generator=self.choices, device=self.device)
        return self.neighbours[cells, which]

    def _view_of(self, cells: Tensor, profiles: Tensor) -> Tensor:
        return augment(
            profiles,
            self.config.augmentation,
            self.draws,
            groups=self.groups,
            totals=None if self.totals is None else self.totals[cells],
            target_sum=self.target_sum,
        )

    def _refuse_divergence(self) -> None:
        loss = self.sums["loss"].item()
        if not math.isfinite(loss):
            raise DivergedError(
                f"The loss became {loss} in epoch {self.epoch + 1}.",
                hint="Lower the learning rate (a tenth is a good try) or raise the temperature, then train again as a new run.",
            )

    def _finish_epoch(self, context: StepContext) -> None:
        seconds = time.monotonic() - self._times["epoch"]
        self._times["epoch"] = time.monotonic()
        self._refuse_divergence()
        means = {name: value.item() / self.n_steps for name, value in self.sums.items()}
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
        self.history.append(row)
        context.log_metrics(row)
        self.epoch, self.step, self.seen, self.sums = self.epoch + 1, 0, 0, self._no_sums()
        last = self.epoch == self.epochs
        if last or time.monotonic() - self._times["view"] > VIEW_SECONDS:
            context.publish("view", self._view())
            self._times["view"] = time.monotonic()
        context.report(self.epoch, self.epochs, f"epoch {self.epoch} of {self.epochs}")

    def _view(self) -> np.ndarray:
        """Two principal components of some cells, (n_shown, 3): cell number, x, y; axes turned to the view before."""
        shown = np.linspace(0, self.matrix.n_cells - 1, min(VIEW_CELLS, self.matrix.n_cells)).astype(np.int64)
        embedding = self._embed(torch.from_numpy(shown).to(self.device)).double().cpu().numpy()
        centred = embedding - embedding.mean(axis=0)
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        points = centred @ axes[:2].T
        if points.shape[1] < 2:
            points = np.pad(points, ((0, 0), (0, 2 - points.shape[1])))
        if self._view_axes is not None:
            left, _, right = np.linalg.svd(points.T @ self._view_axes)
            points = points @ (left @ right)
        self._view_axes = points
        return np.column_stack([shown, points]).astype(np.float32)

    def _inference_encoder(self) -> Encoder:
        return self.key if self.config.inference == "key" else self.query

    @torch.no_grad()
    def _embed(self, cells: Tensor) -> Tensor:
        encoder = self._inference_encoder()
        encoder.eval()
        embedding = encoder.represent(self.matrix.rows(cells))
        encoder.train()
        return scaled_to(self.config.embedding_length, embedding)

    def finish(self, context: StepContext) -> ClearResult:
        """Embed every cell with the trained encoder."""
        encoder = self._inference_encoder()
        embedding = embed(encoder, self.matrix, self.config, self.batches, context.raise_if_stopped)
        weights = {name: tensor.cpu().numpy() for name, tensor in encoder.state_dict().items()}
        return ClearResult(embedding, weights, self.history)

    def _identity(self) -> dict[str, Any]:
        return {
            "config": self.config.model_dump(mode="json"),
            "data": self.data_fingerprint,
            "device": self.device.type,
        }

    def save(self, folder: Path) -> None:
        """Write everything that changes."""
        numbers = {
            "made_for": self._identity(),
            "epoch": self.epoch,
            "step": self.step,
            "queue_next": self.queue.next,
            "seen": self.seen,
            "sums": {name: value.item() for name, value in self.sums.items()},
            "history": self.history,
        }
        tensors = {"queue.keys": self.queue.keys, "queue.cells": self.queue.cells}
        modules = {"query": self.query, "key": self.key}
        save_state(folder, numbers, tensors, modules, self.optimizer, self._generators())

    def restore(self, folder: Path) -> None:
        """Read what ``save`` wrote, and go on from there."""
        modules = {"query": self.query, "key": self.key}
        numbers, tensors = load_state(folder, modules, self.optimizer, self._generators(), self.device)
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

    def _generators(self) -> dict[str, torch.Generator]:
        return {**self.draws.generators(), "neighbours": self.choices}


def _optimizer(encoder: nn.Module, config: ClearConfig) -> torch.optim.Optimizer:
    parameters = encoder.parameters()
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, lr=config.learning_rate, momentum=0.9, weight_decay=config.weight_decay, fused=True
        )
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)
