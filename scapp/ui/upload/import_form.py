"""Bringing data: upload, path on this computer, example."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from scapp.core import files
from scapp.core.environment import environment
from scapp.core.errors import DataError, RunError
from scapp.data.config import ImportConfig
from scapp.data.examples import EXAMPLES
from scapp.data.formats import archives
from scapp.data.formats.text_tables import TABLE_ENDINGS, Axis, Preview, preview_table
from scapp.data.locations import checked_path, readable_places, safe_file_name
from scapp.data.public import PUBLIC
from scapp.data.samples.find import Sample, describe_samples, find_samples, members_of, read_sheet, sample_table
from scapp.jobs.chains.analyse import AnalyseConfig
from scapp.jobs.chains.chain import start_with_import
from scapp.jobs.held_class import check_limits
from scapp.jobs.launch import submit
from scapp.steps.config import ImportRequest
from scapp.ui.analyse.chain_panel import begin
from scapp.ui.analyse.words import ANALYSE_FILE
from scapp.ui.home.words import EXAMPLE_INTRO
from scapp.ui.kit import downloads, state
from scapp.ui.kit.boundary import boundary, escape, show_error
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.live import open_result, prewarm
from scapp.ui.kit.owners import closed_folders
from scapp.ui.kit.routing import page_file
from scapp.ui.upload import words
from scapp.workspace.runs.run import Run

_ROUND = "upload.round"
UPLOAD_ENDINGS = [
    *("h5ad", "h5mu", "h5", "hdf5", "loom", "rds", "rdata", "rda", "csv", "tsv", "txt", "mtx"),
    *("gz", "bz2", "xz", "zip", "tar", "tgz"),
]
TABLES = ["csv", "tsv", "txt", "gz"]
LABELS = "Labels: a table with the cells' names in one column"
IMPORT_RUN = "import_run"


@dataclass(frozen=True)
class Offered:
    """What the user wants to import, before it is on its way.

    Parameters
    ----------
    key
        Changes with the choice, so that settings of one file are not those of the next.
    name
        For the dataset.
    members
        Paths inside a folder or archive; empty for a single file.
    file_name
        Of a single file.
    opened
        Gives its bytes.
    """

    key: str
    name: str
    members: list[str] = field(default_factory=list)
    file_name: str = ""
    opened: Callable[[], AbstractContextManager[BinaryIO]] | None = None


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
        open_result(run)
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
    # the next import begins with empty boxes: what failed does not become its first sample
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    # Streamlit keeps uploads in memory until the session ends; what was imported is on disk
    context = get_script_run_ctx()
    if context is not None:
        context.uploaded_file_mgr.remove_session_files(context.session_id)


def import_form() -> None:
    """Four ways to bring data: upload, a path on the server, an example, a public dataset."""
    prewarm("light")
    upload, path, example, public = st.tabs(["Upload", "Path on this computer", "Example", "Public data"])
    with upload, boundary():
        _upload_form()
    with path, boundary():
        _path_form()
    with example:
        st.write(EXAMPLE_INTRO)
        for record in EXAMPLES:
            st.markdown(f"**{record.title}** · {record.description}")
            example_buttons(record.id, key="example")
    with public, boundary():
        _public_form()


def _public_form() -> None:
    st.write(words.PUBLIC)
    for record in PUBLIC:
        with st.container(border=True):
            st.markdown(f"**{record.title}** · {record.description}  \n{record.citation} · [page]({record.page})")
            if not record.url:
                st.caption(record.how)
            elif st.button(f"Download and import (about {record.megabytes} MB)", key=f"public.{record.id}"):
                _start(
                    ImportRequest(public=record.id, name=record.title, download_folder=str(state.root() / "downloads"))
                )
                st.rerun()


def example_buttons(id: str, *, key: str) -> None:
    """Analyse an example, or open it and go to its quality."""
    record = next(example for example in EXAMPLES if example.id == id)
    request = ImportRequest(example=id, name=record.title)
    with st.container(horizontal=True):
        if st.button("Analyse", key=f"{key}.analyse.{id}"):
            _analyse(request)
        if st.button("Open this example", key=f"{key}.{id}"):
            _start(request)
            st.switch_page(page_file("upload"))


def _upload_form() -> None:
    limit = st.get_option("server.maxUploadSize")
    again = st.session_state.get(_ROUND, 0)
    whole = st.segmented_control(
        "What do you have?",
        ["Files", "A folder"],
        default="Files",
        required=True,
        key="upload.kind",
        persist_state="session",
    )
    if whole == "Files":
        uploaded = st.file_uploader(
            "An .h5ad, .h5mu, .loom, 10x .h5, .rds, .csv, .tsv or .txt (also .gz), the three files of a 10x folder, or"
            f" a .zip or .tar.gz of folders; several samples at once become one dataset; up to {limit} MB each",
            type=UPLOAD_ENDINGS,
            accept_multiple_files=True,
            key=f"upload.files.{again}",
        )
    else:
        uploaded = st.file_uploader(
            f"A 10x folder, or a folder that holds one for each sample; up to {limit} MB a file",
            type=UPLOAD_ENDINGS,
            accept_multiple_files="directory",
            key=f"upload.folder.{again}",
        )
    offered = _offered_upload(uploaded) if uploaded else None
    samples = _about_samples(offered)
    look = st.container()
    with st.expander("Options"):
        labels = st.file_uploader(LABELS, type=TABLES, key=f"labels.{again}")
        options = _options(offered, "upload", look)
    pressed = _import_buttons("upload", ready=offered is not None and samples is not None)
    if pressed is not None and offered is not None:
        coming = [*(uploaded or ()), *([labels] if labels is not None else [])]
        check_limits(state.root(), coming_bytes=sum(file.size for file in coming))
        folder = files.temporary_folder(state.root() / "uploads", "upload-")
        path = _save_upload(uploaded, folder)
        labels_path = _save(labels, folder / "labels") if labels is not None else None
        pressed(
            ImportRequest(
                **options,
                path=str(path),
                samples=tuple(samples or ()),
                labels=str(labels_path) if labels_path else None,
                name=offered.name,
                upload_folder=str(folder),
            )
        )
        st.rerun()


def _path_form() -> None:
    folders = environment().allowed_folders
    if not folders:
        st.info(
            "No folder on this computer is open for import. Start the app with SCAPP_DATA_DIRS set to one or more"
            " folders, or upload the file."
        )
        return
    st.write("Files may be read from: " + ", ".join(f"`{folder}`" for folder in folders))
    closed = closed_folders()
    endings = tuple(f".{ending}" for ending in UPLOAD_ENDINGS)
    places = [str(place) for place in readable_places(folders, endings, closed=closed)]
    path = st.selectbox(
        "File or folder",
        places,
        index=None,
        key="path",
        accept_new_options=True,
        placeholder="Choose one, or type its path",
        help=f"The first {len(places):,} are listed; any other path inside the folders can be typed.",
    )
    checked = checked_path(path, folders, closed) if path else None
    offered = _offered_path(checked) if checked else None
    samples = _about_samples(offered)
    look = st.container()
    with st.expander("Options"):
        labels = st.text_input(LABELS, key="path.labels")
        options = _options(offered, "path", look)
    pressed = _import_buttons("path", ready=offered is not None and samples is not None)
    if pressed is not None and offered is not None:
        labels_path = str(checked_path(labels, folders, closed)) if labels else None
        pressed(
            ImportRequest(
                **options, path=str(checked), samples=tuple(samples or ()), labels=labels_path, name=offered.name
            )
        )
        st.rerun()


def _import_buttons(place: str, *, ready: bool) -> Callable[[ImportRequest], None] | None:
    """What was pressed: import and analyse, or import alone; None for neither."""
    with st.container(horizontal=True):
        analysed = st.button("Analyse", type="primary", disabled=not ready, key=f"{place}.analyse")
        imported = st.button("Import", disabled=not ready, key=f"{place}.go")
    st.caption(ANALYSE_FILE)
    return _analyse if analysed else _start if imported else None


def _start(request: ImportRequest) -> None:
    remember_import(submit(state.root(), "import", request).id)
    state.open_dataset(None)


def _analyse(request: ImportRequest) -> None:
    state.open_dataset(None)
    begin(start_with_import(state.root(), request, AnalyseConfig()))


def _offered_upload(uploaded: list[UploadedFile]) -> Offered:
    first = uploaded[0]
    key = f"{first.file_id}.{len(uploaded)}"
    top, paths = _paths(uploaded)
    repeated = sorted({path for path in paths if paths.count(path) > 1})
    if repeated:
        raise DataError(
            f"{paths.count(repeated[0])} of the uploaded files are called '{repeated[0]}', so they cannot be told"
            " apart.",
            hint="Choose 'A folder' above and upload the folder that holds the samples, or pack it as a .zip.",
        )
    if len(uploaded) > 1:
        return Offered(key, top, members=paths)
    name = _stem(paths[0])
    if first.name.lower().endswith(archives.ENDINGS):
        kept = st.session_state.setdefault("upload.members", {})
        if first.file_id not in kept:
            kept[first.file_id] = archives.members(first, first.name)
        return Offered(key, name, members=kept[first.file_id])
    return Offered(key, name, file_name=first.name, opened=lambda: _rewound(first))


def _offered_path(path: Path) -> Offered:
    key, name = str(path), _stem(path.name)
    if path.is_dir() and path.suffix != ".zarr":
        return Offered(key, name, members=members_of(path))
    if path.name.lower().endswith(archives.ENDINGS):
        with open(path, "rb") as stream:
            return Offered(key, name, members=archives.members(stream, path.name))
    return Offered(key, name, file_name=path.name, opened=(lambda: open(path, "rb")) if path.is_file() else None)


def _rewound(file: UploadedFile) -> AbstractContextManager[BinaryIO]:
    file.seek(0)
    return nullcontext(file)


def _stem(name: str) -> str:
    return safe_file_name(name).split(".")[0] or "upload"


def _paths(uploaded: list[UploadedFile]) -> tuple[str, list[str]]:
    """Name of the folder that was uploaded, and the files' paths below it, as someone who has the folder would give
    them.
    """
    paths = [_safe_path(file.name) for file in uploaded]
    tops = {path.split("/")[0] for path in paths}
    if len(tops) == 1 and all("/" in path for path in paths):
        return tops.pop(), [path.split("/", 1)[1] for path in paths]
    return "upload", paths


def _safe_path(name: str) -> str:
    """A path that a browser gave for a file of a folder: every part made safe, none of them leaving."""
    parts = [safe_file_name(part) for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "file"


def _about_samples(offered: Offered | None) -> Sequence[Sample] | None:
    """The sheet of samples where there are several; None while it has mistakes."""
    samples = find_samples(offered.members) if offered and offered.members else []
    if offered is None or len(samples) < 2:
        return []
    try:
        return _sheet(samples, offered)
    except DataError as error:
        show_error(error.message, error.hint)
        return None


def _sheet(samples: list[Sample], offered: Offered) -> Sequence[Sample]:
    st.markdown(f"**{len(samples)} samples were found.** {words.SAMPLES}")
    given = st.file_uploader("Sample sheet (optional)", type=TABLES, key=f"sheet.{offered.key}")
    if given is not None:
        samples = describe_samples(samples, read_sheet(given, given.name))
    table = sample_table(samples)
    # of several states of the same cells none is taken unless somebody says which
    table.insert(0, "use", [not sample.variant_of for sample in samples])
    if any(sample.variant_of for sample in samples):
        st.warning("Some of these files hold the same cells in different states: tick the one that you want.")
    edited = st.data_editor(
        table,
        hide_index=True,
        disabled=["file"],
        num_rows="fixed",
        key=f"sheet.table.{offered.key}.{given.file_id if given else ''}",
        column_config={
            "use": st.column_config.CheckboxColumn("use", help="Samples that are not ticked are left out."),
            "sample": st.column_config.TextColumn(
                "sample", help="A short name of its own for each sample.", required=True
            ),
            "donor": st.column_config.TextColumn("donor", help="Person or animal; two samples may share one."),
            "condition": st.column_config.TextColumn("condition", help="What is compared, such as healthy and severe."),
            "batch": st.column_config.TextColumn("batch", help="What was processed together, such as a run or a day."),
        },
    )
    with downloads.beside():  # it is there to be filled in and given back here
        downloads.download_csv(table.drop(columns="use"), key=f"sheet.{offered.key}", name="sample_sheet")
    used = [sample for sample, use in zip(samples, edited["use"], strict=True) if use]
    if not used:
        raise DataError("No sample is ticked.", hint="Tick at least one in the column 'use'.")
    return describe_samples(used, edited[edited["use"]].drop(columns="use"))


def _options(offered: Offered | None, place: str, look: DeltaGenerator) -> dict[str, Any]:
    """Settings of the import; in ``look``, for one text table how it lies, for several genomes the question."""
    key = f"import.{place}.{offered.key if offered else ''}"
    values = config_form(ImportConfig, key=key, start=ImportConfig(), flat=True)
    if offered is not None and offered.opened is not None:
        with look, offered.opened() as stream:
            if offered.file_name.lower().endswith(TABLE_ENDINGS):
                preview = preview_table(stream, offered.file_name)
                values["orientation"] = _orientation(preview, offered.file_name, values["orientation"], key)
            elif offered.file_name.lower().endswith((".h5", ".hdf5")):
                values["genome"] = values["genome"] or _genome(stream, key)
    return values


def _orientation(preview: Preview, name: str, chosen: str, key: str) -> str:
    """What was detected or chosen, the corner as it will be read, and one click to flip."""
    if chosen == "auto" and preview.orientation is None:
        return _asked_orientation(preview, name, key)
    orientation: Axis = "genes_in_rows" if chosen == "genes_in_rows" else "cells_in_rows"
    if chosen == "auto" and preview.orientation is not None:
        orientation = preview.orientation
    reason = preview.reason if chosen == "auto" else "as chosen"
    lies, other = ("genes", "cells_in_rows") if orientation == "genes_in_rows" else ("cells", "genes_in_rows")
    st.markdown(f"**{escape(name)}** has **{lies} in rows** ({escape(reason)}). It will be read as cells × genes:")
    st.dataframe(preview.cells_in_rows(orientation), alt="Corner of the table as cells by genes", width="content")
    st.button(
        f"Flip: the file has {other.split('_')[0]} in rows",
        key=f"flip.{key}",
        on_click=st.session_state.__setitem__,
        args=(f"{key}.orientation", other),
    )
    return orientation


def _asked_orientation(preview: Preview, name: str, key: str) -> str:
    """The corner as it stands in the file, and the question which way it lies: nothing in it tells."""
    st.warning(f"**{escape(name)}**: {escape(preview.reason)}")
    st.dataframe(preview.corner, alt="Corner of the table as it stands in the file", width="content")
    with st.container(horizontal=True):
        for label, axis in (("Genes are in rows", "genes_in_rows"), ("Genes are in columns", "cells_in_rows")):
            st.button(
                label,
                key=f"{axis}.{key}",
                on_click=st.session_state.__setitem__,
                args=(f"{key}.orientation", axis),
            )
    return "auto"


def _genome(stream: BinaryIO, key: str) -> str | None:
    from scapp.data.formats.tenx import genomes_of  # anndata, which most visits do not need

    genomes = genomes_of(stream)
    if len(genomes) < 2:
        return None
    chosen: str = st.selectbox("This file holds several genomes. Which one?", genomes, key=f"{key}.which")
    return chosen


def _save_upload(uploaded: list[UploadedFile], folder: Path) -> Path:
    """Copy to disk at once, so that the browser's copy in memory is not needed any longer."""
    if len(uploaded) == 1:
        return _save(uploaded[0], folder)
    top, paths = _paths(uploaded)
    for file, below in zip(uploaded, paths, strict=True):
        path = folder / top / below
        path.parent.mkdir(parents=True, exist_ok=True)
        _copy(file, path)
    return folder / top


def _save(file: UploadedFile, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / safe_file_name(file.name)
    _copy(file, path)
    return path


def _copy(file: UploadedFile, path: Path) -> None:
    file.seek(0)
    with open(path, "wb") as target:
        shutil.copyfileobj(file, target, length=1 << 22)
