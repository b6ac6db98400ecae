"""Sentences of the home page, for biologists and classes."""

from scapp.core.files import size_in_words

WHAT_IS_SCAPP = (
    "scapp takes a count matrix from single-cell RNA-seq, trains **CLEAR** on it (self-supervised contrastive "
    "learning: a network learns to recognise a cell after its profile was distorted), and shows the cells on a map."
)
OWN_DATA = (
    "**Your own data**  \nA count matrix: 10x folders and `.h5`, `.h5ad`, `.rds`, `.loom`, tables and more. *Analyse*"
    " leads to a map with named clusters by itself; *Import* lets you choose every step."
)
READ_ONLY = (
    "This workspace is read-only: datasets can be looked at and downloaded, and nothing can be imported, run or"
    " changed. To work in it, make its folder writable, or start scapp with another workspace (--workspace)."
)
STEPS = (
    (
        "upload",
        "1 · Upload & QC",
        "Bring a count matrix or pick an example, look at its quality, filter and normalise it.",
    ),
    (
        "augment",
        "See what augmentations do",
        "What CLEAR does to a cell before it has to recognise it. You may skip this.",
    ),
    ("clear", "2 · Train CLEAR", "Watch the loss and the embedding while the network learns."),
    ("map", "3 · Clusters & map", "Make a map and clusters, colour them, select cells."),
    (
        "classify",
        "Classify cells",
        "Learn cell types from an annotated dataset, and annotate another. You may skip this.",
    ),
    (
        "de",
        "Compare conditions",
        "Cell-type composition and differential expression across conditions and donors. You may skip this.",
    ),
    (
        "evaluate",
        "Does CLEAR help?",
        "CLEAR beside other representations on your data. You may skip this.",
    ),
    ("teach", "Learn and teach", "Lessons that ask you to predict before you see, and runs that went wrong."),
    ("export", "4 · Export", "Download the data, tables, a report, and the session as a script."),
)
EXAMPLE_INTRO = "No file at hand? Pick an example; nothing is downloaded."


def on_disk(own: int, shared: int) -> str:
    """What a dataset takes on disk, and what of it stays when it is deleted."""
    beside = f", and {size_in_words(shared)} shared with other datasets" if shared else ""
    return f"{size_in_words(own)} on disk{beside}"
