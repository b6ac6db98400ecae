"""Steps 3 and 4 of the thesis: the contrastive component with the encoder frozen, then the head with the component
frozen.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from scapp.classify.base_models import BASE_MODELS, BaseModel
from scapp.classify.components.competition import Competition, calibrated_loss, lossy, start_of
from scapp.classify.components.contrastive import (
    COMPONENTS,
    CircleComponent,
    CompetingComponent,
    Component,
    Contrastive,
    MlsComponent,
    circle_points,
    on_circles,
)
from scapp.classify.components.coordinates import Basis
from scapp.classify.components.ridge_start import left_out_margins, ridge_margins
from scapp.classify.config import VIEWS
from scapp.classify.linear_head import readout_loss
from scapp.classify.stages.base_stage import head_on_frozen, linear_head
from scapp.classify.stages.plan import Plan, Rows, some_of_each, width_of
from scapp.clear.augment.augmentations import augment
from scapp.clear.augment.device_draws import TorchDraws
from scapp.clear.embedding import INFERENCE_BATCH

MOST_READ_TYPES = 200
"""Beyond it a head takes longer to solve than a component to train."""
MOST_LEFT_OUT = 3_000
"""Training cells that circles which start from ridge regressions are trained on, each left out of its own."""
COMPETING_BATCH = 1_024
"""Cells of a step of theirs, or all where there are fewer: a number a circle is all that is read of a cell."""
MOST_READ = 2_000
"""Training cells that a head is solved on, at every validation, to see what a component is worth."""


def train_component(
    plan: Plan, embeddings: Rows, basis: Basis | None, encoder: nn.Module, profiles: Rows
) -> Contrastive:
    """Step 3: h by its contrastive loss.

    Parameters
    ----------
    plan
        Shared by all stages.
    embeddings
        What the frozen encoder gives.
    basis
        Coordinates to train in, for an embedding of thousands of genes.
    encoder, profiles
        For views of distorted profiles, where they are asked for.
    """
    record = COMPONENTS[plan.config.component]
    if basis is None:
        return _contrasted(plan, record, embeddings, _views(plan, profiles, encoder))
    coordinates = _in_basis(plan, embeddings, basis)
    views = _views(plan, profiles, lambda batch: (encoder(batch) - basis.origin) @ basis.axes)
    component = _contrasted(plan, record, coordinates, views)
    component.widened(basis.axes, basis.origin)
    return component


def train_head(plan: Plan, base: BaseModel, component: Contrastive, embeddings: Rows) -> nn.Module:
    """Step 4: f' on what the frozen component gives; of circles that compete it is their softmax."""
    if isinstance(component, CompetingComponent):
        known = torch.zeros(plan.n_types, dtype=torch.bool)
        known[plan.codes[plan.train]] = True
        return component.head(known).to(plan.device)
    if base.linear:
        return linear_head(plan, embeddings)
    return head_on_frozen(plan, base, embeddings)


def _in_basis(plan: Plan, embeddings: Rows, basis: Basis) -> Rows:
    """Coordinates of the cells that are asked for while a component is trained, computed once."""
    cells = torch.cat([plan.train, plan.few_valid, plan.watched])
    parts = [(embeddings(part.to(plan.device)) - basis.origin) @ basis.axes for part in cells.split(INFERENCE_BATCH)]
    known = torch.cat(parts)
    place = torch.zeros(len(plan.codes), dtype=torch.long, device=plan.device)
    place[cells.to(plan.device)] = torch.arange(len(cells), device=plan.device)
    return lambda chosen: known[place[chosen.to(plan.device)]]


def _views(plan: Plan, profiles: Rows, encode: Callable[[Tensor], Tensor]) -> Rows | None:
    """Embeddings of distorted copies of cells, or None where none are wanted."""
    if plan.config.component == "competing":
        return _lossy_views(plan, profiles, encode) if plan.config.lossy_copies else None
    distortions = VIEWS[plan.config.views]
    if distortions is None:
        return None
    draws = TorchDraws(width_of(profiles, plan.device), plan.config.seed, plan.device, of="classifier")

    def of(cells: Tensor) -> Tensor:
        with torch.no_grad():
            return encode(augment(profiles(cells.to(plan.device)), distortions, draws))

    return of


def _lossy_views(plan: Plan, profiles: Rows, encode: Callable[[Tensor], Tensor]) -> Rows:
    generator = plan.generator()
    normalised = BASE_MODELS[plan.config.base].scaling == "log_cp10k"

    def of(cells: Tensor) -> Tensor:
        with torch.no_grad():
            copies = lossy(profiles(cells.to(plan.device)), normalised=normalised, generator=generator)
            return encode(copies)

    return of


def _start(plan: Plan, component: MlsComponent, embeddings: Rows) -> None:
    """Let every circle begin as a half turn from all others to its type."""
    train, valid = (
        _gathered(embeddings, cells).cpu().numpy()
        # of the other validation cells there are no coordinates
        for cells in (plan.train, plan.few_valid)
    )
    valid_codes = plan.codes[plan.few_valid].numpy()
    found = ridge_margins(train, plan.codes[plan.train].numpy(), valid, valid_codes, plan.n_types)
    maps, offsets = (torch.from_numpy(values.astype(np.float32)).to(plan.device) for values in found)
    component.begin(maps, offsets)


