"""Marker panels of common cell types, to help with naming. Curated by us from the marker genes that textbooks and the
atlases below agree on; human symbols (mouse genes are matched without regard to case).

Sources: Zheng et al. 2017 and Hao et al. 2021 (blood), Villani et al. 2017 (dendritic cells and monocytes), Domínguez
Conde et al. 2022 (immune cells across tissues), Baron et al. 2016 (pancreas), Haber et al. 2017 (intestine), Tabula
Sapiens 2022 (other tissues), Zeisel et al. 2018 and Yao et al. 2021 (brain).
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Panel:
    """Marker genes of the types of one tissue.

    Parameters
    ----------
    id
        Word for settings.
    title
        Words for people.
    types
        Cell type -> genes that are higher in it than in most other cells of the tissue.
    broader
        Cell type -> what it is called where it cannot be told from another type of the same broader name.
    """

    id: str
    title: str
    types: dict[str, tuple[str, ...]]
    broader: dict[str, str] = field(default_factory=dict)


def _genes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PANELS = (
    Panel(
        "blood",
        "Blood and immune",
        {
            "CD4 T cell": _genes("CD3D CD3E CD4 IL7R LTB LDHB MAL TRAT1 CD40LG AQP3"),
            "Naive T cell": _genes("CD3D CD3E CCR7 SELL LEF1 TCF7 LDHB NOSIP PIK3IP1 CD27"),
            "CD8 T cell": _genes("CD3D CD3E CD8A CD8B CD2 CCL5 GZMK GZMA CST7 CD3G"),
            "Regulatory T cell": _genes("FOXP3 IL2RA CTLA4 TIGIT RTKN2 IKZF2 CD3D CD3E TNFRSF4 BATF"),
            "NK cell": _genes("GNLY NKG7 KLRD1 KLRF1 NCAM1 PRF1 GZMB FGFBP2 SPON2 XCL2 FCGR3A CLIC3"),
            "B cell": _genes("CD79A CD79B MS4A1 CD19 BANK1 CD74 HLA-DRA TCL1A IGHM IGHD LINC00926 VPREB3"),
            "Plasma cell": _genes("MZB1 JCHAIN IGHG1 IGHA1 XBP1 SDC1 DERL3 TNFRSF17 PRDM1 SSR4 IGKC IGLL5"),
            "CD14 monocyte": _genes("CD14 LYZ S100A8 S100A9 S100A12 FCN1 VCAN CST3 MNDA CTSS TYROBP LGALS2"),
            "CD16 monocyte": _genes("FCGR3A MS4A7 LST1 CDKN1C RHOC AIF1 IFITM3 LILRB2 CKB HES4 SIGLEC10 TCF7L2"),
            "Dendritic cell": _genes("FCER1A CD1C CLEC10A HLA-DPA1 HLA-DPB1 HLA-DRA HLA-DQA1 CST3 CD74 CPVL CLEC9A"),
            "Plasmacytoid dendritic cell": _genes(
                "LILRA4 IL3RA CLEC4C GZMB SERPINF1 ITM2C IRF7 TCF4 PLD4 IRF8 JCHAIN MZB1"
            ),
            "Platelet": _genes("PPBP PF4 GNG11 TUBB1 SDPR CAVIN2 ITGA2B GP9 CLU SPARC TREML1 HIST1H2AC"),
            "Red blood cell": _genes("HBB HBA1 HBA2 ALAS2 SLC4A1 AHSP GYPA CA1 HBM HBD"),
            "Neutrophil": _genes("CSF3R FCGR3B CXCR2 S100A8 S100A9 MMP9 LTF CAMP NAMPT G0S2 MNDA ELANE"),
            "Macrophage": _genes("CD68 CD163 MRC1 C1QA C1QB C1QC MARCO APOE CSF1R MSR1 ADGRE1 LYZ"),
            "Mast cell": _genes("TPSAB1 TPSB2 CPA3 KIT MS4A2 HDC GATA2 HPGDS"),
            "Stem or progenitor cell": _genes("CD34 SPINK2 PRSS57 SOX4 CYTL1 GATA2 STMN1 KIT CDK6 AVP EGFL7 SNHG7"),
        },
        broader={
            "CD4 T cell": "T cell",
            "Naive T cell": "T cell",
            "CD8 T cell": "T cell",
            "Regulatory T cell": "T cell",
            "CD14 monocyte": "Monocyte",
            "CD16 monocyte": "Monocyte",
        },
    ),
    Panel(
        "pancreas",
        "Pancreas",
        {
            "Alpha cell": _genes("GCG TTR ARX IRX2 LOXL4 TM4SF4 GC CRYBA2"),
            "Beta cell": _genes("INS IAPP MAFA NKX6-1 DLK1 PDX1 G6PC2 ADCYAP1"),
            "Delta cell": _genes("SST RBP4 HHEX LEPR PCSK1 FFAR4"),
            "Gamma (PP) cell": _genes("PPY AQP3 MEIS2 ETV1 SERTM1"),
            "Ductal cell": _genes("KRT19 CFTR SPP1 SLC4A4 MMP7 TFF1 ANXA4 SOX9"),
            "Acinar cell": _genes("PRSS1 CPA1 CELA3A CTRB1 CTRB2 REG1A PNLIP CLPS"),
            "Stellate cell": _genes("COL1A1 COL1A2 COL3A1 RGS5 PDGFRB LUM DCN"),
            "Endothelial cell": _genes("PECAM1 VWF PLVAP CDH5 FLT1 ESAM CLDN5"),
        },
    ),
    Panel(
        "brain",
        "Brain",
        {
            "Excitatory neuron": _genes("SLC17A7 SLC17A6 CAMK2A SATB2 NEUROD6 NEUROD2 NRGN TBR1"),
            "Inhibitory neuron": _genes("GAD1 GAD2 SLC32A1 DLX1 DLX2 SST PVALB VIP LAMP5"),
            "Astrocyte": _genes("AQP4 GFAP ALDH1L1 SLC1A3 SLC1A2 GJA1 S100B ALDOC"),
            "Oligodendrocyte": _genes("MBP PLP1 MOG MAG MOBP CNP CLDN11 OPALIN"),
            "Oligodendrocyte precursor": _genes("PDGFRA CSPG4 OLIG1 OLIG2 VCAN SOX10 GPR17"),
            "Microglia": _genes("CX3CR1 P2RY12 TMEM119 CSF1R C1QA C1QB AIF1 HEXB"),
            "Endothelial cell": _genes("CLDN5 FLT1 PECAM1 VWF CDH5 ITM2A ESAM"),
            "Pericyte": _genes("PDGFRB RGS5 KCNJ8 ABCC9 VTN HIGD1B"),
            "Neural progenitor": _genes("SOX2 PAX6 NES HES1 VIM MKI67 TOP2A EOMES"),
        },
    ),
    Panel(
        "gut",
        "Intestine",
        {
            "Stem cell": _genes("LGR5 ASCL2 OLFM4 SLC12A2 AXIN2 SMOC2"),
            "Transit amplifying cell": _genes("MKI67 TOP2A PCNA STMN1 CENPF UBE2C"),
            "Enterocyte": _genes("ALPI APOA1 APOA4 FABP1 FABP2 RBP2 SIS VIL1"),
            "Goblet cell": _genes("MUC2 TFF3 CLCA1 AGR2 SPINK4 FCGBP ZG16"),
            "Paneth cell": _genes("LYZ1 LYZ DEFA5 DEFA6 DEFA17 DEFA24 ANG4 MMP7 REG3A"),
            "Enteroendocrine cell": _genes("CHGA CHGB NEUROD1 TAC1 TPH1 SCT CCK GCG"),
            "Tuft cell": _genes("DCLK1 TRPM5 POU2F3 AVIL RGS13 SH2D6 LRMP"),
        },
    ),
    Panel(
        "tissue",
        "Other tissues",
        {
            "Epithelial cell": _genes("EPCAM KRT8 KRT18 KRT19 CDH1 CLDN4 KRT5 KRT14"),
            "Fibroblast": _genes("COL1A1 COL1A2 COL3A1 DCN LUM PDGFRA PDPN FAP"),
            "Endothelial cell": _genes("PECAM1 VWF CDH5 CLDN5 FLT1 KDR ENG EMCN"),
            "Smooth muscle cell": _genes("ACTA2 MYH11 TAGLN CNN1 MYLK DES"),
            "Hepatocyte": _genes("ALB APOA1 APOB TTR CYP3A4 HP TF SERPINA1"),
            "Cardiomyocyte": _genes("TNNT2 MYH6 MYH7 ACTC1 NPPA MYL2 MYL7 TTN"),
            "Melanocyte": _genes("MLANA PMEL TYR DCT MITF TYRP1"),
            "Adipocyte": _genes("ADIPOQ PLIN1 LEP FABP4 LPL CIDEC"),
            "Dividing cell": _genes("MKI67 TOP2A CCNB1 CDK1 BIRC5 UBE2C CENPF TYMS"),
        },
    ),
)


def panel(id: str) -> Panel:
    """Find a panel by its id."""
    return next(found for found in PANELS if found.id == id)
