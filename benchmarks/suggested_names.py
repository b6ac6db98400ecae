"""How often a suggested name is right: clusters of labelled datasets, named by the panel of their tissue.

    python -m benchmarks.suggested_names PATH_OF_DATA

The data are those of the developers' folder (benchmarks/README.md says what each is). A name is right where at least
half of the cluster's cells have a label that it stands for, by the table below; labels that are broader than the name
count as right. The threshold below which a broader name is used was chosen on zheng and both sets of kang.
"""

import argparse
import re
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from scipy import sparse

from scapp.analysis.markers.rank_genes import rank_genes
from scapp.analysis.markers.suggested_names import fitting_panel
from scapp.data.panels import PANELS

TISSUES = {
    "zheng_pbmc_facs": "blood",
    "kang_pbmc_ifnb": "blood",
    "kang_pbmc_ifnb_donors": "blood",
    "mca_mouse_gut_small": "gut",
    "haber_mouse_intestine": "gut",
    "pancreas_3studies": "pancreas",
    "pollen_human_cells": "tissue",
    "cellbench_5cl_celseq2": "tissue",
    "mouse_motor_cortex": "brain",
    "cerebellum_reference": "brain",
    "pbmc3k_seurat": "blood",
    "tms_mouse_liver_age": "tissue",
    "tabula_muris_immune_1000": "blood",
    "yan_human_embryo": "",
    "kolodziejczyk_mesc": "",
    "worm_neuron_cao": "",
}
"""Dataset -> the panel of its tissue; none where no panel is of it."""
CHOSEN_ON = ("zheng_pbmc_facs", "kang_pbmc_ifnb", "kang_pbmc_ifnb_donors")
REPORTED = ("mouse_motor_cortex", "pbmc3k_seurat", "tms_mouse_liver_age")
LOGGED = ("pbmc3k_seurat",)
RESOLUTIONS = (0.5, 1.0, 2.0)
T_CELLS = r"CD4|CD8|^T |T cell|T Reg|T Helper|Naive"
STANDS_FOR = {
    "T cell": T_CELLS,
    "CD4 T cell": r"CD4|^T |T cell|T activated|T Helper",
    "Naive T cell": r"[Nn]aive|^T cell",
    "CD8 T cell": r"CD8|^T cell|T activated",
    "Regulatory T cell": r"T Reg|^T cell",
    "NK cell": r"NK",
    "B cell": r"^B\b|CD19|B cell",
    "Monocyte": r"Mono|myeloid",
    "CD14 monocyte": r"CD14|^Monocyte|myeloid",
    "CD16 monocyte": r"CD16|FCGR3A|^Monocyte",
    "Dendritic cell": r"^DC|Dendritic",
    "Plasmacytoid dendritic cell": r"pDC|Plasmacytoid",
    "Platelet": r"Mk|Platelet",
    "Red blood cell": r"Eryth",
    "Neutrophil": r"Granulocyte",
    "Macrophage": r"Macrophage|Microglia|myeloid",
    "Mast cell": r"Mast",
    "Stem or progenitor cell": r"CD34",
    "Beta cell": r"beta",
    "Ductal cell": r"ductal",
    "Excitatory neuron": r"^L\d|GW|Granule|UBC",
    "Inhibitory neuron": r"Lamp5|Pvalb|Sst|Vip|Purkinje|MLI|Golgi|Globular|Candelabrum|Lugaro",
    "Astrocyte": r"Astro|Bergmann",
    "Oligodendrocyte": r"Oligo",
    "Oligodendrocyte precursor": r"OPC|Polydend",
    "Microglia": r"Microglia|Macrophage",
    "Endothelial cell": r"[Ee]ndo(?!crine)",
    "Neural progenitor": r"NPC|GW",
    "Stem cell": r"Stem",
    "Transit amplifying cell": r"TA|Prolif",
    "Enterocyte": r"Enterocyte",
    "Goblet cell": r"Goblet",
    "Paneth cell": r"Paneth",
    "Enteroendocrine cell": r"ndocrine",
    "Tuft cell": r"Tuft",
    "Epithelial cell": r"pithel|Kera|Pit|Parietal|Chief|Goblet|Enterocyte|Paneth|A549|H1975|H2228|H838|HCC|Squam|2338",
    "Fibroblast": r"Fibroblast|BJ",
    "Smooth muscle cell": r"Smooth",
    "Hepatocyte": r"[Hh]epatocyte$",
    "Dividing cell": r"Prolif|iPS|K562|HL60|NPC|2338|2339|BJ|Kera|A549|H838|H1975|H2228|HCC827",
}
"""Name of a panel -> labels of the datasets that it stands for (a regular expression). 2338 is an epithelial line, and
lines divide."""


