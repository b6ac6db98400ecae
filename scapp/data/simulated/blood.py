"""A made-up study of blood in health and in a moderate and a severe infection, with planted truth."""

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from scapp.data.config import BloodConfig
from scapp.data.panels import panel
from scapp.data.simulated.simulate import MITOCHONDRIAL


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CONDITIONS = ("healthy", "moderate", "severe")
ISG = _words(
    "ISG15 IFI6 IFI27 IFI44 IFI44L IFIT1 IFIT2 IFIT3 IFITM1 IFITM2 MX1 MX2 OAS1 OAS2 OAS3 OASL STAT1 STAT2 XAF1 RSAD2"
    " SIGLEC1 IRF9"
)
MHC_II = _words("HLA-DRA HLA-DRB1 HLA-DRB5 HLA-DPA1 HLA-DPB1 HLA-DQA1 HLA-DQB1 HLA-DMA HLA-DMB CD74 CIITA")
MHC_I_DOWN = ("HLA-B", "HLA-C", "TAP1")
MHC_I = ("HLA-A", "HLA-B", "HLA-C", "HLA-E", "HLA-F", "B2M", "TAP1", "TAP2", "TAPBP")
CYTOKINES = _words("IL1B IL6 TNF CCL2 CCL3 CCL4 CXCL8 CXCL10 IL1A IL18 CSF2 CSF3 IL10 IFNG VEGFA")
ALARMINS = ("S100A8", "S100A9", "S100A12")
TARGET = "CD14 monocyte"

PLANTED: dict[str, tuple[tuple[str, ...], float, float]] = {
    "interferon response, up": (ISG, 1.8, 1.0),
    "MHC class II, down": (MHC_II, -0.6, -1.2),
    "MHC class I, some down": (MHC_I_DOWN, -0.3, -0.6),
    "alarmins, up in severe": (ALARMINS, 0.0, 1.0),
    "cytokine storm, unchanged": (CYTOKINES, 0.0, 0.0),
}
"""What -> (genes, natural-log fold change in CD14 monocytes of moderate and of severe patients against healthy donors).
"""

SHARES: dict[str, tuple[float, float, float]] = {
    "CD14 monocyte": (0.22, 0.28, 0.33),
    "CD4 T cell": (0.26, 0.24, 0.20),
    "CD8 T cell": (0.14, 0.14, 0.13),
    "NK cell": (0.13, 0.08, 0.05),
    "B cell": (0.11, 0.12, 0.12),
    "CD16 monocyte": (0.05, 0.025, 0.012),
    "Dendritic cell": (0.03, 0.015, 0.008),
    "Plasmacytoid dendritic cell": (0.02, 0.009, 0.003),
    "Plasma cell": (0.008, 0.02, 0.07),
    "Platelet": (0.04, 0.05, 0.06),
}
"""Expected share of each type in health, moderate and severe disease."""


def _family(stem: str, numbers: str) -> list[str]:
    return [f"{stem}{number}" for number in numbers.split()]


