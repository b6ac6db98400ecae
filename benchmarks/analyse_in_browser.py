"""Seconds and clicks from a file to a map with named clusters, by one press of Analyse in a browser.

    python -m benchmarks.analyse_in_browser FILE [--rounds 3] [--wait 10]

Each round starts the app on a fresh workspace, with a worker that nothing has warmed but the wait between the page and
the press. Beside it: the same steps by scanpy (filter, normalise, 2,000 genes, PCA, neighbours, UMAP, Leiden, Wilcoxon)
in a process of its own, with its imports.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.map_in_browser import IDLE, browser
from tests.browser.conftest import Server

CLICKS = 2
"""Choosing the file and pressing Analyse."""
BY_HAND = """
import sys, scanpy as sc
a = sc.read_h5ad(sys.argv[1])
sc.pp.filter_cells(a, min_genes=200)
sc.pp.filter_genes(a, min_cells=3)
sc.pp.normalize_total(a, target_sum=1e4)
sc.pp.log1p(a)
sc.pp.highly_variable_genes(a, n_top_genes=2000)
sc.pp.pca(a)
sc.pp.neighbors(a)
sc.tl.umap(a)
sc.tl.leiden(a, flavor="igraph", n_iterations=2)
sc.tl.rank_genes_groups(a, "leiden", method="wilcoxon")
"""


def one_round(file: Path, wait: float) -> dict[str, float]:
    """Seconds from the press to PCA's map, to its suggested names, and to the end with CLEAR's."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.start()
        try:
            with browser(server) as page:
                page.set_default_timeout(600_000)
                page.goto(f"{server.address}/upload")
                page.get_by_text("up to 1000 MB").first.wait_for()
                page.wait_for_timeout(1000 * wait)
                page.set_input_files("[data-testid=stFileUploader] input[type=file]", file)
                page.wait_for_selector(IDLE)
                button = page.get_by_role("button", name="Analyse", exact=True).first
                start = time.perf_counter()
                button.click()
                page.locator(".js-plotly-plot .nsewdrag").first.wait_for()
                found = {"map of PCA": time.perf_counter() - start}
                page.get_by_text("suggested_leiden_pca").or_(page.get_by_text("step 6 of 9")).first.wait_for()
                found["its names"] = time.perf_counter() - start
                page.get_by_text("Analyse, step").wait_for(state="detached")
                page.get_by_text("of each cell's 15 nearest neighbours in CLEAR").wait_for()
                found["map and names of CLEAR"] = time.perf_counter() - start
                return found
        finally:
            server.end()


def by_hand(file: Path) -> float:
    """Seconds that scanpy takes for what comes before CLEAR."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", BY_HAND, str(file)], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Print medians and ranges over the rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--wait", type=float, default=10, help="seconds between the page and the press")
    arguments = parser.parse_args()
    rows = []
    for _ in range(arguments.rounds):
        rows.append({**one_round(arguments.file, arguments.wait), "scanpy by hand": by_hand(arguments.file)})
    print(f"{CLICKS} clicks; seconds from the press, median (range) of {arguments.rounds}")
    for name in rows[0]:
        values = [row[name] for row in rows]
        print(f"{name:<26}{statistics.median(values):7.1f} ({min(values):.1f} to {max(values):.1f})")


if __name__ == "__main__":
    main()
