"""Which gene sets: scapp's own, a user's GMT file, or a library that was fetched."""

from pathlib import Path

import pandas as pd
import streamlit as st

from scapp.analysis.de.config import CURATED, GeneSetLibraryConfig
from scapp.analysis.de.gene_sets import GeneSet, curated, curated_licence, load_library, read_gmt, write_gmt
from scapp.core import files
from scapp.core.errors import DataError
from scapp.data.locations import safe_file_name
from scapp.jobs.launch import submit
from scapp.ui.de import words
from scapp.ui.kit import state
from scapp.ui.kit.forms import config_form
from scapp.ui.kit.live import run_panel
from scapp.ui.kit.widgets import show_table
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.runs.run import ACTIVE

ENDING = ".gmt"


def _folder() -> Path:
    return state.root() / "gene_sets"


def library_choice(*, key: str) -> str:
    """Name of the library for a step: ``curated`` or the path of a GMT file of this workspace."""
    paths = sorted(_folder().glob(f"*{ENDING}")) if _folder().is_dir() else []
    options = [CURATED, *map(str, paths)]
    chosen: str = st.selectbox(
        "Gene sets from",
        options,
        format_func=lambda name: "scapp's curated sets" if name == CURATED else Path(name).stem,
        key=f"{key}.library",
        persist_state="session",
        width=360,
    )
    return chosen


def sets_of(library: str) -> tuple[GeneSet, ...]:
    """Sets of a library, read once for each version of its file."""
    if library == CURATED:
        return curated()
    path = Path(library)
    # where the file is gone, reading it says so
    return _sets(library, path.stat().st_mtime_ns if path.exists() else 0)


@st.cache_resource(max_entries=8, show_spinner=False)
def _sets(library: str, written: int) -> tuple[GeneSet, ...]:
    return load_library(library)


def library_section(dataset: Dataset, *, key: str) -> None:
    """Add a GMT file, fetch a library, and see what scapp's own sets hold."""
    with st.expander("Own gene sets, libraries, and what the curated sets hold"):
        st.markdown(words.LIBRARIES)
        uploaded = st.file_uploader("GMT file", type=["gmt", "txt"], key=f"{key}.gmt")
        if uploaded is not None and st.button("Add these gene sets", key=f"{key}.gmt.add"):
            _keep(uploaded.name, uploaded.getvalue())
            st.rerun()
        run = state.latest_run("gene_sets", dataset)
        active = run is not None and run.observe().state in ACTIVE
        values = config_form(GeneSetLibraryConfig, key=f"{key}.fetch", start=GeneSetLibraryConfig())
        if not active and st.button("Fetch this library", key=f"{key}.fetch.go"):
            config = GeneSetLibraryConfig.build({**values, "folder": str(_folder())})
            submit(state.root(), "gene_sets", config, dataset)
            st.rerun()
        run_panel(run, key=f"{key}.fetch")
        table = pd.DataFrame(
            [
                {
                    "set": s.id,
                    "title": s.title,
                    "about": s.group,
                    "n_genes": len(s.genes),
                    "source": s.citation,
                    "genes": " ".join(s.genes),
                }
                for s in curated()
            ]
        )
        show_table(table, key=f"{key}.curated", name="curated_gene_sets", alt="scapp's curated gene sets")
        st.download_button(
            "Download as GMT",
            write_gmt(curated()),
            file_name="scapp_curated.gmt",
            mime="text/plain",
            key=f"{key}.curated.gmt",
            on_click="ignore",
        )
        st.caption(curated_licence())


def _keep(name: str, content: bytes) -> None:
    """Check a file and put it into the workspace, under a safe name that is free."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"'{name}' is no text file.", hint="Choose a GMT file.") from error
    read_gmt(text)
    _folder().mkdir(parents=True, exist_ok=True)
    stem = safe_file_name(name).removesuffix(".txt").removesuffix(ENDING) or "gene_sets"
    taken = {path.stem for path in _folder().glob(f"*{ENDING}")} | {CURATED}
    free = next(
        name for number in range(1, len(taken) + 2) if (name := f"{stem}_{number}" if number > 1 else stem) not in taken
    )
    with files.replacing(_folder() / f"{free}{ENDING}") as temporary:
        temporary.write_text(text, encoding="utf-8")
