"""Contrastive components h between the encoder and the head: MLP-CC, MLS-CC and circles that compete."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scapp.classify.components.supervised_info_nce import multi_space_info_nce, supervised_info_nce
from scapp.classify.config import ClassifierConfig

SHARPNESS = 8.0
"""What competing circles start from: between a pole and its opposite lie 16 units of log odds."""
NEVER = -1e4
"""Logit of a type without training cells."""
SMALL = 0.05
"""Of the random start, beside a start from margins, in the dimensions beyond a circle's two."""


class Contrastive(nn.Module):
    """What all components share."""

    width: int
    """Length of what they give."""
    kept_step: int | None = None
    """Step of training whose state was kept; 0 is the start, None of one that was loaded."""

    def first(self) -> nn.Linear:
        """The layer that reads the embedding."""
        raise NotImplementedError

    def widened(self, basis: Tensor, origin: Tensor) -> None:
        """Let a component that reads coordinates ``(x - origin) @ basis`` read ``x`` itself: the same function.

        Parameters
        ----------
        basis
            Shape (d, n_coordinates).
        origin
            Shape (d,).
        """
        narrow = self.first()
        with torch.no_grad():
            weight = narrow.weight @ basis.T
            bias = narrow.bias - weight @ origin
        narrow.in_features = len(basis)
        narrow.weight = nn.Parameter(weight, requires_grad=False)
        narrow.bias = nn.Parameter(bias, requires_grad=False)


class MlpComponent(Contrastive):
    """Two layers with a ReLU between, onto the unit sphere (thesis, section 4.2: MLP-CC).

    Parameters
    ----------
    d
        Length of the base model's embedding.
    hidden, output
        Widths of both layers.
    """

    def __init__(self, d: int, hidden: int, output: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, output))
        self.width = output

    def first(self) -> nn.Linear:
        """See ``Contrastive``."""
        layer = self.layers[0]
        assert isinstance(layer, nn.Linear)
        return layer

    def forward(self, embeddings: Tensor) -> Tensor:
        """(n_cells, d) -> (n_cells, output), length 1."""
        return nn.functional.normalize(self.layers(embeddings), dim=1)


class CircleComponent(Contrastive):
    """What components with a circle (or sphere) per type share."""

    n_types: int
    dims: int
    maps: nn.Linear

    def first(self) -> nn.Linear:
        """See ``Contrastive``."""
        return self.maps

    def spaces(self, embeddings: Tensor) -> Tensor:
        """(n_cells, d) -> (n_types, n_cells, dims), length 1 in each space."""
        raise NotImplementedError

    def forward(self, embeddings: Tensor) -> Tensor:
        """(n_cells, d) -> (n_cells, n_types * dims): the spaces side by side."""
        return self.spaces(embeddings).transpose(0, 1).reshape(len(embeddings), -1)


class MlsComponent(CircleComponent):
    """A linear map per type, each onto a circle (or sphere) of its own (thesis, section 4.2: MLS-CC).

    Parameters
    ----------
    d
        Length of the base model's embedding.
    n_types
        Number of types.
    dims
        Dimensions of each space: 2 for circles.
    """

    def __init__(self, d: int, n_types: int, dims: int) -> None:
        super().__init__()
        self.n_types = n_types
        self.dims = dims
        self.width = n_types * dims
        # one product for all types
        self.maps = nn.Linear(d, n_types * dims)

    def begin(self, maps: Tensor, offsets: Tensor) -> None:
        """Start from a margin per type: the first axis of its space is the margin, the second is 1, so that the angle
        says how sure it is.

        Parameters
        ----------
        maps
            Shape (n_types, d).
        offsets
            Shape (n_types,).
        """
        with torch.no_grad():
            weight = self.maps.weight.view(self.n_types, self.dims, -1)
            bias = self.maps.bias.view(self.n_types, self.dims)
            weight.mul_(SMALL)
            bias.mul_(SMALL)
            weight[:, 0] = maps
            bias[:, 0] = offsets
            weight[:, 1] = 0
            bias[:, 1] = 1

    def spaces(self, embeddings: Tensor) -> Tensor:
        """(n_cells, d) -> (n_types, n_cells, dims), length 1 in each space."""
        mapped = self.maps(embeddings).view(-1, self.n_types, self.dims)
        return nn.functional.normalize(mapped, dim=2).transpose(0, 1)


