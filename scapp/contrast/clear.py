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
from scapp.contrast.config import ClearConfig, effective_sizes
from scapp.contrast.losses import chance_loss, collapse_meter, info_nce
from scapp.contrast.matrix import CellMatrix
from scapp.contrast.model import Encoder, KeyQueue, follow
from scapp.contrast.state import generator_for, load_state, save_state
from scapp.core.errors import DataError, DivergedError, RunError
from scapp.core.provenance import fingerprint
from scapp.core.steps import StepContext, StepStopped

CHECKPOINT_SECONDS = 10.0
VIEW_SECONDS = 1.5
VIEW_CELLS = 2_000
INFERENCE_BATCH = 4096
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


def train_clear(values: Any, config: ClearConfig, context: StepContext, *, device: str = "cpu") -> ClearResult:
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

    Raises
    ------
    DataError
        Fewer than two cells.
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
    training = _Training(values, config, torch.device(device))
    folder = context.latest_checkpoint()
    if folder is not None:
        training.restore(folder)
    training.run(context)
    return training.finish(context)


class _Training:
    """Everything that changes while training, so that a checkpoint of any step can hold it."""

    def __init__(self, values: Any, config: ClearConfig, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.data_fingerprint = fingerprint(values)
        self.matrix = CellMatrix(values, device, scale=config.scale_input)
        self.batch_size, queue_size = effective_sizes(config, self.matrix.n_cells)
        self.steps_per_epoch = max(self.matrix.n_cells // self.batch_size, 1)

        torch.manual_seed(config.seed)
        self.query = Encoder(self.matrix.n_genes, config).to(device)
        self.key = Encoder(self.matrix.n_genes, config).to(device)
        self.key.load_state_dict(self.query.state_dict())
        self.key.requires_grad_(False)
        self.optimizer = _optimizer(self.query, config)
        self.queue = KeyQueue(queue_size, config.dim, generator_for(config.seed, "queue", device))
        self.noise = generator_for(config.seed, "augmentation", device)
        self.epoch = 0
        self.step = 0
        self.sums = dict.fromkeys(METERS, 0.0)
        self.history: list[dict[str, Any]] = []
        self._last_keys: Tensor | None = None
        self._view_axes: np.ndarray | None = None
        self._times = {"epoch": time.monotonic(), "checkpoint": time.monotonic(), "view": -math.inf}

    def run(self, context: StepContext) -> None:
        """Train to the last epoch."""
        for epoch in range(self.epoch, self.config.epochs):
            self._set_learning_rate(epoch)
            order = self._order(epoch)
            while self.step < self.steps_per_epoch:
                if context.stop_requested():
                    context.checkpoint(self.save)
                    raise StepStopped
                start = self.step * self.batch_size
                self._train_step(order[start : start + self.batch_size])
                self.step += 1
                if time.monotonic() - self._times["checkpoint"] > CHECKPOINT_SECONDS:
                    context.checkpoint(self.save)
                    self._times["checkpoint"] = time.monotonic()
            self._finish_epoch(context)
        context.checkpoint(self.save)

    def _order(self, epoch: int) -> Tensor:
        """Random order of the cells in an epoch: from seed and epoch alone, so that any step can be resumed."""
        generator = generator_for(self.config.seed, f"order {epoch}", torch.device("cpu"))
        return torch.randperm(self.matrix.n_cells, generator=generator).to(self.device)

    def _set_learning_rate(self, epoch: int) -> None:
        rate = self.config.learning_rate
        if self.config.cosine_schedule:
            rate *= 0.5 * (1 + math.cos(math.pi * epoch / self.config.epochs))
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _train_step(self, cells: Tensor) -> None:
        profiles = self.matrix.rows(cells)
        first = augment(profiles, self.config.augmentation, self.noise)
        second = augment(profiles, self.config.augmentation, self.noise)
        follow(self.key, self.query, self.config.momentum)
        loss = (
            self._symmetric_loss(first, second, cells)
            if self.config.symmetric
            else self._one_way_loss(first, second, cells)
        )
        if not torch.isfinite(loss):
            raise DivergedError(
                f"The loss became {loss.item()} in epoch {self.epoch + 1}, step {self.step + 1}.",
                hint="Lower the learning rate (a tenth is a good try) or raise the temperature, then train again as a new run.",
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.sums["loss"] += loss.item()

    def _one_way_loss(self, first: Tensor, second: Tensor, cells: Tensor) -> Tensor:
        """Queries of the first view, keys of the second, the queue as negatives (the authors' code)."""
        queries = _unit(self.query(first))
        with torch.no_grad():
            keys = _unit(self.key(second))
        excluded = self._same_cell(cells, self.queue.cells)
        loss, accuracy = info_nce(
            queries, keys, self.queue.keys.clone(), temperature=self.config.temperature, excluded=excluded
        )
        self._after_loss(accuracy, self._count(excluded, len(self.queue.cells)), keys, cells)
        return loss

    def _symmetric_loss(self, first: Tensor, second: Tensor, cells: Tensor) -> Tensor:
        """Both views are queries; the keys of all other cells of the batch and the queue are negatives (eq. 1, 2)."""
        views = torch.cat([first, second])
        queries = _unit(self.query(views))
        with torch.no_grad():
            keys = _unit(self.key(views))
        n_cells = len(cells)
        both = torch.cat([cells, cells])
        negatives = torch.cat([keys, self.queue.keys])
        in_batch = both[:, None] == both[None, :]
        in_queue = self._same_cell(both, self.queue.cells)
        if in_queue is None:
            in_queue = torch.zeros(len(both), len(self.queue.cells), dtype=torch.bool, device=self.device)
        excluded = torch.cat([in_batch, in_queue], dim=1)
        positives = torch.cat([keys[n_cells:], keys[:n_cells]])
        loss, accuracy = info_nce(queries, positives, negatives, temperature=self.config.temperature, excluded=excluded)
        self._after_loss(accuracy, self._count(excluded, len(negatives)), keys, both)
        return loss

    def _same_cell(self, cells: Tensor, others: Tensor) -> Tensor | None:
        return cells[:, None] == others[None, :] if self.config.exclude_own_keys else None

    @staticmethod
    def _count(excluded: Tensor | None, n_negatives: int) -> float:
        """Mean number of negatives of a query."""
        return n_negatives if excluded is None else n_negatives - excluded.sum().item() / len(excluded)

    def _after_loss(self, accuracy: Tensor, n_negatives: float, keys: Tensor, cells: Tensor) -> None:
        self.sums["accuracy"] += accuracy.item()
        self.sums["n_negatives"] += n_negatives
        self.queue.push(keys, cells)
        self._last_keys = keys

    def _finish_epoch(self, context: StepContext) -> None:
        seconds = time.monotonic() - self._times["epoch"]
        self._times["epoch"] = time.monotonic()
        means = {name: value / self.steps_per_epoch for name, value in self.sums.items()}
        row = {
            "epoch": self.epoch + 1,
            "epochs": self.config.epochs,
            "loss": means["loss"],
            "chance": chance_loss(means["n_negatives"]),
            "accuracy": means["accuracy"],
            "spread": collapse_meter(self._last_keys) if self._last_keys is not None else 0.0,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "cells_per_s": self.steps_per_epoch * self.batch_size / max(seconds, 1e-9),
            "seconds": seconds,
        }
        self.history.append(row)
        context.log_metrics(row)
        self.epoch, self.step, self.sums = self.epoch + 1, 0, dict.fromkeys(METERS, 0.0)
        last = self.epoch == self.config.epochs
        if last or time.monotonic() - self._times["view"] > VIEW_SECONDS:
            context.publish("view", self._view())
            self._times["view"] = time.monotonic()
        context.report(self.epoch, self.config.epochs, f"epoch {self.epoch} of {self.config.epochs}")

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
        embedding = self._inference_encoder()(self.matrix.rows(cells))
        return _unit(embedding) if self.config.normalise_embedding else embedding

    def finish(self, context: StepContext) -> ClearResult:
        """Embed every cell with the trained encoder."""
        pieces = []
        for start in range(0, self.matrix.n_cells, INFERENCE_BATCH):
            context.raise_if_stopped()
            stop = min(start + INFERENCE_BATCH, self.matrix.n_cells)
            pieces.append(self._embed(torch.arange(start, stop, device=self.device)).float().cpu().numpy())
        weights = {name: tensor.cpu().numpy() for name, tensor in self._inference_encoder().state_dict().items()}
        return ClearResult(np.concatenate(pieces), weights, self.history)

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
            "sums": self.sums,
            "history": self.history,
        }
        tensors = {"queue.keys": self.queue.keys, "queue.cells": self.queue.cells}
        modules = {"query": self.query, "key": self.key}
        save_state(folder, numbers, tensors, modules, self.optimizer, {"augmentation": self.noise})

    def restore(self, folder: Path) -> None:
        """Read what ``save`` wrote, and go on from there."""
        modules = {"query": self.query, "key": self.key}
        numbers, tensors = load_state(folder, modules, self.optimizer, {"augmentation": self.noise}, self.device)
        if numbers["made_for"] != self._identity():
            raise RunError(
                "The checkpoint was made with other settings or other data.",
                hint="Start a new run, or give the settings of the one that was stopped.",
            )
        self.queue.keys, self.queue.cells = tensors["queue.keys"], tensors["queue.cells"]
        self.queue.next = numbers["queue_next"]
        self.epoch, self.step = numbers["epoch"], numbers["step"]
        self.sums, self.history = numbers["sums"], numbers["history"]


def _unit(embeddings: Tensor) -> Tensor:
    return nn.functional.normalize(embeddings, dim=1)


def _optimizer(encoder: nn.Module, config: ClearConfig) -> torch.optim.Optimizer:
    parameters = encoder.parameters()
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=config.learning_rate, momentum=0.9, weight_decay=config.weight_decay)
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