def rows_of(path: Path, tissue: str) -> list[dict[str, object]]:
    """A row for each cluster of a dataset, at each resolution: its suggestion, and whether it is right."""
    adata = ad.read_h5ad(path)
    if path.stem not in LOGGED:
        sc.pp.normalize_total(adata, target_sum=1e4)
        sc.pp.log1p(adata)
    values = sparse.csr_matrix(adata.X)
    if adata.n_vars > 2000:
        sc.pp.highly_variable_genes(adata, n_top_genes=2000)
    sc.pp.pca(adata, n_comps=min(50, adata.n_obs - 1, adata.n_vars - 1))
    sc.pp.neighbors(adata, n_neighbors=15, use_rep="X_pca")
    labels = adata.obs["cell_type"].astype(str).to_numpy()
    rows: list[dict[str, object]] = []
    for resolution in RESOLUTIONS:
        sc.tl.leiden(adata, resolution=resolution, flavor="igraph", n_iterations=2, random_state=0)
        clusters = pd.Categorical(adata.obs["leiden"])
        markers = rank_genes(values, adata.var_names, clusters)
        sizes = {str(name): int((clusters == name).sum()) for name in clusters.categories}
        fit = fitting_panel(markers, {}, sizes, PANELS)
        shared = {"set": path.stem, "resolution": resolution, "fits": fit.panel.id if fit.panel else ""}
        for found in fit.suggestions[tissue] if tissue else []:
            mine = labels[np.asarray(clusters == found.group)]
            pattern = STANDS_FOR.get(found.name)
            share = float(np.mean([bool(pattern and re.search(pattern, label)) for label in mine]))
            rows.append({**shared, "name": found.name, "sureness": found.sureness, "share": share})
        if not tissue:
            rows.append({**shared, "name": "", "sureness": "no panel of its tissue", "share": float("nan")})
    return rows


def main() -> None:
    """Print how often names are right by sureness, and which panel is taken for each dataset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    folder = parser.parse_args().data
    rows = [row for name, tissue in TISSUES.items() for row in rows_of(folder / f"{name}.h5ad", tissue)]
    table = pd.DataFrame(rows)
    table["right"] = table["share"] >= 0.5
    others = [name for name in TISSUES if name not in (*CHOSEN_ON, *REPORTED)]
    for title, names in (("chosen on", CHOSEN_ON), ("reported", REPORTED), ("others", others)):
        part = table[table["set"].isin(names) & (table["name"] != "")]
        print(f"\n{title}: right of all, by sureness")
        print(part.groupby("sureness")["right"].agg(["sum", "count", "mean"]).round(3).to_string())
    wrong = table[(table["sureness"] == "clear") & ~table["right"]]
    print("\nclear and wrong")
    print(wrong[["set", "resolution", "name", "share"]].round(2).to_string(index=False))
    print("\npanel taken (resolutions), beside that of the tissue")
    taken = table.drop_duplicates(["set", "resolution"]).groupby("set")["fits"].agg(lambda found: ", ".join(found))
    print(pd.DataFrame({"taken": taken, "tissue": pd.Series(TISSUES)}).to_string())


if __name__ == "__main__":
    main()
