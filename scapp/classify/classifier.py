"""A trained cell-type classifier: from counts to the probability of each type; saved as safetensors and JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from scipy import sparse

from scapp.classify.base_models import BASE_MODELS
from scapp.classify.calibration import temperature_of
from scapp.classify.clear_head import ClearHead
from scapp.classify.components.circle_readers import CircleReaders, learn_readers
from scapp.classify.components.contrastive import (
    COMPONENTS,
    CircleComponent,
    CompetingComponent,
    Contrastive,
    circle_points,
)
from scapp.classify.config import ClassifierConfig
from scapp.classify.gene_scaling import Preparation, prepare
from scapp.classify.splits import Split, group_split, stratified_split
from scapp.classify.stages.four_steps import Network, TrainedBase, train_network
from scapp.classify.stages.plan import Cells
from scapp.clear.apply import ClearModel
from scapp.clear.embedding import INFERENCE_BATCH
from scapp.core.errors import DataError, RunError
from scapp.core.provenance import versions
from scapp.core.step_context import QuietContext, StepContext
from scapp.data.blocks.blocked_matrix import AnyMatrix, blocked
from scapp.data.gene_alignment import LEAST_COVERED, Aligned, align
from scapp.data.symbols import GeneNames, gene_names
from scapp.metrics.by_type import headline
from scapp.metrics.rejection import threshold_for

FORMAT = 2
MODEL, RECORD = "model.safetensors", "model.json"
LEAST_PROBABILITY = 1e-9
"""Added before a logarithm: what one opinion rules out, the other cannot bring back alone."""
UNASSIGNED = "unassigned"
NO_CIRCLES = "This classifier has no circles.", "Train one with the component 'competing' or 'mls'."


@dataclass
class CellTypeClassifier:
    """Base model, contrastive component and head, on raw counts.

    Parameters
    ----------
    config
        Settings.

    Attributes
    ----------
    types
        Names of the types, in the order of the probabilities.
    genes
        What the model reads.
    split
        Cells of the training data that were trained on, validated and kept for the test.
    test_probabilities
        What was said of the test cells, shape (n_test, n_types); not kept in files.
    temperature
        Logits are divided by it, so that probabilities mean what they say (temperature scaling on validation cells).
    beside
        What a trained CLEAR says of cells, where the settings name one: its opinion is multiplied with the network's.
    validated
        What was said of the validation cells: probability, and whether it was true, shape (2, n_valid).
    readers
        Of MLS-CC, what reads a type's probability from its own circle.
    metrics
        ``top1``, ``top3``, ``macro_f1``, ``mean_auprc``, ``n_test`` on the test cells; ``component_step``, the step of
        a component's training that was kept (0 is its start).

    Examples
    --------
    >>> classifier = CellTypeClassifier(ClassifierConfig(component="mls")).fit(adata, label_key="cell_type")
    >>> classifier.predict_proba(other)

    References
    ----------
    Thesis, section 4; Guo et al. 2017 for temperature scaling.
    """

    config: ClassifierConfig = field(default_factory=ClassifierConfig)
    types: list[str] = field(default_factory=list)
    genes: GeneNames | None = None
    preparation: Preparation | None = None
    network: Network | None = None
    split: Split | None = None
    test_probabilities: np.ndarray | None = None
    temperature: float = 1.0
    beside: ClearHead | None = None
    validated: np.ndarray = field(default_factory=lambda: np.zeros((2, 0)))
    readers: CircleReaders | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    n_train: list[int] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)

    def fit(
        self, adata: ad.AnnData, label_key: str, *, context: StepContext | None = None, device: str = "cpu"
    ) -> "CellTypeClassifier":
        """Train on annotated raw counts (``layers["counts"]``, else ``X``).

        Raises
        ------
        DataError
            No such column; no label; fewer than two types; values that are not counts.
        """
        if label_key not in adata.obs:
            raise DataError(
                f"There is no annotation '{label_key}'; there are {', '.join(adata.obs.columns) or 'none'}.",
                hint="Choose a column that names cell types.",
            )
        groups = None
        if self.config.hold_out_key is not None:
            groups = adata.obs[self.config.hold_out_key].astype(str).to_numpy()
        counts = adata.layers.get("counts", adata.X)
        return self.fit_counts(
            counts,
            pd.Categorical(adata.obs[label_key]),
            gene_names(adata.var_names, adata.var),
            groups,
            context,
            device,
        )

    def fit_counts(
        self,
        counts: Any,
        labels: pd.Categorical,
        genes: GeneNames,
        groups: np.ndarray | None = None,
        context: StepContext | None = None,
        device: str = "cpu",
    ) -> "CellTypeClassifier":
        """Train on counts, shape (n_cells, n_genes), and labels (NaN where there is none: such a cell is left out)."""
        counts = sparse.csr_matrix(counts)
        _refuse_other_values(counts)
        labels = labels.remove_unused_categories()
        self.types = [str(name) for name in labels.categories]
        if len(self.types) < 2:
            raise DataError(
                f"The labels name {len(self.types)} type; a classifier needs two.", hint="Choose another label column."
            )
        codes = np.asarray(labels.codes, dtype=np.int64)
        config = self.config
        if groups is None:
            self.split = stratified_split(
                codes, valid_share=config.valid_share, test_share=config.test_share, seed=config.seed
            )
        else:
            self.split = group_split(
                codes, groups, valid_share=config.valid_share, test_share=config.test_share, seed=config.seed
            )
        self.fit_split(counts, codes, genes, self.split, context, device)
        return self

    def fit_split(
        self,
        counts: sparse.csr_matrix,
        codes: np.ndarray,
        genes: GeneNames,
        split: Split,
        context: StepContext | None = None,
        device: str = "cpu",
        base: TrainedBase | None = None,
    ) -> TrainedBase:
        """Train on a split that is given; ``types`` must be set.

        Parameters
        ----------
        counts, genes
            Of all cells, CSR, shape (n_cells, n_genes).
        codes
            Place of each cell's type in ``types``, negative without one, shape (n_cells,).
        split
            Training, validation and test cells.
        context, device
            Progress, and where to train.
        base
            A base model that was trained on the same split with the same settings: see ``train_network``.

        Returns
        -------
        The base model, for other components.
        """
        self.split, self.genes = split, genes
        self.n_train = np.bincount(codes[split.train], minlength=len(self.types)).tolist()
        self.preparation = prepare(counts, split.train, BASE_MODELS[self.config.base].scaling)
        inputs = self.preparation.apply(counts)
        cells = Cells(inputs, codes, len(self.types), split)
        network, base = train_network(cells, self.config, context or QuietContext(), torch.device(device), base)
        self.network = network.cpu()
        self.temperature = temperature_of(self._logits(inputs[split.valid]), codes[split.valid])
        self.test_probabilities = self._probabilities(inputs[split.test])
        self.metrics = dict[str, Any](headline(codes[split.test], self.test_probabilities))
        said = self._probabilities(inputs[split.valid])
        if self.config.clear:
            said = self._put_clear_beside(counts, codes, said, context or QuietContext(), device)
        self.validated = np.array([said.max(axis=1), said.argmax(axis=1) == codes[split.valid]])
        if isinstance(self.network.component, Contrastive):
            self.metrics["component_step"] = self.network.component.kept_step
        if isinstance(self.network.component, CircleComponent):
            self.readers = learn_readers(self._circles(inputs[split.train]), codes[split.train])
        return base

    def predict_proba(self, adata: ad.AnnData) -> np.ndarray:
        """Probability of each type, shape (n_cells, n_types), of raw counts (``layers["counts"]``, else ``X``).

        Raises
        ------
        DataError
            Too few of the model's genes are there; values that are not counts.
        """
        return self.predict_counts(adata.layers.get("counts", adata.X), gene_names(adata.var_names, adata.var))[0]

    def predict(self, adata: ad.AnnData, *, threshold: float = 0.0) -> np.ndarray:
        """Most probable type of each cell, ``unassigned`` below a probability, shape (n_cells,)."""
        return self.named(self.predict_proba(adata), threshold=threshold)

    def named(self, probabilities: np.ndarray, *, threshold: float = 0.0) -> np.ndarray:
        """Types by name, ``unassigned`` where none reaches the threshold."""
        names = np.asarray(self.types, dtype=object)[probabilities.argmax(axis=1)]
        names[probabilities.max(axis=1) < threshold] = UNASSIGNED
        return np.asarray(names)

    def predict_counts(self, counts: AnyMatrix, genes: GeneNames) -> tuple[np.ndarray, Aligned]:
        """Probabilities of counts, read a block at a time, and how their genes were matched."""
        aligned = self._aligned(genes)

        def said_of(block: sparse.csr_matrix) -> np.ndarray:
            own = self._probabilities(*self._inputs(block, aligned))
            if self.beside is None or not len(own):
                return own
            return _shares(self.beside.joined(_logarithms(own), block, genes))

        return np.concatenate([said_of(block) for block in blocked(counts).blocks()]), aligned

    def _put_clear_beside(
        self, counts: sparse.csr_matrix, codes: np.ndarray, validated: np.ndarray, context: StepContext, device: str
    ) -> np.ndarray:
        """Solve a head on a trained CLEAR, and let it speak of the test cells; what both say of the validation cells.

        ``validated`` is what the network alone says of them, shape (n_valid, n_types).
        """
        assert self.split is not None
        assert self.genes is not None
        assert self.test_probabilities is not None
        valid, test = self.split.valid, self.split.test
        model = ClearModel.load(Path(self.config.clear))
        context.report(0, 1, "placing the cells by CLEAR")
        embedding = model.embed_counts(counts, self.genes, device, context.raise_if_stopped)[0]
        own = _logarithms(validated)
        self.beside = ClearHead.fit(model, embedding, codes, self.split, own, context)
        self.metrics["clear_weight"] = self.beside.weight
        self.test_probabilities = _shares(self.beside.joined_at(_logarithms(self.test_probabilities), embedding[test]))
        alone = self.metrics["macro_f1"], self.metrics["mean_auprc"]
        self.metrics |= headline(codes[test], self.test_probabilities)
        self.metrics["macro_f1_without_clear"], self.metrics["mean_auprc_without_clear"] = alone
        return _shares(self.beside.joined_at(own, embedding[valid]))

    def threshold_for(self, most_wrong: float) -> float:
        """Probability below which cells go without a name, so that few names are wrong.

        Parameters
        ----------
        most_wrong
            Share of wrong names among those given, above 0 and below 1. It holds for cells like the validation cells:
            those of other donors or laboratories are named wrongly more often.

        Raises
        ------
        DataError
            The validation cells are too few, or too often named wrongly, to promise it.
        """
        confidence, right = self.validated
        found = threshold_for(confidence, right.astype(bool), most_wrong)
        if found is None:
            raise DataError(
                f"No threshold keeps {most_wrong:.1%} of this classifier's names from being wrong: of its"
                f" {len(right):,} validation cells it named {int(right.sum()):,} rightly, and at least"
                f" {int(np.ceil(1 / most_wrong)) - 1:,} named without an error are needed.",
                hint="Allow more errors, or train again with a larger 'Validation share' or more labels.",
            )
        return found

    def circles(self, counts: AnyMatrix, genes: GeneNames) -> np.ndarray:
        """Unit vectors on each type's circle, float32, shape (n_cells, n_types, dims).

        Raises
        ------
        DataError
            The classifier has no circles.
        """
        aligned = self._aligned(genes)
        parts = [self._circles(*self._inputs(block, aligned)) for block in blocked(counts).blocks()]
        return np.concatenate(parts)

    def circle_probabilities(self, circles: np.ndarray) -> np.ndarray:
        """Each type's probability from its own circle alone, shape (n_cells, n_types).

        Parameters
        ----------
        circles
            Of ``circles``.

        Raises
        ------
        DataError
            The classifier has no circles.
        """
        if self.readers is None:
            raise DataError(NO_CIRCLES[0], hint=NO_CIRCLES[1])
        return self.readers.probabilities(circles)

    def _circles(self, inputs: sparse.csr_matrix, expected: np.ndarray | None = None) -> np.ndarray:
        network = self._fitted()
        component = network.component
        if not isinstance(component, CircleComponent):
            raise DataError(NO_CIRCLES[0], hint=NO_CIRCLES[1])
        with torch.no_grad():
            parts = [circle_points(component, network.encoder(part)) for part in _dense_parts(inputs, expected)]
        return np.asarray(torch.cat(parts).numpy(), dtype=np.float32)

    def _aligned(self, genes: GeneNames) -> Aligned:
        self._fitted()
        assert self.genes is not None
        aligned = align(genes, self.genes)
        if self.covered(aligned) < LEAST_COVERED:
            raise DataError(
                f"This dataset has {aligned.there.sum():,} of the model's {len(aligned.there):,} genes, which hold"
                f" {self.covered(aligned):.0%} of what it reads; at least {LEAST_COVERED:.0%} are needed (the model's"
                f" genes are called {', '.join(self.genes.names[:3])}, the dataset's {', '.join(genes.names[:3])}).",
                hint=(
                    "Use a dataset of the same species with symbols or Ensembl ids, and with all of its genes; or train"
                    " on the genes that both have."
                ),
            )
        return aligned

    def _inputs(self, counts: sparse.csr_matrix, aligned: Aligned) -> tuple[sparse.csr_matrix, np.ndarray]:
        """What the model reads of some cells, and what is expected of genes that were not measured."""
        assert self.preparation is not None
        _refuse_other_values(counts)
        there = aligned.there[self.preparation.genes]
        return self.preparation.apply(aligned.of(counts), there), self.preparation.expected(there)

    def covered(self, aligned: Aligned) -> float:
        """Share of what the model read of its training cells that lies in genes which are there, 0 to 1."""
        assert self.preparation is not None
        return float(self.preparation.weights[aligned.there[self.preparation.genes]].sum())

    def _fitted(self) -> Network:
        if self.network is None:
            raise RunError("The classifier is not trained.", hint="Train it, or load one that is.")
        return self.network

    def _logits(self, inputs: sparse.csr_matrix, expected: np.ndarray | None = None) -> torch.Tensor:
        network = self._fitted()
        with torch.no_grad():
            parts = [network(part) for part in _dense_parts(inputs, expected)]
        return torch.cat(parts) if parts else torch.zeros(0, len(self.types))

    def _probabilities(self, inputs: sparse.csr_matrix, expected: np.ndarray | None = None) -> np.ndarray:
        scaled = self._logits(inputs, expected).double() / self.temperature
        return np.asarray(torch.softmax(scaled, dim=1).numpy())

    def save(self, folder: Path) -> None:
        """Write ``model.safetensors`` and ``model.json`` into a folder, which is made."""
        network = self._fitted()
        assert self.genes is not None
        assert self.preparation is not None
        folder.mkdir(parents=True, exist_ok=True)
        used = self.preparation.genes
        record = {
            "format": FORMAT,
            "kind": "classifier",
            "config": self.config.model_dump(mode="json") | {"clear": Path(self.config.clear).name},
            "types": self.types,
            "n_train": self.n_train,
            "genes": asdict(self.genes),
            "scaling": self.preparation.scaling,
            "largest": self.preparation.largest,
            "temperature": self.temperature,
            "metrics": self.metrics,
            "versions": versions(),
            "provenance": self.provenance,
        }
        tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
        tensors |= {
            "preparation.genes": torch.from_numpy(used),
            "preparation.means": torch.from_numpy(self.preparation.means),
            "preparation.shares": torch.from_numpy(self.preparation.shares),
            "validated": torch.from_numpy(self.validated),
        }
        if self.beside is not None:
            tensors |= self.beside.save(folder)
        if self.readers is not None:
            tensors |= {
                "readers.weights": torch.from_numpy(self.readers.weights),
                "readers.offsets": torch.from_numpy(self.readers.offsets),
            }
        save_file(tensors, folder / MODEL)
        (folder / RECORD).write_text(json.dumps(record))

    @classmethod
    def load(cls, folder: Path) -> "CellTypeClassifier":
        """Read what ``save`` wrote.

        Raises
        ------
        RunError
            It is not a classifier of this version.
        """
        try:
            record = json.loads((folder / RECORD).read_text())
            tensors = load_file(folder / MODEL)
        except (OSError, ValueError) as error:
            raise RunError(
                f"There is no classifier in '{folder.name}' ({error}).", hint="Choose another model."
            ) from error
        if not isinstance(record, dict) or (record.get("kind"), record.get("format")) != ("classifier", FORMAT):
            raise RunError(f"'{folder.name}' holds no classifier of this version.", hint="Train it again.")
        config = ClassifierConfig.build(record["config"])
        used, *learnt = (tensors.pop(f"preparation.{name}").numpy() for name in ("genes", "means", "shares"))
        preparation = Preparation(used, record["scaling"], record["largest"], *learnt)
        validated = tensors.pop("validated").numpy() if "validated" in tensors else np.zeros((2, 0))
        beside = ClearHead.load(folder, tensors)
        readers = None
        if "readers.weights" in tensors:
            readers = CircleReaders(*(tensors.pop(f"readers.{name}").numpy() for name in ("weights", "offsets")))
        network = _empty_network(config, len(preparation.genes), len(record["types"]))
        try:
            network.load_state_dict(tensors)
        except RuntimeError as error:
            raise RunError(f"The weights in '{folder.name}' do not fit its record.", hint="Train it again.") from error
        return cls(
            config=config,
            types=record["types"],
            genes=GeneNames(**record["genes"]),
            preparation=preparation,
            network=network.eval(),
            temperature=record["temperature"],
            beside=beside,
            validated=validated,
            readers=readers,
            metrics=record["metrics"],
            n_train=record["n_train"],
            provenance=record["provenance"],
        )


def _logarithms(probabilities: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.log(probabilities + LEAST_PROBABILITY))


def _shares(logits: torch.Tensor) -> np.ndarray:
    return np.asarray(torch.softmax(logits, dim=1).numpy())


def _empty_network(config: ClassifierConfig, n_genes: int, n_types: int) -> Network:
    """A network of the right shape, to be filled."""
    base = BASE_MODELS[config.base]
    encoder = base.encoder(n_genes).eval()
    width = int(encoder(torch.zeros(1, n_genes)).shape[1])
    component: Contrastive | None = None
    if config.component != "none":
        built = COMPONENTS[config.component].build(width, n_types, config)
        component, width = built, built.width
    if isinstance(component, CompetingComponent):
        return Network(encoder, component, component.head(torch.ones(n_types, dtype=torch.bool)))
    return Network(encoder, component, base.head(width, n_types))


def _dense_parts(inputs: sparse.csr_matrix, expected: np.ndarray | None = None) -> Iterator[torch.Tensor]:
    """Batches, with what is expected of genes that were not measured added."""
    more = np.float32(0) if expected is None or not expected.any() else expected
    for start in range(0, inputs.shape[0], INFERENCE_BATCH):
        yield torch.from_numpy(inputs[start : start + INFERENCE_BATCH].toarray() + more)


def _refuse_other_values(counts: sparse.csr_matrix) -> None:
    if counts.nnz and (not np.isfinite(counts.data).all() or counts.data.min() < 0):
        raise DataError(
            "The values hold negative or missing numbers; a classifier reads raw counts.",
            hint="Use a dataset with counts (layers['counts']).",
        )