def _contrasted(plan: Plan, record: Component, embeddings: Rows, views: Rows | None) -> Contrastive:
    config = plan.config
    width = width_of(embeddings, plan.device)
    component = plan.fresh(lambda: record.build(width, plan.n_types, config))
    if isinstance(component, CompetingComponent) and config.start == "ridge":
        return _competed(plan, record, component, embeddings, views)
    started = config.start == "ridge" and isinstance(component, MlsComponent)
    if isinstance(component, MlsComponent) and started:
        _start(plan, component, embeddings)
    masks = plan.generator()

    def loss(cells: Tensor) -> Tensor:
        inputs, labels = embeddings(cells.to(plan.device)), plan.labels(cells)
        if views is not None:
            # a distorted copy is one more cell of its type
            inputs, labels = torch.cat([inputs, views(cells)]), torch.cat([labels, labels])
        if config.mask_share > 0:
            kept = torch.rand(inputs.shape, generator=masks, device=plan.device) >= config.mask_share
            inputs = inputs * kept / (1 - config.mask_share)
        return record.loss(component, inputs, labels, config)

    def validate() -> float:
        inputs = embeddings(plan.few_valid.to(plan.device))
        if isinstance(component, CompetingComponent):
            return calibrated_loss(component.logits(inputs), plan.labels(plan.few_valid))
        return float(record.loss(component, inputs, plan.labels(plan.few_valid), config))

    few_train = some_of_each(plan.codes[plan.train], plan.train, MOST_READ, config.seed)

    def read() -> float:
        inputs, valid = (
            component(embeddings(cells.to(plan.device))).cpu().numpy() for cells in (few_train, plan.few_valid)
        )
        return readout_loss(inputs, plan.codes[few_train].numpy(), valid, plan.codes[plan.few_valid].numpy())

    def watch(step: int) -> None:
        if isinstance(component, CircleComponent) and component.dims == 2 and len(plan.watched):
            _keep_points(plan, step, circle_points(component, embeddings(plan.watched)))

    component.kept_step = plan.run(
        record.title,
        [component],
        loss,
        validate,
        balanced=config.balanced,
        weight_decay=config.weight_decay,
        # from a random start a readout would stop too early: it prefers what does not yet stand out to what stands out
        # too much
        choose=read if started and plan.n_types <= MOST_READ_TYPES else None,
        watch=watch,
    )
    component.requires_grad_(False)
    return component


def _competed(
    plan: Plan, record: Component, component: CompetingComponent, embeddings: Rows, views: Rows | None
) -> Contrastive:
    """Circles from ridge regressions, then competing over cells and copies that were left out of their own."""
    asked = some_of_each(plan.codes[plan.train], plan.train, MOST_LEFT_OUT, plan.config.seed)

    def with_copies(cells: Tensor) -> Tensor:
        kinds = (embeddings,) if views is None else (embeddings, views)
        return torch.cat([_gathered(rows, cells) for rows in kinds])

    train = _gathered(embeddings, plan.train).cpu().numpy()
    points = with_copies(asked).cpu().numpy()
    n_kinds = len(points) // len(asked)
    without = np.tile(np.searchsorted(plan.train.numpy(), asked.numpy()), n_kinds)
    codes = plan.codes[plan.train].numpy()
    start = start_of(left_out_margins(train, codes, points, without, plan.n_types, plan.note), codes[without])
    maps, offsets, margins = (
        torch.from_numpy(values.astype(np.float32)).to(plan.device)
        for values in (start.maps, start.offsets, start.margins)
    )
    left_out = margins.view(n_kinds, len(asked), plan.n_types)
    competition = plan.fresh(lambda: Competition(plan.n_types))
    # without validation cells, those that were left out stand in for them
    judged = (plan.few_valid if plan.has_valid else asked).repeat(n_kinds)
    valid = with_copies(plan.few_valid) @ maps.T + offsets if plan.has_valid else margins
    watched = embeddings(plan.watched.to(plan.device)) @ maps.T + offsets

    def loss(cells: Tensor) -> Tensor:
        chosen = left_out[:, torch.searchsorted(asked, cells).to(plan.device)].flatten(0, 1)
        return nn.functional.cross_entropy(competition.logits(chosen), plan.labels(cells.repeat(n_kinds)))

    def watch(step: int) -> None:
        if len(plan.watched):
            _keep_points(plan, step, on_circles(competition(watched)))

    component.kept_step = plan.run(
        record.title,
        [competition],
        loss,
        lambda: calibrated_loss(competition.logits(valid), plan.labels(judged)),
        of=asked,
        batch_size=COMPETING_BATCH,
        balanced=plan.config.balanced,
        weight_decay=plan.config.weight_decay,
        watch=watch,
    )
    competition.folded_into(component, maps, offsets)
    component.requires_grad_(False)
    return component


def _gathered(rows: Rows, cells: Tensor) -> Tensor:
    """Rows of many cells, in batches."""
    return torch.cat([rows(part) for part in cells.split(INFERENCE_BATCH)])


def _keep_points(plan: Plan, step: int, points: Tensor) -> None:
    """Where the watched cells lie on every circle; float16 tells a third of a degree, and halves what a page loads."""
    arrays = {"cells": plan.watched.numpy(), "circles": points.detach().cpu().numpy().astype(np.float16)}
    plan.context.snapshot(step, arrays)
