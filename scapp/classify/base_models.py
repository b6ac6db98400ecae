"""Base models as the thesis splits them: an encoder g and a head f."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from scapp.classify.gene_scaling import Scaling

ACTINN_WIDTHS = (100, 50, 25)
DAE_WIDTHS = (1000, 500, 125)
DAE_DROPOUT = 0.2


@dataclass(frozen=True)
class BaseModel:
    """One base model.

    Parameters
    ----------
    id, title
        In settings, and for people.
    scaling
        Of its input.
    encoder
        g, from the number of genes.
    head
        f, from the length of an embedding and the number of types; logits.
    denoises
        Whether the encoder is first trained to undo noise, with a decoder.
    linear
        Whether head and encoder together are one linear layer, whose penalty validation chooses.
    """

    id: str
    title: str
    scaling: Scaling
    encoder: Callable[[int], nn.Module]
    head: Callable[[int, int], nn.Module]
    denoises: bool = False
    linear: bool = False


def _actinn_encoder(n_genes: int) -> nn.Module:
    first, second, _ = ACTINN_WIDTHS
    return nn.Sequential(nn.Linear(n_genes, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU())


def _actinn_head(d: int, n_types: int) -> nn.Module:
    third = ACTINN_WIDTHS[2]
    return nn.Sequential(nn.Linear(d, third), nn.ReLU(), nn.Linear(third, n_types))


class DenoisingEncoder(nn.Module):
    """scDAE's autoencoder: 1000 (ELU), 500 (tanh), 125; the decoder mirrors it and is used in training alone."""

    def __init__(self, n_genes: int) -> None:
        super().__init__()
        first, second, third = DAE_WIDTHS
        self.encode = nn.Sequential(
            nn.Linear(n_genes, first),
            nn.BatchNorm1d(first),
            nn.ELU(),
            nn.Linear(first, second),
            nn.BatchNorm1d(second),
            nn.Tanh(),
            nn.Linear(second, third),
        )
        self.decode = nn.Sequential(
            nn.Linear(third, second),
            nn.BatchNorm1d(second),
            nn.Tanh(),
            nn.Linear(second, first),
            nn.BatchNorm1d(first),
            nn.ELU(),
            nn.Linear(first, n_genes),
        )

    def forward(self, profiles: Tensor) -> Tensor:
        """(n_cells, n_genes) -> (n_cells, 125)."""
        return self.encode(profiles)

    def reconstruct(self, profiles: Tensor) -> Tensor:
        """(n_cells, n_genes) -> (n_cells, n_genes)."""
        return self.decode(self.encode(profiles))


def _dae_head(d: int, n_types: int) -> nn.Module:
    width = DAE_WIDTHS[2]
    return nn.Sequential(nn.Linear(d, width), nn.ELU(), nn.Dropout(DAE_DROPOUT), nn.Linear(width, n_types))


BASE_MODELS = {
    "lr": BaseModel("lr", "Logistic regression", "log_cp10k", lambda n_genes: nn.Identity(), nn.Linear, linear=True),
    "actinn": BaseModel("actinn", "ACTINN", "log_cp10k", _actinn_encoder, _actinn_head),
    "scdae": BaseModel("scdae", "scDAE", "max_log", DenoisingEncoder, _dae_head, denoises=True),
}
