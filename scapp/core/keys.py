"""The one definition of where things stand in a dataset.

A slot is a path such as ``obs/total_counts`` or ``obsm/X_pca``: the AnnData field, a slash, the key.
Single-valued fields (``X``, ``obs_names``) have no slash. Keys may hold any character, so a slot is
split at its first slash only and never becomes part of a path on disk.
"""

from collections.abc import Collection, Iterable

OBS_NAMES = "obs_names"
VAR_NAMES = "var_names"
X = "X"
X_BY_GENE = "X_by_gene"
"""CSC copy of ``X`` in datasets of before 0.2; since then a matrix is stored in both orders."""

COUNTS = "layers/counts"
PROTEIN_COUNTS = "obsm/protein_counts"
PROTEIN_NAMES = "uns/protein_names"
"""Antibody counts beside the genes, and what they are called."""
EXPRESSION = "layers/expression"
"""Non-negative values that are not whole counts and not logged (RPKM, TPM, FPKM)."""

TOTAL_COUNTS = "total_counts"
N_GENES = "n_genes_by_counts"
PCT_MT = "pct_counts_mt"
PCT_RIBO = "pct_counts_ribo"
PCT_ERCC = "pct_counts_ercc"
DOUBLET_SCORE = "doublet_score"
HIGHLY_VARIABLE = "highly_variable"
PREPARATION = "uns/preparation"

SELECTION = "selection"
"""Stands for the column of a comparison of two selections."""
WRITTEN_COLUMNS = ("leiden", "louvain", "kmeans")
WRITTEN_EMBEDDINGS = ("X_pca", "X_umap", "X_tsne", "X_clear")
MEASURED = (TOTAL_COUNTS, N_GENES, PCT_MT, PCT_RIBO, PCT_ERCC)

FIELDS = ("obs", "var", "obsm", "varm", "obsp", "layers", "uns")

PCA_LOADINGS = "varm/PCs"
"""Loadings of X_pca (scanpy's name), zero for genes that are not highly variable."""
ANNOTATED_LABELS = ("cell_type", "celltype", "bulk_labels", "labels", "cell_group")
"""Columns that usually hold known types, not clusters."""
SUGGESTED_LABELS = (
    *ANNOTATED_LABELS,
    "louvain_from_file",
    "leiden_from_file",
    "louvain",
    "leiden",
)
CONDITIONS = ("condition", "disease", "treatment", "stim", "age")
"""Columns that usually say what an experiment is about."""
MLS = "obsm/X_mls"
"""Unit vectors on the circle of each type, side by side; ``uns/mls`` names the types."""
MLS_TYPES = "uns/mls"
PREDICTED = "obs/predicted_cell_type"
PREDICTED_PROBABILITY = "obs/predicted_probability"
PREDICTED_BROAD = "obs/predicted_broad_type"
SUGGESTED_DONORS = (
    "donor_id",
    "donor",
    "individual",
    "patient",
    "subject",
    "animal",
    "mouse_id",
    "sample",
    "orig.ident",
)
"""Columns that usually say who the cells come from; a sample stands in where nothing else does."""
STUDY = "uns/study"
COMPOSITION, COMPOSITION_TESTS = "uns/composition", "uns/composition_tests"
PLACED_MAP, PLACED_DISTANCE = "obsm/X_umap_reference", "obs/distance_to_reference"
"""Cells on the map of the dataset whose encoder placed them, and how far they are from its cells."""
GENE_SET_SCORES = "uns/gene_set_scores"
"""What the score columns of ``obs`` stand for."""
SUGGESTED_BATCHES = (
    "batch",
    "batch_id",
    "plate",
    "library",
    "run",
    "sample",
    "sample_id",
    "orig.ident",
    *SUGGESTED_DONORS[:4],
)
"""Columns that usually say what was processed together, technical ones first."""
SUGGESTED_SAMPLES = ("sample", "batch", "donor_id", "donor")


def is_matrix(slot: str) -> bool:
    """Whether a slot holds values of cells by genes."""
    return slot == X or slot.startswith("layers/")


def obs(column: str) -> str:
    """Slot of a cell annotation."""
    return f"obs/{column}"


def var(column: str) -> str:
    """Slot of a gene annotation."""
    return f"var/{column}"


def parts(name: str) -> str:
    """Slot of what stands beside what in a representation: ``clear`` is ``uns/clear_parts``, part -> first column and
    the one after the last.
    """
    return f"uns/{name}_parts"


