"""Choices of a study of conditions and donors: design, differential expression, gene-set scores, pathways."""

from typing import Literal

from scapp.core.config import Config, setting

CURATED = "curated"
LEAST_DONORS = 2
Method = Literal["auto", "pseudobulk", "wilcoxon", "t-test"]


class StudyConfig(Config):
    """Which columns say what; the choices hold for everything that compares conditions."""

    condition_key: str | None = setting(
        None, title="Condition", help="What is compared: disease, treatment, age.", column=True
    )
    donor_key: str | None = setting(
        None,
        title="Donor or animal",
        help=(
            "Who the cells come from. Statistics count donors, not cells; without it only exploratory tests are"
            " possible."
        ),
        column=True,
    )
    cell_type_key: str | None = setting(
        None, title="Cell type", help="Cell types, or clusters where nothing is named yet.", column=True
    )
    batch_key: str | None = setting(
        None,
        title="Batch",
        help="Run, plate or protocol: only used to warn where it cannot be told apart from the condition.",
        column=True,
    )
    order: tuple[str, ...] = setting(
        (),
        title="Conditions",
        help="Conditions in order, the reference first; those left out are not looked at. Empty: all.",
        hidden=True,
    )


class DifferentialConfig(Config):
    """Genes that differ between conditions, within cell types."""

    cell_types: tuple[str, ...] = setting(
        (), title="Cell types", help="Each is tested by itself; none means all cells as one.", hidden=True
    )
    together: bool = setting(
        False,
        title="Pool the chosen types",
        help="Test the chosen types as one group of cells instead of each by itself.",
    )
    compared: tuple[str, ...] = setting(
        (), title="Conditions compared", help="Each against the reference; none means all.", hidden=True
    )
    method: Method = setting(
        "auto",
        title="Test",
        help=(
            "pseudobulk sums each donor's counts and compares donors (PyDESeq2); wilcoxon and t-test compare cells and"
            " find far too much where donors differ. auto takes pseudobulk wherever both sides have two donors."
        ),
    )
    min_cells: int = setting(
        10,
        title="Minimum cells per donor",
        help="Donors with fewer cells of the type are left out of its pseudobulk.",
        unit="cells",
        ge=1,
        le=10_000,
    )
    min_share: float = setting(
        5.0,
        title="Expressed in at least",
        help="Genes seen in fewer cells of both sides are not tested.",
        unit="% of the cells of a side",
        ge=0,
        le=100,
    )
    pairing: Literal["auto", "yes", "no"] = setting(
        "auto",
        title="Compare within donors",
        help="Donor as a covariate, for studies in which the same donors have both conditions. auto: where all do.",
        advanced=True,
    )
    covariates: tuple[str, ...] = setting(
        (), title="Covariates", help="Columns that say one thing of each donor, such as sex or batch.", hidden=True
    )


class ScoreConfig(Config):
    """A score of every cell for gene sets."""

    library: str = setting(CURATED, title="Gene sets from", help="curated, or a GMT file.", hidden=True)
    sets: tuple[str, ...] = setting((), title="Gene sets", help="Names of sets of the library.", hidden=True)
    typed: dict[str, str] = setting({}, title="Own lists", help="Name to genes, as typed.", hidden=True)
    method: Literal["score_genes", "rank"] = setting(
        "score_genes",
        title="Score",
        help=(
            "score_genes: mean of the genes less that of like-expressed others (scanpy); rank: how high they stand"
            " among a cell's own genes (as in AUCell), which is not moved by normalisation."
        ),
    )
    seed: int = setting(0, title="Seed", help="score_genes draws its control genes.", ge=0, le=2**31 - 1, advanced=True)


class EnrichConfig(Config):
    """Pathways of a comparison."""

    result: str = setting("", title="Comparison", help="Name of a result of differential expression.", hidden=True)
    library: str = setting(CURATED, title="Gene sets from", help="curated, or a GMT file.", hidden=True)
    method: Literal["gsea", "over-representation"] = setting(
        "gsea",
        title="Method",
        help=(
            "gsea looks at where a set's genes stand in the whole ranking; over-representation asks whether genes that"
            " pass the thresholds hold more of a set than chance."
        ),
    )
    min_size: int = setting(
        5, title="Smallest set", help="Sets with fewer tested genes are left out.", unit="genes", ge=2, le=1000
    )
    max_size: int = setting(
        500, title="Largest set", help="Sets with more tested genes are left out.", unit="genes", ge=5, le=10_000
    )
    max_p: float = setting(
        0.05, title="Adjusted p at most", help="Of the genes of an over-representation.", gt=0, le=1, advanced=True
    )
    min_log2_fold: float = setting(
        0.25,
        title="|log2 fold change| at least",
        help="Of the genes of an over-representation.",
        ge=0,
        le=20,
        advanced=True,
    )
    n_permutations: int = setting(
        1000, title="Permutations", help="Of gsea; more give finer p-values.", ge=100, le=100_000, advanced=True
    )
    seed: int = setting(0, title="Seed", help="gsea permutes at random.", ge=0, le=2**31 - 1, advanced=True)


class GeneSetLibraryConfig(Config):
    """A library of gene sets to fetch."""

    name: Literal["GO_Biological_Process_2025", "MSigDB_Hallmark_2020", "Reactome_Pathways_2024", "KEGG_2021_Human"] = (
        setting(
            "MSigDB_Hallmark_2020",
            title="Library",
            help="Fetched from Enrichr over the internet and kept in the workspace. Its own licence holds.",
        )
    )
    folder: str | None = setting(None, title="Folder", help="Where it is kept.", hidden=True)