BACKGROUND = (
    *_family(
        "RPL",
        "3 4 5 6 7 7A 8 9 10 10A 11 12 13 13A 14 15 17 18 18A 19 21 22 23 23A 24 26 27 27A 28 29 30 31 32 34 35 35A 36"
        " 37 37A 38 39 41",
    ),
    *_family("RPS", "2 3 3A 4X 5 6 7 8 9 10 11 12 13 14 15 15A 16 17 18 19 20 21 23 24 25 26 27 27A 28 29"),
    *_family("NDUFA", "1 2 3 4 5 6 7 8 9 10 11 12 13"),
    *_family("NDUFB", "1 2 3 4 5 6 7 8 9 10 11"),
    *_family("NDUFS", "1 2 3 4 5 6 7 8"),
    *_family("PSMA", "1 2 3 4 5 6 7"),
    *_family("PSMB", "1 2 3 4 5 6 7 8 9 10"),
    *_family("PSMC", "1 2 3 4 5 6"),
    *_family("PSMD", "1 2 3 4 6 7 8 11 12 13 14"),
    *_family("COX", "4I1 5A 5B 6A1 6B1 6C 7A2 7B 7C 8A"),
    *_family("UQCR", "B C1 C2 FS1 H Q 10 11"),
    *_family("ATP5", "F1A F1B F1C F1D F1E MC1 MC2 MC3 ME MF MG PB PD PF PO"),
    *_family("EIF", "1 1AX 2S1 2S2 2S3 3A 3B 3D 3E 3F 3G 3H 3I 3J 3K 3L 3M 4A1 4A2 4B 4E 4G1 4G2 4H 5 5A 5B 6"),
    *_family("HNRNP", "A0 A1 A2B1 A3 AB C D DL F H1 H2 H3 K L M R U UL1"),
    *_family("SRSF", "1 2 3 4 5 6 7 8 9 10 11"),
    *_family("POLR2", "A B C D E F G H I J K L"),
    *_family(
        "MRPL",
        "1 2 3 4 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 27 28 30 32 33 34 35 36 37 38 39 40 41 42 43 44 45",
    ),
    *_family("MRPS", "2 5 6 7 9 10 11 12 14 15 16 17 18A 18B 18C 21 22 23 24 25 26 27 28 30 31 33 34 35"),
    *_family("CCT", "2 3 4 5 6A 7 8"),
    *_family("SNRP", "A A1 B B2 C D1 D2 D3 E F G N"),
    *_family("TMED", "1 2 3 4 5 7 8 9 10"),
    *_family("VPS", "4A 4B 11 13A 13B 16 18 25 26A 28 29 33A 35 36 37A 39 41 45 52 53"),
    *_family("RAB", "1A 1B 2A 4A 5A 5B 5C 6A 7A 8A 8B 9A 10 11A 11B 14 18 21 22A 27A 35"),
    *_family("ARPC", "1A 1B 2 3 4 5 5L"),
    *_family("CDC", "16 23 25B 26 27 37 40 42 123"),
    *_family("UBE2", "A B D1 D2 D3 E1 E3 G1 H I J1 K L3 L6 M N R2 V1 V2 W Z"),
    *_family(
        "ZNF",
        "10 12 14 16 17 22 24 26 32 33A 33B 34 35 37A 41 43 44 45 46 48 57 64 66 69 70 74 76 77 79 80 81 83 84 85 90 91"
        " 92 93",
    ),
    *_family(
        "SLC",
        "1A4 1A5 2A1 2A3 3A2 4A7 6A6 7A5 7A6 9A1 11A1 12A6 15A3 16A3 20A1 25A3 25A5 25A6 30A1 35A1 38A1 38A2 39A1 43A3"
        " 44A1",
    ),
    *_family(
        "TMEM",
        "14A 14B 14C 30A 33 50A 50B 59 66 87A 106B 109 123 127 134 138 140 141 147 154 156 160 165 167A 173 176B 179"
        " 181 183A 199 205 208 219 222 223 230 248 256 258 259",
    ),
    *_family("KLF", "2 3 4 6 7 9 10 11 12 13"),
    *_family("DDX", "1 3X 5 6 17 18 19A 21 23 24 27 39A 39B 41 42 46 47 49 50 52 54 55 56 59 60"),
    *_family("CCN", "A2 B2 C D1 D2 D3 G1 G2 H I K L1 L2 T1 T2"),
    *_words(
        "ACTB ACTG1 GAPDH PGK1 ENO1 LDHA TPI1 ALDOA PKM TPT1 EEF1A1 EEF1B2 EEF1D EEF1G EEF2 FAU UBA52 UBB UBC NACA BTF3"
        " TMSB4X TMSB10 PFN1 CFL1"
    ),
    *_words(
        "MALAT1 NEAT1 FTL FTH1 SAT1 SRGN VIM ARHGDIB CORO1A PTPRC LAPTM5 CD52 CD48 CD53 CD37 ITGB2 RAC2 HCLS1 LCP1"
        " EVI2B FYB1 SELPLG TXNIP BTG1 JUN JUNB"
    ),
    *_words(
        "FOS FOSB DUSP1 DUSP2 ZFP36 ZFP36L1 ZFP36L2 IER2 NFKBIA CXCR4 HSPA8 HSP90AA1 HSP90AB1 HSPA5 HSPA9 HSPD1 HSPE1"
        " DNAJA1 DNAJB1 CALM1 CALM2 CALR CANX PDIA3 P4HB PPIA PPIB"
    ),
    *_words(
        "YWHAB YWHAE YWHAH YWHAQ YWHAZ RHOA GNAI2 GNB1 GNB2 STK17B PRKCB MAPK1 AKT1 PIK3CD MTOR TP53 MYC MAX EP300"
        " CREB1 ATF4 XRCC5 XRCC6 PCNA MKI67 TOP2A TYMS RRM2 H2AZ1 STMN1"
    ),
)
"""Genes that every cell expresses, by real names."""


