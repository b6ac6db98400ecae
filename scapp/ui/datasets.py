"""The list of datasets with its actions, and the import of new ones."""

import shutil
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from scapp.core import files, keys
from scapp.core.errors import DataError, RunError
from scapp.data.config import ImportConfig
from scapp.data.examples import EXAMPLES
from scapp.data.locations import checked_path, safe_file_name
from scapp.jobs.launch import discard, submit
from scapp.pipelines.config import ImportRequest
from scapp.ui import explain, state
from scapp.ui.boundary import escape, show_error
from scapp.ui.forms import config_form
from scapp.ui.live import prewarm
from scapp.workspace.dataset import Dataset
from scapp.workspace.runs import ACTIVE, Run

ENDINGS = ["h5ad", "h5", "hdf5", "loom", "csv", "tsv", "txt", "gz", "mtx", "zip", "tar", "tgz"]
IMPORT_RUN = "import_run"
_TENX_PARTS = ("matrix.mtx", "barcodes.tsv", "features.tsv", "genes.tsv")


def dataset_list() -> None:
    """Every dataset, one row each: open, rename, duplicate, delete."""
    for fault in state.workspace().unreadable():
        show_error(fault.message, fault.hint)
    found = state.workspace().datasets()
    if not found:
        st.info("There are no datasets yet. Open an example above, or import a file on the Upload & QC page.")
        return
    for dataset in found:
        with st.container(border=True):
            _row(dataset)


def _row(dataset: Dataset) -> None:
    name, open_column, more_column = st.columns([6, 1, 1], vertical_alignment="center")
    parent = dataset.manifest.parent
    origin = f" · from {escape(parent.name)}" if parent else ""
    holds = ", ".join(keys.representations(dataset.slots)) or "nothing computed yet"
    name.markdown(
        f"**{escape(dataset.name)}**  \n{dataset.n_cells:,} cells × {dataset.n_genes:,} genes{origin} · {escape(holds)}"
    )
    if open_column.button("Open", key=f"open.{dataset.id}", width="stretch"):
        state.open_dataset(dataset.id)
        prepared = keys.PREPARATION in dataset
        st.switch_page(
            "pages/train_clear.py" if prepared else "pages/upload_qc.py", query_params={"dataset": dataset.id}
        )
    with more_column.popover("More", width="stretch"):
        _actions(dataset)


def _actions(dataset: Dataset) -> None:
    name = st.text_input("Name", dataset.name, key=f"name.{dataset.id}", max_chars=120)
    if st.button("Rename", key=f"rename.{dataset.id}", disabled=name == dataset.name):
        state.workspace().rename(dataset.id, name)
        st.rerun()
    if st.button("Duplicate", key=f"duplicate.{dataset.id}"):
        state.workspace().duplicate(dataset.id, f"{dataset.name[:110]} copy")
        st.rerun()
    sure = st.checkbox("Yes, delete it for good", key=f"sure.{dataset.id}")
    if st.button("Delete", key=f"delete.{dataset.id}", disabled=not sure, type="primary"):
        _delete(dataset)
        st.rerun()


def _delete(dataset: Dataset) -> None:
    store = state.runs()
    mine = store.list(dataset=dataset.id)
    if any(run.observe().state in ACTIVE for run in mine):
        raise RunError("A run is working on this dataset.", hint="Stop it on its page, then delete the dataset.")
    for run in mine:
        discard(state.root(), run)
    state.workspace().delete(dataset.id)
    if st.session_state.get("dataset") == dataset.id:
        state.open_dataset(None)


def import_in_progress() -> Run | None:
    """The import that this session started and has not opened yet; a finished one opens its dataset."""
    id = st.query_params.get(IMPORT_RUN) or st.session_state.get(IMPORT_RUN)
    if id is None:
        return None
    try:
        run = state.runs().open(id)
    except RunError:
        forget_import()
        return None
    remember_import(id)
    status = run.observe()
    if status.state == "done":
        forget_import()
        state.open_dataset(status.result["dataset"])
        return None
    return run


def remember_import(id: str) -> None:
    """Keep the id of a running import in session and address, so that a refresh finds it again."""
    st.session_state[IMPORT_RUN] = id
    st.query_params[IMPORT_RUN] = id


def forget_import() -> None:
    """The import has been opened or discarded."""
    st.session_state.pop(IMPORT_RUN, None)
    st.query_params.pop(IMPORT_RUN, None)


