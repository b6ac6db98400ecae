"""Public datasets that can be downloaded on request. A new one is a record in ``PUBLIC``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scapp.core.errors import DataError

GEO = "https://www.ncbi.nlm.nih.gov/geo/query/acc.cgi?acc="
GEO_FILES = "https://ftp.ncbi.nlm.nih.gov/geo/series/"
SECONDS_TO_CONNECT = 20


@dataclass(frozen=True)
class PublicSet:
    """One public dataset.

    Parameters
    ----------
    id, title, description, citation
        For people.
    page
        Where it is described.
    url
        The file to download; empty where it cannot be read as it is published, and ``how`` then says what to do.
    labels
        A table of annotations beside it.
    megabytes
        About how much is downloaded.
    how
        What to do by hand.
    """

    id: str
    title: str
    description: str
    citation: str
    page: str
    url: str = ""
    labels: str = ""
    megabytes: int = 0
    how: str = ""


PUBLIC = (
    PublicSet(
        "pbmc3k",
        "PBMC 3k",
        "2,700 blood cells of a healthy donor, 10x Genomics; the set of most tutorials.",
        "10x Genomics 2016",
        "https://support.10xgenomics.com/single-cell-gene-expression/datasets/1.1.0/pbmc3k",
        "https://cf.10xgenomics.com/samples/cell-exp/1.1.0/pbmc3k/pbmc3k_filtered_gene_bc_matrices.tar.gz",
        megabytes=8,
    ),
    PublicSet(
        "hrvatin",
        "Mouse visual cortex (Hrvatin)",
        "65,539 cells after 0, 1 and 4 hours of light, with cell types.",
        "Hrvatin et al. 2018, Nat Neurosci 21: 120",
        f"{GEO}GSE102827",
        f"{GEO_FILES}GSE102nnn/GSE102827/suppl/GSE102827_merged_all_raw.csv.gz",
        f"{GEO_FILES}GSE102nnn/GSE102827/suppl/GSE102827_cell_type_assignments.csv.gz",
        megabytes=60,
    ),
    PublicSet(
        "dendritic",
        "Human dendritic cells and monocytes (Villani)",
        "About 1,100 sorted blood cells, TPM (no counts were published).",
        "Villani et al. 2017, Science 356: eaah4573",
        f"{GEO}GSE94820",
        f"{GEO_FILES}GSE94nnn/GSE94820/suppl/GSE94820_raw.expMatrix_DCnMono.discovery.set.submission.txt.gz",
        megabytes=20,
    ),
    PublicSet(
        "senis_kidney",
        "Tabula Muris Senis, kidney (droplet)",
        "Kidney cells of young and old mice with cell types; the other organs are on the same page.",
        "The Tabula Muris Consortium 2020, Nature 583: 590",
        "https://tabula-muris-senis.ds.czbiohub.org/",
        "https://czb-tabula-muris-senis.s3.amazonaws.com/Data-objects/tabula-muris-senis-droplet-processed-official-annotations-Kidney.h5ad",
        megabytes=780,
    ),
    PublicSet(
        "senis_organs",
        "Tabula Muris Senis, the CLEAR paper's other organs",
        "Bladder, limb muscle and mammary gland (droplet) and diaphragm (FACS): mice of several ages, with cell types.",
        "The Tabula Muris Consortium 2020, Nature 583: 590",
        "https://tabula-muris-senis.ds.czbiohub.org/",
        how=(
            "Download the organ's .h5ad file from the page and import it as it is; 'mouse.id' names batches and"
            " 'cell_ontology_class' cell types."
        ),
    ),
    PublicSet(
        "hemberg",
        "Small labelled sets for clustering (Hemberg lab)",
        "Yan, Deng, Pollen, Biase, Kolodziejczyk, Klein, Zeisel and others, as most papers on clustering use them.",
        "Kiselev et al. 2019, Nat Rev Genet 20: 273",
        "https://hemberg-lab.github.io/scRNA.seq.datasets/",
        how=(
            "Download a set's .rds file (a SingleCellExperiment) from the page and import it as it is; the column"
            " 'cell_type1' names cell types."
        ),
    ),
    PublicSet(
        "microcebus",
        "Tabula Microcebus",
        "The mouse lemur's cell atlas, 27 organs.",
        "The Tabula Microcebus Consortium 2021",
        "https://figshare.com/articles/dataset/Tabula_Microcebus_v1_0/14468196",
        how=(
            "Download 'LCA_complete_wRaw_toPublish.h5ad' from the page and import it by its path; it holds the counts"
            " in layers['raw_counts']."
        ),
    ),
    PublicSet(
        "wilk",
        "COVID-19 blood (Wilk, GSE150728)",
        "44,721 blood cells of seven patients and six healthy donors.",
        "Wilk et al. 2020, Nat Med 26: 1070",
        f"{GEO}GSE150728",
        how=(
            "Download GSE150728_RAW.tar from the page and import it as it is: it holds an R file (.rds) for each"
            " sample, and the samples are joined."
        ),
    ),
    PublicSet(
        "ren",
        "COVID-19, 1.46 million cells (Ren, GSE158055)",
        "196 patients and controls.",
        "Ren et al. 2021, Cell 184: 1895",
        f"{GEO}GSE158055",
        how=(
            "Download GSE158055_covid19_counts.mtx.gz (7.6 GB), _barcodes and _features into a folder, name them"
            " matrix.mtx.gz, barcodes.tsv.gz and features.tsv.gz, and import the folder by its path on a machine with"
            " about 100 GB of memory; labels: GSE158055_cell_annotation.csv.gz."
        ),
    ),
)


def public_set(id: str) -> PublicSet:
    """Find a public dataset by its id.

    Raises
    ------
    DataError
        There is none with this id, or it cannot be downloaded as it is published.
    """
    found = next((record for record in PUBLIC if record.id == id), None)
    if found is None:
        raise DataError(f"There is no public set '{id}'.", hint="Known: " + ", ".join(r.id for r in PUBLIC) + ".")
    if not found.url:
        raise DataError(f"'{found.title}' cannot be downloaded as it is published.", hint=found.how)
    return found


class _Progress:
    """What pooch reports to; also where a stop is noticed."""

    def __init__(self, report: Callable[[float, float], None]) -> None:
        self.report = report
        self.total = 0
        self.done = 0

    def update(self, n_bytes: int) -> None:
        self.done += n_bytes
        self.report(self.done, max(self.total, self.done))

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass


def download(url: str, folder: Path, report: Callable[[float, float], None]) -> Path:
    """Download a file into a folder, unless it is there already.

    Parameters
    ----------
    url
        What to download.
    folder
        Where it is kept.
    report
        Told bytes done and in total; may raise to stop, and then nothing is kept.

    Raises
    ------
    DataError
        The server cannot be reached, or refuses.
    """
    import pooch
    import requests

    folder.mkdir(parents=True, exist_ok=True)
    name = url.rsplit("/", 1)[-1]
    fetch = pooch.HTTPDownloader(progressbar=_Progress(report), timeout=SECONDS_TO_CONNECT)
    try:
        return Path(pooch.retrieve(url, known_hash=None, fname=name, path=folder, downloader=fetch))
    except requests.exceptions.HTTPError as error:
        raise DataError(
            f"The server refused '{name}' ({error}).",
            hint="The file may have moved: look at the dataset's page, download it there, and upload it.",
        ) from error
    except requests.exceptions.RequestException as error:
        raise DataError(
            f"'{name}' could not be downloaded: there is no connection to its server ({type(error).__name__}).",
            hint=(
                "Check the network (or its proxy), or download the file on another computer and upload it. The examples"
                " need no network."
            ),
        ) from error
