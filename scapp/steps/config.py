"""Choices of steps that combine rooms."""

from typing import Literal

from scapp.core.config import Config, setting
from scapp.data.config import ImportConfig
from scapp.data.samples.find import Sample

TYPES_FILE, TEST_FILE, PROBABILITIES_FILE = "types.csv", "test_cells.csv", "test_probabilities.npy"
"""What a classifier's run leaves beside its model: figures of each type, what was said of each test cell, and with
which probability
of each type, float32, shape (n_test, n_types)."""
ROWS_FILE = "rows.jsonl"
"""What an experiment found, a line per training: its tables are made from it."""
CIRCLE_PROBABILITIES_FILE = "test_circle_probabilities.npy"
"""Of MLS-CC, each type's probability from its own circle alone, as ``PROBABILITIES_FILE``."""
RELIABLE_SHARE = 0.8
"""Of a model's input that a dataset should have genes for."""


class ImportRequest(ImportConfig):
    """What to import: a file that is already on this machine, or an example."""

    path: str | None = setting(None, title="File", help="A file or folder on the machine that runs scapp.", hidden=True)
    example: str | None = setting(None, title="Example", help="Id of an example dataset.", hidden=True)
    public: str | None = setting(None, title="Public set", help="Id of a public dataset to download.", hidden=True)
    download_folder: str | None = setting(
        None, title="Download folder", help="Where downloaded files are kept.", hidden=True
    )
    samples: tuple[Sample, ...] = setting(
        (), title="Samples", help="Samples of a folder or archive, with their annotations.", hidden=True
    )
    labels: str | None = setting(None, title="Labels", help="A table whose first column holds cell names.", hidden=True)
    name: str = setting("", title="Name", help="Name of the new dataset.", hidden=True)
    upload_folder: str | None = setting(
        None, title="Upload folder", help="Folder with the uploaded copy, deleted after the import.", hidden=True
    )


class PredictConfig(Config):
    """Annotate a dataset with a classifier."""

    model: str = setting("", title="Model", help="Folder of a classifier.", hidden=True)
    threshold: float = setting(
        0.0,
        title="Least probability",
        help="Cells whose best type is less probable are called 'unassigned'.",
        ge=0,
        le=1,
    )
    vote_key: str | None = setting(
        None,
        title="Majority vote over",
        help="A column of clusters: all cells of a cluster then get the type that most of them have.",
        column=True,
    )
    broader: bool = setting(
        False,
        title="Offer broader types",
        help=(
            "Where no type reaches the least probability (0.5 if none is set), a broader term of the Cell Ontology that"
            " does, in `predicted_broad_type`. Needs the package cellxgene-ontology-guide."
        ),
    )
    label_key: str | None = setting(
        None,
        title="Labels to compare with",
        help="A column of known types of this dataset: adds scores over the types that both know.",
        column=True,
    )


class ExportConfig(Config):
    """What is written."""

    flavour: Literal["everything", "cellxgene", "tables", "report", "study"] = setting(
        "everything",
        title="What",
        help=(
            "'everything' is the dataset as AnnData; 'cellxgene' has counts in .raw and the schema's names; 'tables'"
            " are all tables as CSV; 'report' is a page to read, 'study' one on conditions and donors."
        ),
    )
    file_name: str = setting("dataset.h5ad", title="File name", help="Name of the file to download.", hidden=True)
