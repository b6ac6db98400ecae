"""CLEAR beside a classifier: a linear head on the places that a trained encoder gives cells.

What genes say and what the place among all cells says are two opinions of the same cell; their product is sure where
both are. It pays where labels are few, because CLEAR has learnt from cells without any.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import nn

from scapp.classify.calibration import temperature_of
from scapp.classify.config import INVERSE_PENALTIES
from scapp.classify.linear_head import ALONE, solve_linear
from scapp.classify.splits import Split
from scapp.clear.apply import ClearModel, files_of
from scapp.clear.beside import Placing, placing_of
from scapp.core.errors import DataError
from scapp.core.step_context import StepContext
from scapp.data.gene_alignment import LEAST_COVERED
from scapp.data.symbols import GeneNames

STEM = "clear"
FILES = files_of(STEM)
"""The encoder's, beside the classifier's own."""
WEIGHTS_OF_CLEAR = (0.0, 0.25, 0.5, 0.75, 1.0)
ENOUGH_VALID = 50
"""Validation cells from which on they choose the weight; with fewer, both opinions weigh the same."""


@dataclass(frozen=True)
class ClearHead:
    """An encoder, and a softmax layer on what it gives.

    Parameters
    ----------
    model
        The trained CLEAR.
    placing
        How its representation was centred and scaled: to a variance of one a column in the mean.
    head
        On that, of as many rows as there are types.
    temperature
        Its logits are divided by it.
    weight
        Of CLEAR's opinion in the product, 0 to 1; the classifier's is what is left.
    joint_temperature
        The logarithm of the product is divided by it.
    """

    model: ClearModel
    placing: Placing
    head: nn.Linear
    temperature: float
    weight: float
    joint_temperature: float

    @classmethod
    def fit(
        cls,
        model: ClearModel,
        embedding: np.ndarray,
        codes: np.ndarray,
        split: Split,
        own: torch.Tensor,
        context: StepContext,
    ) -> "ClearHead":
        """Solve the head on the training cells, and choose its weight on the validation cells.

        Parameters
        ----------
        model
            A trained CLEAR. It may have seen the same cells, the test cells among them, but no label.
        embedding
            Where it puts all cells (``ClearModel.embed_counts``), shape (n_cells, d).
        codes
            Place of each cell's type, negative without one, shape (n_cells,).
        split
            Training, validation and test cells.
        own
            Logarithms of the classifier's probabilities for the validation cells, shape (n_valid, n_types).
        context
            Progress and the way to stop.
        """
        n_types = own.shape[1]
        placing = placing_of(embedding[split.train])
        placing = Placing(placing.mean, placing.length / float(np.sqrt(embedding.shape[1])))
        inputs = placing.place(embedding)
        head = solve_linear(
            sparse.csr_matrix(inputs[split.train]),
            codes[split.train],
            sparse.csr_matrix(inputs[split.valid]),
            codes[split.valid],
            n_types,
            context,
            INVERSE_PENALTIES if len(split.valid) else ALONE,
            "linear head on CLEAR",
        )
        with torch.no_grad():
            logits = head(torch.from_numpy(inputs[split.valid]))
        temperature = temperature_of(logits, codes[split.valid])
        said = torch.log_softmax(logits.double() / temperature, dim=1)
        weight = _weight(own, said, codes[split.valid])
        joint = temperature_of(_product(own, said, weight), codes[split.valid])
        return cls(model, placing, head, temperature, weight, joint)

    def joined(self, own: torch.Tensor, counts: Any, genes: GeneNames) -> torch.Tensor:
        """Logarithm of the product of both opinions, up to a constant a cell, shape (n_cells, n_types).

        Parameters
        ----------
        own
            Logarithms of the classifier's probabilities, shape (n_cells, n_types).
        counts, genes
            Of the same cells.

        Raises
        ------
        DataError
            Too few of the encoder's genes are there.
        """
        embedding, aligned = self.model.embed_counts(counts, genes)
        covered = self.model.covered(aligned.there)
        if covered < LEAST_COVERED:
            raise DataError(
                f"The CLEAR beside this classifier finds {covered:.0%} of what it reads in this dataset; at least"
                f" {LEAST_COVERED:.0%} are needed.",
                hint="Use a classifier without CLEAR beside it, or train on the genes that both datasets have.",
            )
        return self.joined_at(own, embedding)

    def joined_at(self, own: torch.Tensor, embedding: np.ndarray) -> torch.Tensor:
        """``joined`` for cells that the encoder has placed already, shape (n_cells, d)."""
        inputs = torch.from_numpy(self.placing.place(embedding))
        with torch.no_grad():
            said = torch.log_softmax(self.head(inputs).double() / self.temperature, dim=1)
        return _product(own, said, self.weight) / self.joint_temperature

    def save(self, folder: Path) -> dict[str, torch.Tensor]:
        """Write the encoder's files into a folder; the tensors that belong into the classifier's."""
        self.model.save(folder, STEM)
        return {
            "clear_head.weight": self.head.weight.detach().contiguous(),
            "clear_head.bias": self.head.bias.detach().contiguous(),
            "clear_head.mean": torch.from_numpy(self.placing.mean),
            "clear_head.numbers": torch.tensor(
                [self.placing.length, self.temperature, self.weight, self.joint_temperature], dtype=torch.float64
            ),
        }

    @classmethod
    def load(cls, folder: Path, tensors: dict[str, torch.Tensor]) -> "ClearHead | None":
        """From what ``save`` wrote, which is taken out of the tensors; None where there is nothing of it."""
        if "clear_head.weight" not in tensors:
            return None
        weight, bias, mean, numbers = (tensors.pop(f"clear_head.{n}") for n in ("weight", "bias", "mean", "numbers"))
        head = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            head.weight.copy_(weight)
            head.bias.copy_(bias)
        length, *rest = numbers.tolist()
        return cls(ClearModel.load(folder, STEM), Placing(mean.numpy(), length), head, *rest)


def _product(own: torch.Tensor, said: torch.Tensor, weight: float) -> torch.Tensor:
    """Weighted sum of logarithms of probabilities: the logarithm of the weighted geometric mean."""
    return (1 - weight) * own + weight * said


def _weight(own: torch.Tensor, said: torch.Tensor, codes: np.ndarray) -> float:
    """CLEAR's weight that gives the least log loss on validation cells; half where these are too few to choose."""
    if len(codes) < ENOUGH_VALID:
        return 0.5
    truth = torch.from_numpy(codes)
    losses = [float(nn.functional.cross_entropy(_product(own, said, weight), truth)) for weight in WEIGHTS_OF_CLEAR]
    return WEIGHTS_OF_CLEAR[int(np.argmin(losses))]
