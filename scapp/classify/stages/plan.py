"""What all stages of a classifier's training share: the cells, the settings, and which stages are finished."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from scipy import sparse
from torch import Tensor, nn

from scapp.classify.config import ClassifierConfig
from scapp.classify.splits import Split
from scapp.classify.stages.fit_loop import Stage, batches_of, run_stage
from scapp.classify.stages.procedures import THESIS, Procedure
from scapp.clear.embedding import INFERENCE_BATCH
from scapp.core.errors import RunError
from scapp.core.step_context import StepContext

MOST_VALIDATED = 1_000
"""Contrastive losses compare every cell with every other: of more validation cells, so many are taken."""
MOST_WATCHED = 1_000
"""Test cells whose way on the circles is kept while a component is trained; nothing is learnt from them."""
HEAD_STEPS = 4
"""Times as many steps as other stages: a head on what frozen parts give learns slowly, and each step costs next to
nothing.
"""
CHECKPOINT, KEPT_STEP = "stages.safetensors", "kept_step"

Rows = Callable[[Tensor], Tensor]
"""Rows by their places, dense, on the device."""
Built = TypeVar("Built", bound=nn.Module)


@dataclass(frozen=True)
class Cells:
    """Labelled cells, shared out.

    Parameters
    ----------
    inputs
        As the base model reads them, CSR, all cells.
    codes
        Type of each cell from 0, negative without a label.
    n_types
        How many types there are.
    split
        Training, validation and test cells.
    """

    inputs: sparse.csr_matrix
    codes: np.ndarray
    n_types: int
    split: Split


class Plan:
    """Runs the stages one after the other; finished ones are kept, so that a stopped training goes on with the next.

    Parameters
    ----------
    cells, config, context, device
        See ``train_network``.
    n_stages
        Stages of the whole training.
    done
        Of them, those that were trained before and are not run again.
    """

    def __init__(
        self,
        cells: Cells,
        config: ClassifierConfig,
        context: StepContext,
        device: torch.device,
        n_stages: int,
        done: int = 0,
    ) -> None:
        self.config = config
        self.context = context
        self.device = device
        self.n_types = cells.n_types
        self.train = torch.from_numpy(cells.split.train)
        # without validation cells, training cells stand in for them
        self.has_valid = len(cells.split.valid) > 0
        valid = cells.split.valid if self.has_valid else cells.split.train
        self.valid = torch.from_numpy(valid)
        self.few_valid = _some(valid, MOST_VALIDATED, config.seed)
        self.watched = _some(cells.split.test, MOST_WATCHED, config.seed)
        self.codes = torch.from_numpy(np.asarray(cells.codes, dtype=np.int64))
        self.done = done
        self._n_stages = n_stages
        self._finished = _read(context.latest_checkpoint())

    @property
    def procedure(self) -> Procedure | None:
        """Of the base model and its heads; None is this project's own."""
        return THESIS[self.config.base] if self.config.training == "thesis" else None

    @property
    def seed(self) -> int:
        """Seed of the next stage: what it draws does not depend on how often training was stopped before."""
        return self.config.seed + 7919 * self.done

    def labels(self, places: Tensor) -> Tensor:
        """Types of cells, on the device."""
        return self.codes[places].to(self.device)

    def fresh(self, build: Callable[[], Built]) -> Built:
        """A new part, with weights that depend on the seed and the stage alone."""
        torch.manual_seed(self.seed)
        return build().to(self.device)

    def generator(self) -> torch.Generator:
        """Random numbers of the next stage, on the device."""
        return torch.Generator(device=self.device).manual_seed(self.seed)

    def note(self, text: str) -> None:
        """Say what is being done between stages; stops where that was asked for."""
        self.context.raise_if_stopped()
        self.context.report(self.done, self._n_stages, text)

    def run(
        self,
        name: str,
        modules: Sequence[nn.Module],
        loss: Callable[[Tensor], Tensor],
        validate: Callable[[], float],
        *,
        steps: int | None = None,
        balanced: bool = False,
        weight_decay: float = 0.0,
        choose: Callable[[], float] | None = None,
        watch: Callable[[int], None] | None = None,
        procedure: Procedure | None = None,
        of: Tensor | None = None,
        batch_size: int | None = None,
    ) -> int:
        """Train a stage, unless it is finished; ``loss`` gets numbers of cells, of the training cells where ``of``
        names no others; ``steps`` and ``batch_size`` are the settings' where not given, and a ``procedure`` has its own
        rate, batches and epochs.

        Returns
        -------
        The step whose state was kept; 0 is the start.
        """
        config, number = self.config, self.done
        finished = self._finished.get(number)
        if finished is not None:
            _load(modules, finished)
        else:
            torch.manual_seed(self.seed)
            of = self.train if of is None else of
            size = (batch_size or config.batch_size) if procedure is None else procedure.batch_size
            batches = batches_of(self.codes[of].numpy(), size, balanced=balanced, seed=config.seed + number)
            n_train = len(of)
            stage = Stage(
                name,
                modules,
                lambda places: loss(of[places]),
                validate,
                (steps or config.steps) if procedure is None else procedure.n_steps(n_train),
                config.learning_rate if procedure is None else procedure.learning_rate,
                weight_decay,
                choose,
                watch,
                procedure,
                0 if procedure is None else procedure.steps_per_epoch(n_train),
            )
            kept_step = run_stage(stage, batches, self.context, done=number, total=self._n_stages)
            self._finished[number] = {KEPT_STEP: torch.tensor(kept_step)} | {
                f"{place}.{key}": value.detach().cpu().clone().contiguous()
                for place, module in enumerate(modules)
                for key, value in module.state_dict().items()
            }
            self.context.checkpoint(self._write)
        self.done += 1
        return int(self._finished[number][KEPT_STEP])

    def _write(self, folder: Path) -> None:
        save_file(
            {f"{number}.{key}": value for number, state in self._finished.items() for key, value in state.items()},
            folder / CHECKPOINT,
        )