def simulate_blood(config: BloodConfig | None = None) -> ad.AnnData:
    """Simulate a study of donors in three conditions.

    Each donor belongs to one condition and one of two batches (crossed with the conditions). Shares of types follow
    ``SHARES`` with a Dirichlet spread between donors; a type expresses its markers (the blood panel); every gene has a
    log-fold change of its own in each donor and each batch, the same in all types; in CD14 monocytes the genes of
    ``PLANTED`` change with the condition. Counts are gamma-Poisson.

    Parameters
    ----------
    config
        Sizes, spreads and seed; the defaults give 6,000 cells of 18 donors.

    Returns
    -------
    AnnData with counts in ``layers["counts"]``; in ``obs``: ``cell_type``, ``donor_id``, ``condition`` (ordered),
    ``batch``; in ``var``: ``planted_set``, and ``planted_moderate`` and ``planted_severe`` (natural-log fold change in
    CD14 monocytes).
    """
    config = config or BloodConfig()
    rng = np.random.default_rng(config.seed)
    markers = panel("blood").types
    types = list(SHARES)
    # dict.fromkeys keeps the first of repeated names
    genes = list(
        dict.fromkeys(
            [
                *BACKGROUND,
                *MITOCHONDRIAL,
                *ISG,
                *MHC_II,
                *MHC_I,
                *CYTOKINES,
                *ALARMINS,
                *(g for t in markers.values() for g in t),
            ]
        )
    )
    at = {gene: i for i, gene in enumerate(genes)}
    log_means = _type_profiles(genes, at, markers, types, rng)

    n_donors = len(CONDITIONS) * config.donors_per_group
    condition_of = np.repeat(np.arange(len(CONDITIONS)), config.donors_per_group)
    batch_of = np.arange(n_donors) % 2
    shares = np.array([rng.dirichlet(config.share_precision * _shares(int(condition))) for condition in condition_of])
    donor_effect = rng.normal(0, config.donor_spread, size=(n_donors, len(genes)))
    batch_effect = rng.normal(0, config.batch_spread, size=(2, len(genes)))

    donor = rng.integers(n_donors, size=config.n_cells)
    kind = np.array(
        [rng.choice(len(types), p=shares[d]) for d in range(n_donors) for _ in range(int((donor == d).sum()))]
    )
    donor = np.sort(donor)
    planted = _planted(at, len(genes))
    log_profile = log_means[kind] + donor_effect[donor] + batch_effect[batch_of[donor]]
    log_profile += planted[condition_of[donor]] * (kind == types.index(TARGET))[:, None]
    profile = np.exp(log_profile)
    profile /= profile.sum(axis=1, keepdims=True)
    library = rng.lognormal(np.log(config.mean_counts), 0.35, size=config.n_cells)
    counts = rng.poisson(profile * library[:, None] * rng.gamma(5.0, 0.2, size=profile.shape)).astype(np.float32)

    order = rng.permutation(config.n_cells)
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical.from_codes(kind, types),
            "donor_id": pd.Categorical.from_codes(donor, [f"donor {i + 1:02d}" for i in range(n_donors)]),
            "condition": pd.Categorical.from_codes(condition_of[donor], CONDITIONS, ordered=True),
            "batch": pd.Categorical.from_codes(batch_of[donor], ["batch 1", "batch 2"]),
        },
        index=[f"cell{i:05d}" for i in range(config.n_cells)],
    ).iloc[order]
    set_of = {gene: name for name, (members, *_) in PLANTED.items() for gene in members}
    var = pd.DataFrame(
        {
            "planted_set": pd.Categorical([set_of.get(gene, "none") for gene in genes], [*PLANTED, "none"]),
            "planted_moderate": planted[1],
            "planted_severe": planted[2],
        },
        index=genes,
    )
    adata = ad.AnnData(obs=obs.set_axis([f"cell{i:05d}" for i in range(config.n_cells)], axis=0), var=var)
    adata.layers["counts"] = sparse.csr_matrix(counts[order])
    return adata


def _type_profiles(
    genes: list[str],
    at: dict[str, int],
    markers: dict[str, tuple[str, ...]],
    types: list[str],
    rng: np.random.Generator,
) -> np.ndarray:
    """log means, (n_types, n_genes): background everywhere, markers high in their types and low elsewhere."""
    base = rng.normal(0, 1.0, size=len(genes))
    base[[at[g] for g in BACKGROUND if g.startswith(("RPL", "RPS"))]] += 2.0
    special = sorted({g for members in markers.values() for g in members} - set(BACKGROUND))
    base[[at[g] for g in special]] = rng.normal(-1.5, 0.5, size=len(special))
    base[[at[g] for g in (*ISG, *CYTOKINES)]] = rng.normal(-0.5, 0.4, size=len(ISG) + len(CYTOKINES))
    base[[at[g] for g in MHC_I]] = rng.normal(1.5, 0.3, size=len(MHC_I))
    base[[at[g] for g in MHC_II]] = rng.normal(-0.5, 0.3, size=len(MHC_II))
    profiles = np.tile(base, (len(types), 1))
    for row, name in enumerate(types):
        raised = [at[g] for g in markers[name]]
        profiles[row, raised] = rng.normal(2.0, 0.4, size=len(raised))
        if name in ("CD14 monocyte", "CD16 monocyte", "B cell", "Dendritic cell", "Plasmacytoid dendritic cell"):
            profiles[row, [at[g] for g in MHC_II]] = rng.normal(1.6, 0.3, size=len(MHC_II))
    return profiles


def _shares(condition: int) -> np.ndarray:
    values = np.array([by_condition[condition] for by_condition in SHARES.values()])
    return np.asarray(values / values.sum())


def _planted(at: dict[str, int], n_genes: int) -> np.ndarray:
    """Planted natural-log fold changes by condition, shape (3, n_genes)."""
    changes = np.zeros((len(CONDITIONS), n_genes))
    for members, moderate, severe in PLANTED.values():
        positions = [at[gene] for gene in members]
        changes[1, positions], changes[2, positions] = moderate, severe
    return changes
