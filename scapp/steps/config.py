"""Choices of steps that combine rooms."""

from typing import Literal

from scapp.core import keys
from scapp.core.config import Config, setting
from scapp.data.config import ImportConfig
from scapp.data.samples.find import Sample

TYPES_FILE, TEST_FILE, PROBABILITIES_FILE = "types.csv", "test_cells.csv", "test_probabilities.npy"
"""What a classifier's run leaves beside its model: figures of each type, what was said of each test cell, and with
which probability
of each type, float32, shape (n_test, n_types)."""
ROWS_FILE = "rows.jsonl"
"""What an experiment found, a line per training: its tables are made from it."""
VALIDATION_FILE = "validation_cells.csv"
"""Probability of what was said of each validation cell, and whether it was true: thresholds are chosen on it."""
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


class ApplyConfig(Config):
    """Place cells by a trained CLEAR encoder."""

    model: str = setting("", title="Model", help="Folder of a finished run of CLEAR.", hidden=True)
    onto: str = setting("", title="Onto", help="Folder of the dataset on whose map cells are placed.", hidden=True)
    onto_places: str = setting(
        keys.representation("clear"), title="Its places", help="Where the model put that dataset's cells.", hidden=True
    )
    onto_map: str = setting(keys.umap("clear"), title="Its map", help="The map made of these places.", hidden=True)


class PredictConfig(Config):
    """Annotate a dataset with a classifier."""

    model: str = setting("", title="Model", help="Folder of a classifier.", hidden=True)
    threshold: float = setting(
        0.0,
        title="Minimum probability",
        help="Cells whose best type is less probable are called 'unassigned'.",
        ge=0,
        le=1,
    )
    most_wrong: float | None = setting(
        None,
        title="Accepted share of wrong names",
        help=(
            "Share of wrong names among those given that you accept, such as 0.05: as many cells as needed go without a"
            " name. It is chosen on the model's validation cells; other donors or laboratories are named wrongly more"
            " often."
        ),
        gt=0,
        le=0.5,
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


ORGANISMS = {
    "human": "NCBITaxon:9606",
    "mouse": "NCBITaxon:10090",
    "rat": "NCBITaxon:10116",
    "zebrafish": "NCBITaxon:7955",
    "fruit fly": "NCBITaxon:7227",
    "worm": "NCBITaxon:6239",
    "pig": "NCBITaxon:9823",
    "rhesus macaque": "NCBITaxon:9544",
}
"""Organisms of the CELLxGENE schema, by the names that people use."""

_TERM = "A term of the ontology ({}), or a column that holds one for each cell."


class CellxgeneConfig(Config):
    """What the CELLxGENE schema asks for and only the user knows; what is left empty is named in a note."""

    organism: Literal["human", "mouse", "rat", "zebrafish", "fruit fly", "worm", "pig", "rhesus macaque"] = setting(
        "human", title="Organism", help="The organism that the cells come from."
    )
    cell_type_key: str | None = setting(
        None,
        title="Cell types",
        help=(
            "A column of cell types: terms of the Cell Ontology (CL:0000084), or names, which the optional package"
            " cellxgene-ontology-guide matches with terms."
        ),
        column=True,
    )
    donor_key: str | None = setting(
        None, title="Donors", help="A column that names the donor of each cell.", column=True
    )
    assay: str | None = setting(None, title="Assay", help=_TERM.format("EFO:0009922 is 10x 3' v3"))
    tissue: str | None = setting(None, title="Tissue", help=_TERM.format("UBERON:0000178 is blood"))
    tissue_type: Literal["tissue", "organoid", "primary cell culture", "cell line"] = setting(
        "tissue", title="Kind of tissue", help="What the cells were taken from."
    )
    suspension: Literal["cell", "nucleus", "na"] = setting(
        "cell", title="Suspension", help="Whether whole cells or nuclei were sequenced."
    )
    disease: str | None = setting(None, title="Disease", help=_TERM.format("PATO:0000461 is healthy"))
    development_stage: str | None = setting(
        None, title="Development stage", help=_TERM.format("HsapDv:0000258 is mature; 'unknown' is allowed")
    )
    ethnicity: str | None = setting(
        None,
        title="Self-reported ethnicity",
        help=_TERM.format("HANCESTRO; 'unknown' is allowed; 'na' for other organisms than human"),
    )
    sex: str | None = setting(None, title="Sex", help=_TERM.format("PATO:0000383 is female, PATO:0000384 male"))
    is_primary_data: bool = setting(
        True, title="First publication", help="Whether these cells have not been published on CELLxGENE before."
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
    cellxgene: CellxgeneConfig = CellxgeneConfig()
    file_name: str = setting("dataset.h5ad", title="File name", help="Name of the file to download.", hidden=True)
