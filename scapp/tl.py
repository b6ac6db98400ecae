"""Learn from data: CLEAR, cell-type classifiers and their circles, comparisons of representations.

The functions carry out the steps of the web app and of the command line, with the same results.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import anndata as ad
import numpy as np
import pandas as pd

from scapp.classify.config import ClassifierConfig
from scapp.clear.config import Preset, clear_config
from scapp.clear.onto_map import on_the_map_of
from scapp.core import keys
from scapp.core.errors import ConfigError, DataError, listed
from scapp.jobs.in_memory import run_step, write_values
from scapp.steps.catalogue import step
from scapp.steps.config import ApplyConfig, PredictConfig
from scapp.steps.step import Outcome

if TYPE_CHECKING:
    from scapp.classify.classifier import CellTypeClassifier

__all__ = ["apply_clear", "circles", "classify", "clear", "compare", "predict"]

Task = Literal["clustering", "dropout", "batch", "pseudotime", "ablation", "sweep"]


def clear(
    adata: ad.AnnData,
    *,
    preset: Preset = "recommended",
    batch_key: str | None = None,
    label_key: str | None = None,
    epochs: int | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    key_added: str = "X_clear",
    device: str = "auto",
    processes: int = 0,
    model_dir: str | Path | None = None,
    progress: bool = True,
    copy: bool = False,
) -> ad.AnnData | None:
    """Train CLEAR and embed every cell.

    Parameters
    ----------
    adata
        Log-normalised values in ``X``, and which genes to read in ``var["highly_variable"]``: see
        ``scapp.pp.prepare``, or scanpy's own functions.
    preset
        What settings start from: ``recommended``, ``paper`` or ``authors_code``.
    batch_key
        Column of ``obs`` whose differences are to be removed.
    label_key
        Column of known types; agreement with it is measured, nothing is learnt from it.
    epochs
        None leaves them to the preset.
    seed
        Equal seeds give equal results with equal threads, versions and device.
    settings
        Other settings of ``scapp clear``, by their names; ``augmentation`` is a mapping of its own.
    key_added
        Where in ``obsm`` the representation goes.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    processes
        That train together; 0 is one, or on several GPUs as many as are worth it.
    model_dir
        Folder for the trained encoder (safetensors and JSON); not kept where none is given.
    progress
        Whether to say on standard error how far it is.
    copy
        Whether to return a changed copy instead of changing ``adata``.

    Returns
    -------
    The copy, or None. Written are ``obsm[key_added]``, shape (n_cells, d), and ``uns["clear"]``: ``config``
    (JSON), ``genes`` (those that were read), ``columns`` (which columns are PCA and which CLEAR's own, where both are
    there), ``history`` (a row per epoch) and the summary's numbers.

    Raises
    ------
    ScappError
        Something is missing or out of bounds, or training diverged.

    References
    ----------
    Han et al. 2022, Briefings in Bioinformatics 23(5): bbac377, for the presets ``paper`` and ``authors_code``.
    """
    adata = adata.copy() if copy else adata
    changes = {**(settings or {}), "batch_key": batch_key, "label_key": label_key, "seed": seed}
    if epochs is not None:
        changes["epochs"] = epochs
    config = clear_config(preset, **changes)
    folder = Path(model_dir) if model_dir is not None else None
    outcome, rows = run_step(
        adata, "clear", config, device=device, processes=processes, progress=progress, folder=folder
    )
    genes = adata.var_names[adata.var[keys.HIGHLY_VARIABLE].to_numpy(dtype=bool)]
    kept = {name: value for name, value in outcome.summary.items() if name != "representation"}
    values = {
        f"obsm/{key_added}": outcome.values[keys.representation("clear")],
        "uns/clear": {
            "config": config.to_json(),
            "genes": genes.to_numpy(dtype=object),
            "history": pd.DataFrame(rows),
            "key_added": key_added,
            "columns": outcome.values.get(keys.parts("clear"), {}),
            **kept,
        },
    }
    write_values(adata, "clear", config, values, outcome.summary, device=device)
    return adata if copy else None


def apply_clear(
    adata: ad.AnnData,
    model_dir: str | Path,
    *,
    key_added: str = "X_clear_applied",
    onto: ad.AnnData | None = None,
    onto_rep: str = "X_clear",
    onto_map: str = "X_umap",
    device: str = "auto",
    copy: bool = False,
) -> ad.AnnData | None:
    """Place cells by an encoder that ``clear(model_dir=...)`` has trained on other cells.

    Parameters
    ----------
    adata
        Raw counts in ``layers["counts"]``, or log-normalised values in ``X``. Genes are matched by name, id or symbol;
        those that are missing are zero.
    model_dir
        Folder of the trained encoder.
    key_added
        Where in ``obsm`` the representation goes.
    onto
        The cells that the encoder was trained on; cells are then placed on their map too.
    onto_rep, onto_map
        Where in ``onto.obsm`` the encoder's representation is, and the map that was made of it.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    copy
        Whether to return a changed copy instead of changing ``adata``.

    Returns
    -------
    The copy, or None. Written are ``obsm[key_added]``, shape (n_cells, d), in the space of the trained cells, and
    ``uns[key_added]`` with the number of genes that were found; with ``onto`` also ``obsm["X_umap_reference"]``, the
    cells on its map, and ``obs["distance_to_reference"]`` (above 1 it has nothing like the cell).

    Raises
    ------
    DataError
        The folder holds no trained encoder, the data neither counts nor normalised values, or ``onto`` no places of
        this encoder, or no map.
    """
    adata = adata.copy() if copy else adata
    config = ApplyConfig(model=str(Path(model_dir).resolve()))
    outcome, _ = run_step(adata, "apply", config, device=device)
    values = {
        f"obsm/{key_added}": outcome.values[keys.representation("clear_applied")],
        f"uns/{key_added}": {name: value for name, value in outcome.summary.items() if name != "representation"},
    }
    if onto is not None:
        lacking = [key for key in (onto_rep, onto_map) if key not in onto.obsm]
        if lacking:
            raise DataError(
                f"'onto' has no obsm of {listed(lacking)}.",
                hint="Run scapp.tl.clear, sc.pp.neighbors(onto, use_rep=onto_rep) and sc.tl.umap on it.",
            )
        where, points = np.asarray(onto.obsm[onto_rep]), np.asarray(onto.obsm[onto_map])
        values |= on_the_map_of(values[f"obsm/{key_added}"], where, points)
    write_values(adata, "apply", config, values, outcome.summary, device=device)
    return adata if copy else None


def classify(
    adata: ad.AnnData,
    label_key: str,
    *,
    base: Literal["lr", "actinn", "scdae"] = "lr",
    component: Literal["none", "mlp", "mls", "competing"] = "none",
    clear: str | Path | None = None,
    hold_out_key: str | None = None,
    preset: Literal["recommended", "thesis"] = "recommended",
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    model_dir: str | Path | None = None,
    progress: bool = True,
) -> "CellTypeClassifier":
    """Train a cell-type classifier on labelled cells.

    Parameters
    ----------
    adata
        Raw counts in ``layers["counts"]``, or in ``X``.
    label_key
        Column of ``obs`` that names cell types; cells without one are not learnt from.
    base
        Logistic regression, ACTINN or scDAE.
    component
        Contrastive component between encoder and head: none, MLP-CC, MLS-CC or circles that compete.
    clear
        Folder of a trained CLEAR (``model_dir`` of ``scapp.tl.clear``). What it says of cells is multiplied with what
        the classifier says, which helps where few cells have a label.
    hold_out_key
        Column of ``obs`` (donors, samples) of which whole groups are kept for testing.
    preset
        ``recommended``, or ``thesis``: base models and components as the thesis has them.
    seed
        Equal seeds give equal results with equal threads, versions and device.
    settings
        Other settings of ``scapp classify fit``, by their names.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    model_dir
        Folder in which the classifier and its tables are kept; none where it is not given.
    progress
        Whether to say on standard error how far it is.

    Returns
    -------
    The classifier; ``metrics`` holds its figures on test cells. ``scapp.tl.predict`` annotates with it.

    Raises
    ------
    ScappError
        There are no counts, too few cells of too many types, or a setting is out of bounds.

    References
    ----------
    Howard-Snyder 2022 for MLP-CC and MLS-CC.
    """
    beside = {} if clear is None else {"clear": str(Path(clear).resolve())}
    settings = {"preset": preset, **(settings or {}), **beside}
    config = _classifier_config(label_key, base, component, hold_out_key, seed, settings)
    classifier, _ = _fitted(adata, config, device=device, model_dir=model_dir, progress=progress)
    return classifier


def circles(
    adata: ad.AnnData,
    label_key: str,
    *,
    component: Literal["mls", "competing"] = "mls",
    base: Literal["lr", "actinn", "scdae"] = "lr",
    hold_out_key: str | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    model_dir: str | Path | None = None,
    progress: bool = True,
) -> "CellTypeClassifier":
    """Train a classifier with circles, and place every cell on the circle of each type.

    Parameters are those of ``scapp.tl.classify``, with a ``component`` that has circles: the thesis's MLS-CC, or
    circles that compete for each cell and are read like gauges.

    Returns
    -------
    The classifier. Written are ``obsm["X_mls"]``, unit vectors of shape (n_cells, n_types * dims), and
    ``uns["mls"]``, a table of ``type`` and ``dims``; ``scapp.pl.circles`` draws them.

    Raises
    ------
    ScappError
        There are no counts, too few cells of too many types, or a setting is out of bounds.

    References
    ----------
    Howard-Snyder 2022, multi-latent-space contrastive component.
    """
    config = _classifier_config(label_key, base, component, hold_out_key, seed, settings)
    classifier, outcome = _fitted(adata, config, device=device, model_dir=model_dir, progress=progress)
    write_values(adata, "classify", config, outcome.values, outcome.summary, device=device)
    return classifier


def predict(
    adata: ad.AnnData,
    model: "CellTypeClassifier | str | Path",
    *,
    threshold: float = 0.0,
    most_wrong: float | None = None,
    vote_key: str | None = None,
    label_key: str | None = None,
    broader: bool = False,
    copy: bool = False,
) -> ad.AnnData | None:
    """Annotate cells with a trained classifier.

    Parameters
    ----------
    adata
        Raw counts in ``layers["counts"]``, or in ``X``; genes are matched by name, id or symbol.
    model
        A classifier, or the folder that holds one.
    threshold
        Probability below which a cell is ``unassigned``.
    most_wrong
        Share of wrong names among those given that is accepted; the threshold is raised until the model's validation
        cells keep to it.
    vote_key
        Column of clusters; each cluster gets the type that most of its cells have.
    label_key
        Column of known types to compare with.
    broader
        Whether uncertain cells get a broader type of the Cell Ontology (extra ``ontology``).
    copy
        Whether to return a changed copy instead of changing ``adata``.

    Returns
    -------
    The copy, or None. Written are ``obs["predicted_cell_type"]`` and ``obs["predicted_probability"]``, and
    ``uns["predicted"]`` with how many genes were found and, with ``label_key``, how well labels agree.

    Raises
    ------
    ScappError
        Too few of the model's genes are there, or there are no counts.
    """
    adata = adata.copy() if copy else adata
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if not isinstance(model, (str, Path)):
            model.save(folder)
        config = PredictConfig.build(
            {
                "model": str(folder if not isinstance(model, (str, Path)) else model),
                "threshold": threshold,
                "most_wrong": most_wrong,
                "vote_key": vote_key,
                "label_key": label_key,
                "broader": broader,
            }
        )
        outcome, _ = run_step(adata, "predict", config)
    write_values(adata, "predict", config, outcome.values, outcome.summary)
    adata.uns["predicted"] = {name: value for name, value in outcome.summary.items() if not isinstance(value, list)}
    return adata if copy else None


def compare(
    adata: ad.AnnData,
    task: Task = "clustering",
    *,
    label_key: str | None = None,
    batch_key: str | None = None,
    methods: Sequence[str] = ("pca", "clear"),
    n_seeds: int = 3,
    stages: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    output: str | Path | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Compare representations of the same cells.

    Parameters
    ----------
    adata
        As for ``scapp.tl.clear``; ``dropout`` also needs counts in ``layers["counts"]``.
    task
        What is compared: clusters against labels, the same with counts lost, the mixing of batches, the order
        of stages, CLEAR without each of its augmentations, or with one at several shares and probabilities.
    label_key
        Column of known types or stages.
    batch_key
        Column of batches.
    methods
        ``pca``, ``hvg``, ``harmony``, ``harmony_tuned``, ``scvi`` and ``concord`` (extra ``peers``), ``clear``,
        ``clear_batch``, ``clear_paper``, ``clear_authors``, or ``stored:NAME`` for ``obsm["X_NAME"]``.
    n_seeds
        How often each method is run.
    stages
        Levels of the labels in order, the first at the root, for ``pseudotime``.
    settings
        Other settings of ``scapp evaluate``, by their names.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    output
        Folder for all tables; only the summary is returned where none is given.
    progress
        Whether to say on standard error how far it is.

    Returns
    -------
    Means over seeds, a row per method (and clusterer, and share lost).

    Raises
    ------
    ScappError
        Something that the task needs is missing.
    """
    tasks = get_args(Task)
    if task not in tasks:
        raise ConfigError(f"There is no comparison '{task}'.", hint=f"Choose one of: {', '.join(tasks)}.")
    record = step(f"evaluate_{task}")
    chosen: dict[str, Any] = {**(settings or {}), "label_key": label_key, "n_seeds": n_seeds}
    if task not in ("ablation", "sweep"):
        chosen["methods"] = tuple(methods)
    if task in ("batch", "pseudotime") and batch_key is not None:
        chosen["batch_key"] = batch_key
    if stages:
        chosen["stages"] = tuple(stages)
    config = record.config.build(chosen)
    folder = Path(output) if output is not None else None
    outcome, _ = run_step(adata, record.name, config, device=device, progress=progress, folder=folder)
    return pd.DataFrame(outcome.summary["rows"])


def _classifier_config(
    label_key: str,
    base: str,
    component: str,
    hold_out_key: str | None,
    seed: int,
    settings: Mapping[str, Any] | None,
) -> ClassifierConfig:
    return ClassifierConfig.build(
        {
            **(settings or {}),
            "label_key": label_key,
            "base": base,
            "component": component,
            "hold_out_key": hold_out_key,
            "seed": seed,
        }
    )


def _fitted(
    adata: ad.AnnData, config: ClassifierConfig, *, device: str, model_dir: str | Path | None, progress: bool
) -> "tuple[CellTypeClassifier, Outcome]":
    from scapp.classify.classifier import CellTypeClassifier

    with tempfile.TemporaryDirectory() as place:
        folder = Path(model_dir) if model_dir is not None else Path(place)
        outcome, _ = run_step(adata, "classify", config, device=device, progress=progress, folder=folder)
        return CellTypeClassifier.load(folder), outcome
