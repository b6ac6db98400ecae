"""Representations that are compared: each made from the same normalised values, with a seed."""

import contextlib
import importlib.util
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd
from scipy import sparse

from scapp.clear.augment.augmentations import AUGMENTATIONS
from scapp.clear.config import ClearConfig, clear_config
from scapp.clear.train import train_clear
from scapp.core.errors import ConfigError, DataError, MissingDependencyError, listed
from scapp.core.step_context import QuietContext, StepContext
from scapp.data.config import PrepareConfig
from scapp.data.qc.harmony import harmony
from scapp.data.qc.preprocessing import normalise
from scapp.data.qc.principal_components import principal_components
from scapp.data.qc.variable_genes import highly_variable
from scapp.metrics.tuned_harmony import tuned_harmony
from scapp.steps.evaluate.config import METHOD_TITLES, NEED_BATCHES, PACKAGES, STORED, WHOLE, WITHOUT, SweepTask


@dataclass(frozen=True)
class Material:
    """What every method starts from.

    Parameters
    ----------
    log_values
        log1p of normalised values, shape (n_cells, n_genes).
    counts
        Raw counts of the same shape, if there are any.
    genes
        The highly variable ones, bool, shape (n_genes,).
    batches
        Codes, shape (n_cells,), or None.
    stored
        Representations of the dataset by name.
    preparation
        How genes were chosen and components computed.
    """

    log_values: sparse.csr_matrix
    counts: sparse.csr_matrix | None
    genes: np.ndarray
    batches: np.ndarray | None
    preparation: PrepareConfig
    stored: Mapping[str, np.ndarray] = field(default_factory=dict)

    def prepared_again(self, counts: sparse.csr_matrix) -> "Material":
        """The same cells with other counts: normalised, and genes chosen, anew. Stored representations do not belong to
        them.
        """
        log_values = normalise(counts, self.preparation.target_sum)
        genes = highly_variable(log_values, counts, self.preparation)
        return replace(self, log_values=log_values, counts=counts, genes=genes, stored={})


@dataclass(frozen=True)
class Making:
    """How one representation is made."""

    material: Material
    clear: ClearConfig
    seed: int
    device: str
    context: StepContext


class _Silent(QuietContext):
    """Training inside a comparison: stopped with it, and says nothing of its own."""

    def __init__(self, outer: StepContext) -> None:
        self.outer = outer

    def stop_requested(self) -> bool:
        return self.outer.stop_requested()


def _pca(making: Making) -> np.ndarray:
    config = making.material.preparation.model_copy(update={"seed": making.seed})
    return principal_components(making.material.log_values, making.material.genes, config)


def _hvg(making: Making) -> np.ndarray:
    return np.asarray(making.material.log_values[:, making.material.genes].toarray(), dtype=np.float32)


def _batches(making: Making) -> np.ndarray:
    if making.material.batches is None:
        raise ConfigError("This method needs batches.", hint="Choose the batch column, or leave the method out.")
    return making.material.batches


def _harmony(making: Making) -> np.ndarray:
    return harmony(_pca(making), _batches(making), seed=making.seed)


def _harmony_tuned(making: Making) -> np.ndarray:
    return tuned_harmony(_pca(making), _batches(making), seed=making.seed)


def _scvi(making: Making) -> np.ndarray:
    if making.material.counts is None:
        raise DataError("scVI models raw counts, and this dataset has none.", hint="Leave scVI out.")
    import anndata as ad
    import scvi

    scvi.settings.seed = making.seed
    adata = ad.AnnData(making.material.counts[:, making.material.genes].copy())
    key = None
    if making.material.batches is not None:
        adata.obs["batch"] = pd.Categorical(making.material.batches)
        key = "batch"
    scvi.model.SCVI.setup_anndata(adata, batch_key=key)
    model = scvi.model.SCVI(adata)
    model.train(accelerator="gpu" if making.device.startswith("cuda") else "cpu", enable_progress_bar=False)
    return np.asarray(model.get_latent_representation(), dtype=np.float32)


def _concord(making: Making) -> np.ndarray:
    import anndata as ad
    import concord

    adata = ad.AnnData(making.material.log_values[:, making.material.genes].copy())
    adata.var_names = [f"gene{i}" for i in range(adata.n_vars)]
    key = None
    if making.material.batches is not None:
        adata.obs["batch"] = pd.Categorical(making.material.batches.astype(str))
        key = "batch"
    with contextlib.redirect_stdout(io.StringIO()):  # it prints every epoch
        model = concord.Concord(adata, save_dir=None, domain_key=key, seed=making.seed, device=making.device)
        model.fit_transform(output_key="X_concord")
    return np.asarray(adata.obsm["X_concord"], dtype=np.float32)


