"""Step 1 of the thesis: a base model by its own procedure."""

import torch
from torch import Tensor, nn

from scapp.classify.base_models import BaseModel, DenoisingEncoder
from scapp.classify.config import INVERSE_PENALTIES
from scapp.classify.linear_head import ALONE, solve_linear
from scapp.classify.stages.plan import HEAD_STEPS, Plan, Rows, cross_entropy, everything, kept, validated, width_of

ACTINN_PENALTY = 0.005
DAE_NOISE, THESIS_NOISE = 0.4, 1.0
"""Standard deviation of scDAE's noise: in units of the entries' own in its authors' code; of the entries themselves in
the thesis (equation 3).
"""


def train_base(plan: Plan, base: BaseModel, encoder: nn.Module, rows: Rows) -> nn.Module | None:
    """Train encoder and head; the head is returned. A linear model is solved where it is used, so it has none yet.

    Parameters
    ----------
    plan
        Shared by all stages.
    base
        Which model.
    encoder
        Its first part, trained in place.
    rows
        Profiles.
    """
    if base.linear:
        return None
    if base.denoises:
        return _denoising(plan, base, encoder, rows)
    return _together(plan, base, encoder, rows)


def linear_head(plan: Plan, rows: Rows) -> nn.Module:
    """A softmax layer on rows: solved, or as in the thesis trained."""
    if plan.procedure is not None:
        width = width_of(rows, plan.device)
        return _trained_head(plan, "softmax layer", plan.fresh(lambda: nn.Linear(width, plan.n_types)), rows)
    inputs, valid = (everything(rows, cells, plan.device) for cells in (plan.train, plan.valid))
    codes, valid_codes = plan.codes[plan.train].numpy(), plan.codes[plan.valid].numpy()
    # training cells, which stand in for missing validation cells elsewhere, would choose the weakest penalty
    penalties = INVERSE_PENALTIES if plan.has_valid else ALONE
    return solve_linear(inputs, codes, valid, valid_codes, plan.n_types, plan.context, penalties).to(plan.device)


def new_head(plan: Plan, base: BaseModel, encoder: nn.Module, rows: Rows) -> nn.Module:
    """An untrained head for what the encoder gives."""
    encoder.eval()
    width = width_of(lambda cells: encoder(rows(cells)), plan.device)
    return plan.fresh(lambda: base.head(width, plan.n_types))


def head_on_frozen(plan: Plan, base: BaseModel, embeddings: Rows) -> nn.Module:
    """A head, trained on what frozen parts give."""
    width = width_of(embeddings, plan.device)
    return _trained_head(plan, "head", plan.fresh(lambda: base.head(width, plan.n_types)), embeddings)


def _trained_head(plan: Plan, name: str, head: nn.Module, embeddings: Rows) -> nn.Module:
    def logits(cells: Tensor) -> Tensor:
        found: Tensor = head(embeddings(cells))
        return found

    plan.run(
        name,
        [head],
        lambda cells: cross_entropy(plan, logits, cells),
        lambda: validated(plan, logits),
        steps=HEAD_STEPS * plan.config.steps,
        procedure=plan.procedure,
    )
    return head


def _together(plan: Plan, base: BaseModel, encoder: nn.Module, rows: Rows) -> nn.Module:
    """ACTINN: cross entropy with an L2 penalty on all weights."""
    head = new_head(plan, base, encoder, rows)
    weights = [p for module in (encoder, head) for p in module.parameters() if p.dim() > 1]

    def logits(cells: Tensor) -> Tensor:
        found: Tensor = head(encoder(rows(cells)))
        return found

    def loss(cells: Tensor) -> Tensor:
        penalty = torch.stack([weight.square().sum() for weight in weights]).sum()
        return cross_entropy(plan, logits, cells) + ACTINN_PENALTY / 2 * penalty

    plan.run("base model", [encoder, head], loss, lambda: validated(plan, logits), procedure=plan.procedure)
    return head


def _denoising(plan: Plan, base: BaseModel, encoder: nn.Module, rows: Rows) -> nn.Module:
    """scDAE: undo noise; the head with the encoder frozen; both together."""
    assert isinstance(encoder, DenoisingEncoder)

    as_printed = plan.config.training == "thesis"

    def error(found: Tensor, clean: Tensor) -> Tensor:
        if as_printed:  # equation 3: half the squared distance, the mean over cells
            return 0.5 * (found - clean).square().sum(dim=1).mean()
        return nn.functional.mse_loss(found, clean) / _spread(clean).square()

    def undo(cells: Tensor, noise: torch.Generator) -> Tensor:
        clean = rows(cells.to(plan.device))
        size = THESIS_NOISE if as_printed else DAE_NOISE * _spread(clean)
        noisy = clean + size * torch.randn(clean.shape, generator=noise, device=plan.device)
        return error(encoder.reconstruct(noisy), clean)

    def undone() -> float:
        clean = rows(plan.few_valid.to(plan.device))
        return float(error(encoder.reconstruct(clean), clean))

    noise = plan.generator()
    plan.run("denoising", [encoder], lambda cells: undo(cells, noise), undone, procedure=plan.procedure)
    encoder.eval()
    head = head_on_frozen(plan, base, kept(lambda cells: encoder(rows(cells)), len(plan.codes), plan.device))

    def logits(cells: Tensor) -> Tensor:
        found: Tensor = head(encoder(rows(cells)))
        return found

    later_noise = plan.generator()
    plan.run(
        "both together",
        [encoder, head],
        lambda cells: undo(cells, later_noise) + cross_entropy(plan, logits, cells),
        lambda: validated(plan, logits),
        procedure=plan.procedure,
    )
    return head


def _spread(values: Tensor) -> Tensor:
    """Standard deviation of the entries: noise and error are told in it, because counts over their maximum are tiny."""
    return values.std().clamp_min(1e-6)