class CompetingComponent(CircleComponent):
    """A circle per type that is read like a gauge, and a softmax across circles.

    On each circle the angle from the pole is ``theta = arccot(margin)``, with the margin a linear map of the embedding:
    the nearer to the pole, the more the circle claims the cell. What a circle says for its type is
    ``sharpness * cos(theta)``, and cells are named by the softmax of it over all circles: a cell that two circles claim
    is doubtful, and training moves both circles.

    Parameters
    ----------
    d
        Length of the base model's embedding.
    n_types
        Number of types.
    """

    def __init__(self, d: int, n_types: int) -> None:
        super().__init__()
        self.n_types = n_types
        self.dims = 2
        self.width = 2 * n_types
        self.maps = nn.Linear(d, n_types)
        self.log_sharpness = nn.Parameter(torch.full((n_types,), math.log(SHARPNESS)))

    def spaces(self, embeddings: Tensor) -> Tensor:
        """(n_cells, d) -> (n_types, n_cells, 2), length 1 in each space; the pole is (1, 0)."""
        return on_circles(self.maps(embeddings)).transpose(0, 1)

    def logits(self, embeddings: Tensor) -> Tensor:
        """(n_cells, d) -> (n_cells, n_types)."""
        return claims(self.maps(embeddings), self.log_sharpness)

    def head(self, known: Tensor) -> nn.Linear:
        """The softmax across circles, as a layer on what the component gives.

        Parameters
        ----------
        known
            Which types have training cells, bool, shape (n_types,); others are never said.
        """
        layer = nn.Linear(self.width, self.n_types).requires_grad_(False)
        layer.weight.zero_()
        places = torch.arange(self.n_types)
        layer.weight[places, 2 * places] = self.log_sharpness.detach().exp().to(layer.weight)
        layer.bias.zero_()
        layer.bias[~known] = NEVER
        return layer


def on_circles(margins: Tensor) -> Tensor:
    """Places on circles by margins: (..., n_types) -> (..., n_types, 2), the pole being (1, 0)."""
    return nn.functional.normalize(torch.stack([margins, torch.ones_like(margins)], dim=-1), dim=-1)


def claims(margins: Tensor, log_sharpness: Tensor) -> Tensor:
    """What each circle says for its type: sharpness times the cosine from the pole, (..., n_types)."""
    return log_sharpness.exp() * margins / (margins.square() + 1).sqrt()


@dataclass(frozen=True)
class Component:
    """One kind of component.

    Parameters
    ----------
    id, title
        In settings, and for people.
    build
        From the embedding's length, the number of types and the settings.
    loss
        Of a built component on embeddings (n_cells, d) with their types.
    """

    id: str
    title: str
    build: Callable[[int, int, ClassifierConfig], Contrastive]
    loss: Callable[[Contrastive, Tensor, Tensor, ClassifierConfig], Tensor]


def _mlp(d: int, n_types: int, config: ClassifierConfig) -> Contrastive:
    # R^d to R^d as in the thesis, but not where d is the number of genes
    if config.base == "lr":
        return MlpComponent(d, config.mlp_hidden, config.mlp_output)
    return MlpComponent(d, d, d)


def _mlp_loss(component: Contrastive, embeddings: Tensor, labels: Tensor, config: ClassifierConfig) -> Tensor:
    return supervised_info_nce(
        component(embeddings), labels, temperature=config.temperature, reduction=config.reduction
    )


def _mls(d: int, n_types: int, config: ClassifierConfig) -> Contrastive:
    return MlsComponent(d, n_types, config.circle_dims)


def _mls_loss(component: Contrastive, embeddings: Tensor, labels: Tensor, config: ClassifierConfig) -> Tensor:
    assert isinstance(component, MlsComponent)
    return multi_space_info_nce(
        component.spaces(embeddings),
        labels,
        temperature=config.temperature,
        positives=config.mls_positives,
        reduction=config.reduction,
    )


def _competing(d: int, n_types: int, config: ClassifierConfig) -> Contrastive:
    return CompetingComponent(d, n_types)


def _competing_loss(component: Contrastive, embeddings: Tensor, labels: Tensor, config: ClassifierConfig) -> Tensor:
    assert isinstance(component, CompetingComponent)
    return nn.functional.cross_entropy(component.logits(embeddings), labels)


COMPONENTS = {
    "mlp": Component("mlp", "MLP-CC", _mlp, _mlp_loss),
    "mls": Component("mls", "MLS-CC", _mls, _mls_loss),
    "competing": Component("competing", "competing circles", _competing, _competing_loss),
}


def circle_points(component: CircleComponent, embeddings: Tensor) -> Tensor:
    """Unit vectors of each type's space, (n_cells, n_types, dims), without a gradient."""
    with torch.no_grad():
        return component.spaces(embeddings).transpose(0, 1)
