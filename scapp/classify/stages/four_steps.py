"""The thesis's four steps: base model, embeddings, contrastive component, head."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scapp.classify.base_models import BASE_MODELS, BaseModel
from scapp.classify.components.contrastive import Contrastive
from scapp.classify.components.coordinates import basis_of
from scapp.classify.config import ClassifierConfig
from scapp.classify.stages.base_stage import linear_head, train_base
from scapp.classify.stages.component_stage import train_component, train_head
from scapp.classify.stages.plan import Cells, Plan, Rows, kept
from scapp.clear.training.matrix import CellMatrix
from scapp.core.step_context import StepContext


class Network(nn.Module):
    """Encoder g, component h (or none), head f.

    Parameters
    ----------
    encoder, component, head
        See ``base_models`` and ``components``.
    """

    def __init__(self, encoder: nn.Module, component: Contrastive | None, head: nn.Module) -> None:
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
class TrainedBase:
    """A base model after step 1, which components of the same cells, settings and seed can share.

    Parameters
    ----------
    encoder
        Frozen.
    head
        Of the base model itself; a linear model has none until it is solved.
    """

    encoder: nn.Module
    head: nn.Module | None


def train_network(
    cells: Cells,
    config: ClassifierConfig,
    context: StepContext,
    device: torch.device,
    base: TrainedBase | None = None,
) -> tuple[Network, TrainedBase]:
    """Train a classifier; the best state of every stage by validation is kept, and earlier parts stay frozen.

    Parameters
    ----------
    cells
        What to learn from; test cells are not learnt from (where they lie on circles is kept for pages).
    config
        Settings.
    context
        Gets progress and rows (``stage``, ``step``, ``loss``, ``validation``); finished stages are kept in its
        checkpoint.
    device
        To train on.
    base
        Of an earlier call with the same cells and settings but for the component: step 1 is then not repeated. The
        network is the same either way.

    References
    ----------
    Thesis, section 4.2, steps 1 to 4.
    """
    record = BASE_MODELS[config.base]
    matrix = CellMatrix(cells.inputs, device, scale=False)
    of_base = _base_stages(record)
    plan = Plan(cells, config, context, device, of_base + _component_stages(record, config), of_base if base else 0)
    if base is None:
        encoder = plan.fresh(lambda: record.encoder(matrix.n_genes))
        head = train_base(plan, record, encoder, matrix.rows)
        base = TrainedBase(encoder.eval().requires_grad_(False), head)
    # a network has parts of its own: it may be moved to another device
    encoder = copy.deepcopy(base.encoder).to(device)
    if config.component == "none":
        head = linear_head(plan, matrix.rows) if base.head is None else copy.deepcopy(base.head)
        return Network(encoder, None, head).eval(), base
    embeddings = matrix.rows if record.linear else kept(_through(encoder, matrix), matrix.n_cells, device)
    basis = None
    if record.linear and config.n_components > 0:
        basis = basis_of(cells.inputs[cells.split.train], config.n_components, config.seed, device)
    component = train_component(plan, embeddings, basis, encoder, matrix.rows).eval()
    contrasted = kept(lambda places: component(embeddings(places)), matrix.n_cells, device)
    head = train_head(plan, record, component, contrasted)
    return Network(encoder, component, head).eval(), base


def _through(encoder: nn.Module, matrix: CellMatrix) -> Rows:
    return lambda cells: encoder(matrix.rows(cells))


def _base_stages(base: BaseModel) -> int:
    """Stages of step 1 that are trained step by step."""
    return 0 if base.linear else 3 if base.denoises else 1


def _component_stages(base: BaseModel, config: ClassifierConfig) -> int:
    of_head = 0 if base.linear and config.training == "scapp" else 1
    if config.component == "none":
        return of_head if base.linear else 0
    if config.component == "competing":
        return 1
    return 1 + of_head
