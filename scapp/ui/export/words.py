"""Sentences of the Export page, for biologists and classes."""

FLAVOURS = {
    "everything": (
        "Every value, with its history in `uns['scapp']`: for scanpy (`sc.read_h5ad`), CELLxGENE, or any tool that"
        " reads AnnData."
    ),
    "cellxgene": (
        "Counts in `.raw`, Ensembl ids as gene names where they are known, and the CELLxGENE schema's names of"
        " annotations."
    ),
    "tables": "Cells, genes, embeddings, marker genes and sweeps, each as a CSV file, in one zip.",
    "study": (
        "Conditions and donors: design, composition, genes, scores and pathways, on one page that needs nothing else."
    ),
    "report": (
        "Maps, marker genes, methods and steps on one page that needs nothing else; figures can be zoomed and saved."
    ),
}
CELLXGENE = (
    "The CELLxGENE schema asks for ontology terms that no file holds by itself. A field may hold a term for all cells,"
    " or the name of a column of terms; what you leave empty is listed beside the file. CELLxGENE's own validator"
    " (cellxgene-schema) has the last word: it also refuses gene ids that Ensembl has retired."
)
SCRIPT = (
    "Everything that is in place, as code that makes it again and as a paragraph for a paper. Steps whose results were"
    " replaced are left out. With the same file, versions, threads and device the values are equal to the last bit; the"
    " script says so at its end."
)
HISTORY = (
    "Steps can be taken back, and brought back for seven days. What was made from values that have changed since is"
    " marked **out of date** and can be run again with the same settings. Import and filtering made this dataset: to go"
    " back behind them, open the dataset that it came from on Upload & QC."
)
BY_HAND_STALE = (
    "What was written by hand is not written again onto other cells: look at the groups and write it anew "
    "(tab 'Cell types', or a selection on the map)."
)