def import_form() -> None:
    """Three ways to bring data: upload, a path on the server, an example."""
    prewarm("light")
    upload, path, example = st.tabs(["Upload a file", "Path on this computer", "Example"])
    with upload:
        _upload_form()
    with path:
        _path_form()
    with example:
        st.write(explain.EXAMPLE_INTRO)
        for record in EXAMPLES:
            st.markdown(f"**{record.title}** · {record.description}")
            if st.button("Open this example", key=f"example.{record.id}"):
                _start(ImportRequest(example=record.id, name=record.title))


def _upload_form() -> None:
    limit = st.get_option("server.maxUploadSize")
    uploaded = st.file_uploader(
        f"An .h5ad, .loom, 10x .h5, .csv, .tsv or .txt (also .gz), the three files of a 10x folder together, or a .zip or .tar.gz of a 10x folder or .zarr; up to {limit} MB",
        type=ENDINGS,
        accept_multiple_files=True,
        key="upload",
    )
    with st.expander("Options"):
        labels = st.file_uploader(
            "Labels: a table whose first column holds the cells' names", type=["csv", "tsv", "txt", "gz"], key="labels"
        )
        options = config_form(ImportConfig, key="import.upload", start=ImportConfig(), flat=True)
    if st.button("Import", type="primary", disabled=not uploaded, key="upload.go"):
        folder = files.temporary_folder(state.root() / "uploads", "upload-")
        path = _save_upload(uploaded, folder)
        labels_path = _save_labels(labels, folder)
        _start(
            ImportRequest(
                **options,
                path=str(path),
                labels=labels_path,
                name=_dataset_name(uploaded),
                upload_folder=str(folder),
            )
        )


def _path_form() -> None:
    folders = state.environment().allowed_folders
    if not folders:
        st.info(
            "No folder on this computer is open for import. Start the app with SCAPP_DATA_DIRS set to one or more folders, or upload the file."
        )
        return
    st.write("Files may be read from: " + ", ".join(f"`{folder}`" for folder in folders))
    path = st.text_input("File or 10x folder", key="path", placeholder=f"{folders[0]}/…")
    with st.expander("Options"):
        labels = st.text_input("Labels: a table whose first column holds the cells' names", key="path.labels")
        options = config_form(ImportConfig, key="import.path", start=ImportConfig(), flat=True)
    if st.button("Import", type="primary", disabled=not path, key="path.go"):
        checked = checked_path(path, folders)
        labels_path = str(checked_path(labels, folders)) if labels else None
        _start(ImportRequest(**options, path=str(checked), labels=labels_path, name=checked.name.split(".")[0]))


def _start(request: ImportRequest) -> None:
    remember_import(submit(state.root(), "import", request).id)
    state.open_dataset(None)
    st.rerun()


def _dataset_name(uploaded: list[UploadedFile]) -> str:
    return "10x upload" if len(uploaded) > 1 else safe_file_name(uploaded[0].name).split(".")[0] or "upload"


def _save_upload(uploaded: list[UploadedFile], folder: Path) -> Path:
    """Copy to disk at once, so that the browser's copy in memory is not needed any longer."""
    if len(uploaded) > 1:
        return _save_tenx(uploaded, folder / "tenx")
    path = folder / safe_file_name(uploaded[0].name)
    _copy(uploaded[0], path)
    return path


def _save_labels(labels: UploadedFile | None, folder: Path) -> str | None:
    if labels is None:
        return None
    (folder / "labels").mkdir()
    path = folder / "labels" / safe_file_name(labels.name)
    _copy(labels, path)
    return str(path)


def _save_tenx(uploaded: list[UploadedFile], folder: Path) -> Path:
    folder.mkdir()
    for file in uploaded:
        part = next((p for p in _TENX_PARTS if safe_file_name(file.name).removesuffix(".gz").endswith(p)), None)
        if part is None:
            shutil.rmtree(folder.parent)
            raise DataError(
                f"Several files were uploaded and '{file.name}' is none of matrix.mtx, barcodes.tsv, features.tsv or genes.tsv.",
                hint="Upload one file, or the three files of one 10x folder.",
            )
        _copy(file, folder / (part + (".gz" if file.name.endswith(".gz") else "")))
    return folder


def _copy(file: UploadedFile, path: Path) -> None:
    with open(path, "wb") as target:
        shutil.copyfileobj(file, target, length=1 << 22)
