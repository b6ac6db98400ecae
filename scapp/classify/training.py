"""The thesis's four steps: base model, embeddings, contrastive component, head."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from scapp.classify.base_models import BASE_MODELS, BaseModel, DenoisingEncoder
from scapp.classify.basis import Basis, basis_of
from scapp.classify.components import COMPONENTS, Component, Contrastive
from scapp.classify.config import ClassifierConfig
from scapp.classify.fitting import Stage, batches_of, run_stage
from scapp.classify.linear import solve_linear
from scapp.classify.splits import Split
from scapp.contrast.embedding import INFERENCE_BATCH
from scapp.contrast.matrix import CellMatrix
from scapp.core.steps import StepContext

MOST_VALIDATED = 1_000
"""Contrastive losses compare every cell with every other: of more validation cells, so many are taken."""
ACTINN_PENALTY = 0.005
DAE_NOISE = 0.4

Rows = Callable[[Tensor], Tensor]
"""Rows by their places, dense, on the device."""


class Network(nn.Module):
    """Encoder g, component h (or none), head f.

    Parameters
    ----------
    encoder, component, head
        See ``base_models`` and ``components``.
    """

    def __init__(self, encoder: nn.Module, component: nn.Module | None, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.component = component
        self.head = head

    def embed(self, inputs: Tensor) -> Tensor:
        """What the head reads."""
        embedding: Tensor = self.encoder(inputs)
        return embedding if self.component is None else self.component(embedding)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits, (n_cells, n_genes) -> (n_cells, n_types)."""
        logits: Tensor = self.head(self.embed(inputs))
        return logits


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


def train_network(cells: Cells, config: ClassifierConfig, context: StepContext, device: torch.device) -> Network:
    """Train a classifier; the best state of every stage by validation is kept, and earlier parts stay frozen.

    Parameters
    ----------
    cells
        What to learn from; test cells are not looked at.
    config
        Settings.
    context
        Gets progress and rows (``stage``, ``step``, ``loss``, ``validation``).
    device
        To train on.

    References
    ----------
    Thesis, section 4.2, steps 1 to 4.
    """
    torch.manual_seed(config.seed)
    base = BASE_MODELS[config.base]
    matrix = CellMatrix(cells.inputs, device, scale=False)
    encoder = base.encoder(matrix.n_genes).to(device)
    plan = _Plan(cells, config, context, device, _n_stages(base, config))
    head = _base(plan, base, encoder, matrix.rows)
    if config.component == "none":
        assert head is not None
        return Network(encoder, None, head).eval()
    encoder.eval().requires_grad_(False)
    embeddings = matrix.rows if base.linear else _kept(encoder, matrix)
    basis = None
    if base.linear:
        basis = basis_of(cells.inputs[cells.split.train], config.n_components, config.seed, device)
    component = _component(plan, embeddings, basis)
    contrasted = _kept(_Composed(component, embeddings), matrix)
    head = _head(plan, base, int(contrasted(torch.zeros(1, dtype=torch.long)).shape[1]), contrasted)
    return Network(encoder, component, head).eval()


def _n_stages(base: BaseModel, config: ClassifierConfig) -> int:
    """Stages that are trained step by step."""
    of_base = 0 if base.linear else 3 if base.denoises else 1
    if config.component == "none":
        return of_base
    return of_base + (1 if base.linear else 2)