def _clear(making: Making, *, batches: bool = False) -> np.ndarray:
    material, config = making.material, making.clear.model_copy(update={"seed": making.seed})
    totals = None
    if config.augmentation.thin_probability > 0 and material.counts is not None:
        totals = np.asarray(material.counts.sum(axis=1), dtype=np.float32).ravel()
    if batches:
        config = config.model_copy(update={"batch_key": "batch"})
    result = train_clear(
        material.log_values[:, material.genes],
        config,
        _Silent(making.context),
        device=making.device,
        batches=_batches(making) if batches else None,
        totals=totals,
        target_sum=material.preparation.target_sum,
    )
    return result.embedding


def _clear_batch(making: Making) -> np.ndarray:
    return _clear(making, batches=True)


def _of_preset(making: Making, preset: str) -> np.ndarray:
    """A published CLEAR with its own epochs, whatever the comparison's CLEAR is."""
    return _clear(replace(making, clear=clear_settings(preset, None, making.material)))


MAKERS: dict[str, Callable[[Making], np.ndarray]] = {
    "pca": _pca,
    "hvg": _hvg,
    "harmony": _harmony,
    "harmony_tuned": _harmony_tuned,
    "scvi": _scvi,
    "concord": _concord,
    "clear": _clear,
    "clear_batch": _clear_batch,
    "clear_paper": partial(_of_preset, preset="paper"),
    "clear_authors": partial(_of_preset, preset="authors_code"),
}
SEEDLESS = ("hvg",)
"""Methods whose result is the same for every seed, and those that are stored: run once."""


def check_methods(methods: tuple[str, ...], material: Material) -> None:
    """Refuse methods that cannot be run on this dataset, before anything takes time.

    Raises
    ------
    ConfigError
        No method, an unknown one, or one that needs batches where there are none.
    """
    known = [*METHOD_TITLES, *(STORED + name for name in material.stored)]
    unknown = [method for method in methods if method not in known]
    if unknown or not methods:
        raise ConfigError(
            f"There is no method {listed(unknown)}; there are {listed(known, 20)}.", hint="Choose methods among these."
        )
    needing = [method for method in methods if method in NEED_BATCHES and material.batches is None]
    if needing:
        raise ConfigError(
            f"{listed(needing)} need batches, and no batch column was chosen.", hint="Choose one, or leave them out."
        )
    for method in methods:
        module, package = PACKAGES.get(method, ("scapp", ""))
        if importlib.util.find_spec(module) is None:
            raise MissingDependencyError(
                f"{METHOD_TITLES[method]} is not installed.",
                hint=f"Install {package} beside scapp (pip install {package}), or leave it out.",
            )


def seeds_of(method: str, seeds: range) -> range:
    """Seeds that a method is run with."""
    return seeds[:1] if method in SEEDLESS or method.startswith(STORED) else seeds


def represent(method: str, making: Making) -> np.ndarray:
    """The representation of every cell by a method, shape (n_cells, d)."""
    if method.startswith(STORED):
        return making.material.stored[method.removeprefix(STORED)]
    return MAKERS[method](making)


def clear_settings(preset: str, epochs: int | None, material: Material) -> ClearConfig:
    """CLEAR's settings in a comparison; molecules are not thinned where there are no counts."""
    changes: dict[str, object] = {} if epochs is None else {"epochs": epochs}
    if material.counts is None:
        changes["augmentation"] = {"thin_probability": 0.0}
    return clear_config(preset, **changes)


def ablations(config: ClearConfig, *, alone: bool) -> dict[str, ClearConfig]:
    """CLEAR as it is, without each augmentation that is on, and with each alone; title -> settings."""
    on = [a for a in AUGMENTATIONS if getattr(config.augmentation, f"{a.id}_probability") > 0]
    found = {WHOLE: config}
    for one in on:
        found[f"{WITHOUT}{one.title.lower()}"] = _with(config, {f"{one.id}_probability": 0.0})
    if alone and len(on) > 1:
        for one in on:
            off = {f"{other.id}_probability": 0.0 for other in on if other is not one}
            found[f"{one.title.lower()} alone"] = _with(config, off)
    return found


def sweep_of(config: ClearConfig, task: SweepTask) -> dict[tuple[float, float], ClearConfig]:
    """CLEAR with one augmentation at every share and probability of a grid, the others as they are; (share,
    probability) -> settings.
    """
    name = task.augmentation
    return {
        (share, probability): _with(config, {f"{name}_share": share, f"{name}_probability": probability})
        for share in task.shares
        for probability in task.probabilities
    }


def _with(config: ClearConfig, changes: dict[str, float]) -> ClearConfig:
    return config.model_copy(update={"augmentation": config.augmentation.model_copy(update=changes)})