def _some(places: np.ndarray, most: int, seed: int) -> Tensor:
    return torch.from_numpy(np.sort(np.random.default_rng(seed).permutation(places)[:most]))


def some_of_each(codes: Tensor, places: Tensor, most: int, seed: int) -> Tensor:
    """At most so many places, one of each type at least."""
    if len(places) <= most:
        return places
    order = np.random.default_rng(seed).permutation(len(places))
    _, first = np.unique(codes.numpy()[order], return_index=True)
    chosen = np.concatenate([order[first], np.setdiff1d(order, order[first], assume_unique=True)])[:most]
    return places[torch.from_numpy(np.sort(chosen))]


def _read(folder: Path | None) -> dict[int, dict[str, Tensor]]:
    finished: dict[int, dict[str, Tensor]] = {}
    if folder is not None:
        for name, value in load_file(folder / CHECKPOINT).items():
            number, key = name.split(".", 1)
            finished.setdefault(int(number), {})[key] = value
    return finished


def _load(modules: Sequence[nn.Module], state: dict[str, Tensor]) -> None:
    for place, module in enumerate(modules):
        mine = {key.split(".", 1)[1]: value for key, value in state.items() if key.startswith(f"{place}.")}
        try:
            module.load_state_dict(mine)
        except RuntimeError as error:
            raise RunError(
                "The checkpoint does not fit these settings or this data.", hint="Discard the run, and start again."
            ) from error
        module.eval()


def everything(rows: Rows, cells: Tensor, device: torch.device) -> Any:
    """Rows of many cells, CSR on the host."""
    with torch.no_grad():
        parts = [sparse.csr_matrix(rows(part.to(device)).cpu().numpy()) for part in cells.split(INFERENCE_BATCH)]
    return sparse.vstack(parts, format="csr")


def kept(rows: Rows, n_cells: int, device: torch.device) -> Rows:
    """What frozen parts give for every cell, computed once (step 2)."""
    with torch.no_grad():
        known = torch.cat([rows(part.to(device)) for part in torch.arange(n_cells).split(INFERENCE_BATCH)])
    return lambda cells: known[cells.to(known.device)]


def width_of(rows: Rows, device: torch.device) -> int:
    """Length of what rows give."""
    with torch.no_grad():
        return int(rows(torch.zeros(1, dtype=torch.long, device=device)).shape[1])


def cross_entropy(plan: Plan, logits: Rows, cells: Tensor) -> Tensor:
    """Of some cells, with a gradient."""
    return nn.functional.cross_entropy(logits(cells.to(plan.device)), plan.labels(cells))


def validated(plan: Plan, logits: Rows) -> float:
    """Mean cross entropy of the validation cells."""
    losses = [
        nn.functional.cross_entropy(logits(part.to(plan.device)), plan.labels(part), reduction="sum")
        for part in plan.valid.split(INFERENCE_BATCH)
    ]
    return float(torch.stack(losses).sum()) / len(plan.valid)