class _Plan:
    """What all stages share, and how far they are."""

    def __init__(
        self, cells: Cells, config: ClassifierConfig, context: StepContext, device: torch.device, n_stages: int
    ) -> None:
        self.config = config
        self.context = context
        self.device = device
        self.n_types = cells.n_types
        self.train = torch.from_numpy(cells.split.train)
        # without validation cells, training cells stand in for them
        valid = cells.split.valid if len(cells.split.valid) else cells.split.train
        self.valid = torch.from_numpy(valid)
        self.few_valid = torch.from_numpy(
            np.sort(np.random.default_rng(config.seed).permutation(valid)[:MOST_VALIDATED])
        )
        self.codes = torch.from_numpy(np.asarray(cells.codes, dtype=np.int64))
        self._stages = n_stages
        self._done = 0

    def labels(self, places: Tensor) -> Tensor:
        """Types of cells, on the device."""
        return self.codes[places].to(self.device)

    def run(
        self,
        name: str,
        modules: Sequence[nn.Module],
        loss: Callable[[Tensor], Tensor],
        validate: Callable[[], float],
        *,
        balanced: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        """Train a stage; ``loss`` gets numbers of cells."""
        config = self.config
        batches = batches_of(
            self.codes[self.train].numpy(), config.batch_size, balanced=balanced, seed=config.seed + self._done
        )
        stage = Stage(
            name,
            modules,
            lambda places: loss(self.train[places]),
            validate,
            config.steps,
            config.learning_rate,
            weight_decay,
        )
        total = self._stages * config.steps
        run_stage(stage, batches, self.context, done=self._done * config.steps, total=total)
        self._done += 1


def _base(plan: _Plan, base: BaseModel, encoder: nn.Module, rows: Rows) -> nn.Module | None:
    """Step 1: encoder and head by their own procedure; a linear model needs no encoder, so a head of its own only without a component."""
    if base.linear:
        return _linear_head(plan, rows) if plan.config.component == "none" else None
    if base.denoises:
        return _denoising(plan, base, encoder, rows)
    return _together(plan, base, encoder, rows)


def _together(plan: _Plan, base: BaseModel, encoder: nn.Module, rows: Rows) -> nn.Module:
    """ACTINN: cross entropy with an L2 penalty on all weights."""
    head = _new_head(plan, base, encoder, rows)
    weights = [p for module in (encoder, head) for p in module.parameters() if p.dim() > 1]

    def loss(cells: Tensor) -> Tensor:
        penalty = torch.stack([weight.square().sum() for weight in weights]).sum()
        return _cross_entropy(plan, lambda c: head(encoder(rows(c))), cells) + ACTINN_PENALTY / 2 * penalty

    plan.run("base model", [encoder, head], loss, lambda: _validated(plan, lambda c: head(encoder(rows(c)))))
    return head


def _denoising(plan: _Plan, base: BaseModel, encoder: nn.Module, rows: Rows) -> nn.Module:
    """scDAE: undo noise; the head with the encoder frozen; both together."""
    assert isinstance(encoder, DenoisingEncoder)
    noise = torch.Generator(device=plan.device).manual_seed(plan.config.seed)

    def undo(cells: Tensor) -> Tensor:
        clean = rows(cells.to(plan.device))
        noisy = clean + DAE_NOISE * torch.randn(clean.shape, generator=noise, device=plan.device) * _spread(clean)
        return nn.functional.mse_loss(encoder.reconstruct(noisy), clean) / _spread(clean).square()

    def undone() -> float:
        clean = rows(plan.few_valid.to(plan.device))
        return float(nn.functional.mse_loss(encoder.reconstruct(clean), clean) / _spread(clean).square())

    plan.run("denoising", [encoder], undo, undone)
    head = _new_head(plan, base, encoder, rows)

    def logits(cells: Tensor) -> Tensor:
        found: Tensor = head(encoder(rows(cells)))
        return found

    def frozen(cells: Tensor) -> Tensor:
        encoder.eval()
        with torch.no_grad():
            embedding = encoder(rows(cells.to(plan.device)))
        return nn.functional.cross_entropy(head(embedding), plan.labels(cells))

    plan.run("head", [head], frozen, lambda: _validated(plan, logits))
    plan.run(
        "both together",
        [encoder, head],
        lambda cells: undo(cells) + _cross_entropy(plan, logits, cells),
        lambda: _validated(plan, logits),
    )
    return head


def _spread(values: Tensor) -> Tensor:
    """Standard deviation of the entries: noise and error are told in it, because counts over their maximum are tiny."""
    return values.std().clamp_min(1e-6)


def _component(plan: _Plan, embeddings: Rows, basis: Basis | None) -> nn.Module:
    """Step 3: h by its contrastive loss."""
    config = plan.config
    record = COMPONENTS[config.component]
    if basis is not None:
        coordinates = _in_basis(plan, embeddings, basis)
        component = _contrasted(plan, record, coordinates, basis.axes.shape[1])
        component.widened(basis.axes, basis.origin)
        return component
    return _contrasted(plan, record, embeddings, int(embeddings(torch.zeros(1, dtype=torch.long)).shape[1]))


def _in_basis(plan: _Plan, embeddings: Rows, basis: Basis) -> Rows:
    """Coordinates of training and validation cells, computed once."""
    cells = torch.cat([plan.train, plan.few_valid])
    parts = [(embeddings(part.to(plan.device)) - basis.origin) @ basis.axes for part in cells.split(INFERENCE_BATCH)]
    kept = torch.cat(parts)
    place = torch.zeros(len(plan.codes), dtype=torch.long, device=plan.device)
    place[cells.to(plan.device)] = torch.arange(len(cells), device=plan.device)
    return lambda chosen: kept[place[chosen.to(plan.device)]]


def _contrasted(plan: _Plan, record: Component, embeddings: Rows, width: int) -> Contrastive:
    config = plan.config
    component = record.build(width, plan.n_types, config).to(plan.device)
    masks = torch.Generator(device=plan.device).manual_seed(config.seed)

    def loss(cells: Tensor) -> Tensor:
        inputs = embeddings(cells.to(plan.device))
        if config.mask_share > 0:
            kept = torch.rand(inputs.shape, generator=masks, device=plan.device) >= config.mask_share
            inputs = inputs * kept / (1 - config.mask_share)
        return record.loss(component, inputs, plan.labels(cells), config)

    def validate() -> float:
        inputs = embeddings(plan.few_valid.to(plan.device))
        return float(record.loss(component, inputs, plan.labels(plan.few_valid), config))

    plan.run(record.title, [component], loss, validate, balanced=config.balanced, weight_decay=config.weight_decay)
    component.requires_grad_(False)
    return component


def _head(plan: _Plan, base: BaseModel, width: int, embeddings: Rows) -> nn.Module:
    """Step 4: f' on what the frozen component gives."""
    if base.linear:
        return _linear_head(plan, embeddings)
    head = base.head(width, plan.n_types).to(plan.device)

    def logits(cells: Tensor) -> Tensor:
        found: Tensor = head(embeddings(cells))
        return found

    plan.run("head", [head], lambda cells: _cross_entropy(plan, logits, cells), lambda: _validated(plan, logits))
    return head


def _new_head(plan: _Plan, base: BaseModel, encoder: nn.Module, rows: Rows) -> nn.Module:
    encoder.eval()
    with torch.no_grad():
        width = int(encoder(rows(plan.train[:1].to(plan.device))).shape[1])
    return base.head(width, plan.n_types).to(plan.device)


def _cross_entropy(plan: _Plan, logits: Rows, cells: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits(cells.to(plan.device)), plan.labels(cells))


def _validated(plan: _Plan, logits: Rows) -> float:
    losses = [
        nn.functional.cross_entropy(logits(part.to(plan.device)), plan.labels(part), reduction="sum")
        for part in plan.valid.split(INFERENCE_BATCH)
    ]
    return float(torch.stack(losses).sum()) / len(plan.valid)


def _linear_head(plan: _Plan, rows: Rows) -> nn.Module:
    inputs, valid = (_everything(rows, cells, plan.device) for cells in (plan.train, plan.valid))
    codes, valid_codes = plan.codes[plan.train].numpy(), plan.codes[plan.valid].numpy()
    return solve_linear(inputs, codes, valid, valid_codes, plan.n_types, plan.context).to(plan.device)


class _Composed(nn.Module):
    """A component on embeddings that are known by the place of their cell."""

    def __init__(self, component: nn.Module, embeddings: Rows) -> None:
        super().__init__()
        self.component = component
        self.embeddings = embeddings

    def forward(self, cells: Tensor) -> Tensor:
        found: Tensor = self.component(self.embeddings(cells))
        return found


def _kept(module: nn.Module, matrix: CellMatrix) -> Rows:
    """Step 2: what a frozen module gives for every cell, computed once."""
    module.eval()
    everyone = torch.arange(matrix.n_cells)
    of = module if isinstance(module, _Composed) else lambda cells: module(matrix.rows(cells))
    with torch.no_grad():
        kept = torch.cat([of(part.to(matrix.device)) for part in everyone.split(INFERENCE_BATCH)])
    return lambda cells: kept[cells.to(kept.device)]


def _everything(rows: Rows, cells: Tensor, device: torch.device) -> Any:
    with torch.no_grad():
        parts = [sparse.csr_matrix(rows(part.to(device)).cpu().numpy()) for part in cells.split(INFERENCE_BATCH)]
    return sparse.vstack(parts, format="csr")
