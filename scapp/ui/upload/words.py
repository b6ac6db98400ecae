"""Sentences of the Upload & QC page, for biologists and classes."""

PUBLIC = "Public datasets, downloaded when you ask for them and kept in the workspace. The examples need no network."
SAMPLES = (
    "They become one dataset; genes are matched by their ids. Fill in what you know: every column becomes an annotation"
    " of the cells. You may also download the sheet, fill it in elsewhere and upload it."
)