def representation(name: str) -> str:
    """Slot of a representation: ``clear`` is ``obsm/X_clear``."""
    return f"obsm/X_{name}"


def umap(name: str | None = None) -> str:
    """Slot of the map made from a representation; without a name, of the last map made."""
    return drawn("umap", name)


def from_file(name: str) -> str:
    """Name of an embedding that came with a file under a name that steps write to: ``X_umap`` is ``X_file_umap``."""
    return f"X_file_{name.removeprefix('X_')}"


def drawn(method: str, name: str | None = None) -> str:
    """Slot of a map by its method: ``obsm/X_tsne_pca``; without a name, of the last one made."""
    return f"obsm/X_{method}_{name}" if name else f"obsm/X_{method}"


def faithfulness(method: str, name: str) -> str:
    """Slot that says how faithful a map is to its representation."""
    return f"uns/faithfulness_{method}_{name}"


def graph(name: str) -> str:
    """Slot of the neighbour graph made from a representation."""
    return f"obsp/connectivities_{name}"


def distances(name: str) -> str:
    """Slot of the distances to the neighbours of that graph."""
    return f"obsp/distances_{name}"


def markers(column: str) -> str:
    """Slot of the table of marker genes of an annotation's groups."""
    return f"uns/markers_{column}"


def differential(name: str) -> str:
    """Slot of the genes of one comparison of conditions."""
    return f"uns/de_{name}"


def differentials(slots: Iterable[str]) -> list[str]:
    """Names of the comparisons of conditions among slots, in the order of writing."""
    return [key.removeprefix("de_") for key in names_in(slots, "uns") if key.startswith("de_")]


def about_differential(name: str) -> str:
    """Slot that says what was compared with what, and how."""
    return f"uns/about_de_{name}"


def enrichment(name: str) -> str:
    """Slot of the pathways of one comparison."""
    return f"uns/enrichment_{name}"


def of_a_study(slot: str) -> bool:
    """Whether a slot holds results of comparing conditions, which rest on the cells that were there."""
    starts = ("uns/de_", "uns/about_de_", "uns/enrichment_")
    return slot in (STUDY, COMPOSITION, COMPOSITION_TESTS, GENE_SET_SCORES) or slot.startswith(starts)


def sweep(name: str) -> str:
    """Slot of the table of a sweep over resolutions on a representation."""
    return f"uns/sweep_{name}"


def clusters(method: str, name: str | None = None) -> str:
    """Slot of clusters: ``obs/leiden_clear``; without a name, of the last ones made."""
    return f"obs/{method}_{name}" if name else f"obs/{method}"


def suggested(column: str) -> str:
    """Slot of the names that are suggested for the groups of an annotation: ``obs/suggested_leiden_clear``."""
    return f"obs/suggested_{column}"


def colours(column: str) -> str:
    """Slot of a column's colours, in category order (scanpy's convention)."""
    return f"uns/{column}_colors"


def split(slot: str) -> tuple[str, str | None]:
    """``"obs/a/b"`` is ``("obs", "a/b")``; ``"X"`` is ``("X", None)``."""
    field, _, key = slot.partition("/")
    return (field, key) if key else (slot, None)


def names_in(slots: Iterable[str], field: str) -> list[str]:
    """Keys of a field, in the order in which they were written."""
    return [key for slot in slots for head, key in [split(slot)] if head == field and key is not None]


def representations(slots: Iterable[str]) -> list[str]:
    """Names of the representations among slots; maps and other two-dimensional plots are left out."""
    found = [key[2:] for key in names_in(slots, "obsm") if key.startswith("X_")]
    return [name for name in found if not name.removeprefix("file_").startswith(("umap", "tsne", "draw_graph"))]


def has_umap(slots: Collection[str]) -> bool:
    """Whether slots hold the UMAP of any representation."""
    return any(umap(name) in slots for name in representations(slots))


def maps(slots: Collection[str]) -> list[str]:
    """Slots of the maps that were made of a representation, in the order of writing."""
    return [f"obsm/{key}" for key in names_in(slots, "obsm") if key.startswith(("X_umap_", "X_tsne_"))]


def suggest(columns: Iterable[str], wanted: Iterable[str]) -> str | None:
    """First of the wanted column names that is there, else None."""
    present = set(columns)
    return next((name for name in wanted if name in present), None)


TYPE_COLUMNS = (*ANNOTATED_LABELS, "predicted_cell_type", "suggested_leiden_clear", "suggested_leiden_pca")
"""Columns that name cell types, those first that are known best; their colours hold for other columns."""
