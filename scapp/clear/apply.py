"""A trained encoder on other cells."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy import sparse

from scapp.clear.beside import Beside
from scapp.clear.config import ClearConfig
from scapp.clear.correction import Correction
from scapp.clear.embedding import represent
from scapp.clear.model import Encoder
from scapp.clear.training.matrix import CellMatrix
from scapp.core import files
from scapp.core.errors import DataError
from scapp.data.blocks.blocked_matrix import AnyMatrix, BlockedMatrix, blocked
from scapp.data.gene_alignment import Aligned, align
from scapp.data.qc.preprocessing import normalise
from scapp.data.symbols import GeneNames

MODEL_FORMAT = 2
STEM, WEIGHTS, DESCRIPTION = "model", ".safetensors", ".json"


def files_of(stem: str = STEM) -> list[str]:
    """Names of the two files that a model of a stem is kept in."""
    return [f"{stem}{WEIGHTS}", f"{stem}{DESCRIPTION}"]


FILES = files_of()
_AGAIN = "Train CLEAR again on the reference, and apply that run."


@dataclass(frozen=True)
class ClearModel:
    """What training leaves: enough to place any cells where the trained ones are.

    Parameters
    ----------
    config
        Settings of the training.
    genes
        Names of the genes that it reads, in order.
    target_sum
        What counts were scaled to before their logarithm.
    weights
        Of the encoder, by name.
    moments
        Mean and standard deviation of each gene, each of shape (n_genes,), where genes are scaled.
    correction
        What took away the rest of the batches, or None.
    beside
        PCA beside it, or None.
    """

    config: ClearConfig
    genes: GeneNames
    target_sum: float
    weights: dict[str, np.ndarray]
    moments: np.ndarray | None = None
    correction: Correction | None = None
    beside: Beside | None = None

    def save(self, folder: Path, stem: str = STEM) -> None:
        """Write ``model.safetensors`` and ``model.json``, or files of another stem."""
        arrays = dict(self.weights)
        if self.moments is not None:
            arrays["moments"] = self.moments
        if self.correction is not None:
            arrays |= self.correction.arrays()
        if self.beside is not None:
            arrays |= self.beside.arrays()
        weights, description = files_of(stem)
        save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, folder / weights)
        content = {
            "format": MODEL_FORMAT,
            "kind": "clear",
            "config": self.config.model_dump(mode="json"),
            "genes": asdict(self.genes),
            "target_sum": self.target_sum,
        }
        (folder / description).write_text(json.dumps(content))

    @classmethod
    def load(cls, folder: Path, stem: str = STEM) -> "ClearModel":
        """Read what ``save`` wrote. Nothing is unpickled.

        Raises
        ------
        DataError
            There is no model of CLEAR, it is of an earlier format, or its parts do not fit together.
        """
        stored, description = files_of(stem)
        try:
            content = files.read_json(folder / description)
            arrays = load_file(folder / stored)
        except (OSError, ValueError, SafetensorError) as error:
            raise DataError(f"'{folder.name}' holds no trained CLEAR model.", hint=_AGAIN) from error
        if not isinstance(content, dict) or content.get("kind") != "clear":
            raise DataError(f"'{folder.name}' holds a model of another kind.", hint=_AGAIN)
        if content.get("format") != MODEL_FORMAT:
            raise DataError(
                "This CLEAR model was kept by an earlier scapp, without what applying it needs.", hint=_AGAIN
            )
        names = GeneNames(**content["genes"])
        moments = arrays.pop("moments", None)
        correction, beside = Correction.read(arrays), Beside.read(arrays)
        weights = {n: value for n, value in arrays.items() if not n.startswith(("beside.", "correction."))}
        if weights["first.weight"].shape[1] != len(names.names):
            raise DataError("The CLEAR model's weights and genes do not fit together.", hint=_AGAIN)
        config = ClearConfig.build(content["config"])
        return cls(config, names, float(content["target_sum"]), weights, moments, correction, beside)

    def embed_counts(
        self, counts: AnyMatrix, genes: GeneNames, device: str = "cpu", between: Callable[[], None] | None = None
    ) -> tuple[np.ndarray, Aligned]:
        """Place cells by their counts; genes that are not there are zero.

        Parameters
        ----------
        counts
            Raw counts or other linear values of all measured genes, shape (n_cells, n_query_genes).
        genes
            Their names.
        device, between
            See ``embed``.

        Returns
        -------
        What ``embed`` gives, and how the genes were matched.
        """
        aligned = align(genes, self.genes)
        return self._embed(
            blocked(counts), lambda block: aligned.of(normalise(block, self.target_sum)), device, between
        ), aligned

    def covered(self, there: np.ndarray) -> float:
        """Share of the first layer's weights that read genes which are there, 0 to 1."""
        weight = np.abs(self.weights["first.weight"]).sum(axis=0)
        return float(weight[there].sum() / max(weight.sum(), 1e-12))

    def embed(self, values: AnyMatrix, device: str = "cpu", between: Callable[[], None] | None = None) -> np.ndarray:
        """Place cells where the trained ones are.

        Parameters
        ----------
        values
            Log-normalised values of the model's genes in its order, shape (n_cells, n_genes).
        device
            Of torch.
        between
            Called between pieces, to stop.

        Returns
        -------
        float32, shape (n_cells, d), with the columns of the training's representation.
        """
        return self._embed(blocked(values), lambda block: block, device, between)

    def _embed(
        self,
        matrix: BlockedMatrix,
        prepared: Callable[[sparse.csr_matrix], sparse.csr_matrix],
        device: str,
        between: Callable[[], None] | None,
    ) -> np.ndarray:
        where = torch.device(device)
        encoder = Encoder(len(self.genes.names), self.config).to(where)
        encoder.load_state_dict({name: torch.as_tensor(np.array(value)) for name, value in self.weights.items()})
        encoder.eval()
        n_pcs = 0 if self.beside is None else self.beside.loadings.shape[1]
        found = np.empty((matrix.n_cells, n_pcs + self.config.representation_width), dtype=np.float32)
        for start, values in matrix.each_block(lambda start, block: (start, prepared(block))):
            cells = CellMatrix(values, where, scale=self.config.scale_input, moments=self.moments)
            embedding = represent(encoder, cells, np.arange(cells.n_cells), self.config, between)
            if self.correction is not None:
                embedding = self.correction.apply(embedding)
            if self.beside is not None:
                embedding = self.beside.join(values, embedding)
            found[start : start + len(embedding)] = embedding
        return found
