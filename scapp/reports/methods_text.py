"""A paragraph of methods from a dataset's history: what was done, with parameters, versions and citations."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from scapp.clear.augment.augmentations import AUGMENTATIONS, settings_of
from scapp.clear.augment.config import AugmentationConfig
from scapp.clear.config import ClearConfig
from scapp.clear.training.effective_sizes import effective_epochs
from scapp.core import keys
from scapp.core.errors import listed
from scapp.core.provenance import Provenance
from scapp.workspace.datasets.dataset import Dataset
from scapp.workspace.datasets.history import needed

SCANPY = (
    "Wolf FA, Angerer P, Theis FJ. SCANPY: large-scale single-cell gene expression data analysis. Genome Biol 2018;"
    " 19: 15."
)
CLEAR = (
    "Han W, Cheng Y, Chen J, et al. Self-supervised contrastive learning for integrative single cell RNA-seq data"
    " analysis. Brief Bioinform 2022; 23(5): bbac377."
)
CITATIONS = {
    "doublets": "Wolock SL, Lopez R, Klein AM. Scrublet. Cell Syst 2019; 8: 281-291.",
    "clear": CLEAR,
    "umap": "McInnes L, Healy J, Melville J. UMAP. arXiv 2018; 1802.03426.",
    "tsne": "van der Maaten L, Hinton G. Visualizing data using t-SNE. J Mach Learn Res 2008; 9: 2579-2605.",
    "harmony": (
        "Korsunsky I, Millard N, Fan J, et al. Fast, sensitive and accurate integration of single-cell data with"
        " Harmony. Nat Methods 2019; 16: 1289-1296."
    ),
    "leiden": "Traag VA, Waltman L, van Eck NJ. From Louvain to Leiden. Sci Rep 2019; 9: 5233.",
    "deseq2": (
        "Love MI, Huber W, Anders S. Moderated estimation of fold change and dispersion for RNA-seq data with DESeq2."
        " Genome Biol 2014; 15: 550."
    ),
    "pydeseq2": (
        "Muzellec B, Telenczuk M, Cabeli V, Andreux M. PyDESeq2: a python package for bulk RNA-seq differential"
        " expression analysis. Bioinformatics 2023; 39: btad547."
    ),
    "pseudobulk": (
        "Squair JW, Gautier M, Kathe C, et al. Confronting false discoveries in single-cell differential expression."
        " Nat Commun 2021; 12: 5692."
    ),
    "score": (
        "Tirosh I, Izar B, Prakadan SM, et al. Dissecting the multicellular ecosystem of metastatic melanoma by"
        " single-cell RNA-seq. Science 2016; 352: 189-196."
    ),
    "aucell": (
        "Aibar S, Gonzalez-Blas CB, Moerman T, et al. SCENIC: single-cell regulatory network inference and clustering."
        " Nat Methods 2017; 14: 1083-1086."
    ),
    "gsea": (
        "Subramanian A, Tamayo P, Mootha VK, et al. Gene set enrichment analysis. Proc Natl Acad Sci USA 2005; 102:"
        " 15545-15550."
    ),
    "gseapy": (
        "Fang Z, Liu X, Peltz G. GSEApy: a comprehensive package for performing gene set enrichment analysis in Python."
        " Bioinformatics 2023; 39: btac757."
    ),
    "louvain": (
        "Blondel VD, Guillaume JL, Lambiotte R, Lefebvre E. Fast unfolding of communities in large networks. J Stat"
        " Mech 2008; P10008."
    ),
}

SEVERAL = {"de": ("deseq2", "pydeseq2", "pseudobulk"), "score": ("score", "aucell"), "enrich": ("gsea", "gseapy")}
"""Steps that rest on several works."""


def methods_text(dataset: Dataset) -> str:
    """Sentences for every step that is behind what is in place, and the citations that they need."""
    records = needed(dataset.manifest)
    # the same thing done twice (a second label, clusters named again) is said once
    sentences = list(dict.fromkeys(sentence for record in records if (sentence := _sentence(record, dataset))))
    cited = dict.fromkeys(citation for record in records for citation in _citations(record))
    versions: dict[str, str] = {}
    for record in records:
        versions |= record.versions
    used = ", ".join(
        f"{name} {versions[name]}"
        for name in ("python", "scanpy", "anndata", "torch", "pydeseq2", "gseapy")
        if name in versions
    )
    software = f"Analyses were done with scapp {versions.get('scapp', '')} ({used})."
    references = "\n".join(f"{number}. {text}" for number, text in enumerate([SCANPY, *cited], start=1))
    return " ".join([*sentences, software]) + "\n\nReferences\n\n" + references + "\n"


def _sentence(record: Provenance, dataset: Dataset) -> str:
    write = SENTENCES.get(record.step)
    return write(record.config, record.result, dataset) if write is not None else ""


def _citations(record: Provenance) -> list[str]:
    if record.step == "map":
        return [CITATIONS[record.config.get("method", "umap")], CITATIONS["leiden"]]
    if record.step == "sweep":
        return [CITATIONS["leiden"]]
    if record.step in SEVERAL:
        return [CITATIONS[name] for name in SEVERAL[record.step]]
    found = CITATIONS.get(record.config.get("method", "") if record.step == "cluster" else record.step)
    return [found] if found else []


def _import(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    source = dataset.manifest.source
    samples = source.get("samples") or []
    where = f"'{source.get('file', 'the file')}'"
    if samples:
        names = [str(next(iter(sample.values()), "")) for sample in samples]
        return f"{len(samples)} samples of {where} ({listed(names, 12)}) were joined by gene id."
    return f"Values were taken from {source.get('taken_from', 'the file')} of {where}."


def _doublets(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    per = f" within each {config['batch_key']}" if config.get("batch_key") else ""
    return f"Doublet scores were computed with Scrublet{per} (expected rate {config['expected_doublet_rate']:g})."


LIMITS = (
    ("min_genes", "at least {} genes"),
    ("max_genes", "at most {} genes"),
    ("min_counts", "at least {} counts"),
    ("max_counts", "at most {} counts"),
    ("max_pct_mt", "at most {}% mitochondrial counts"),
    ("max_doublet_score", "a doublet score of at most {}"),
)


def _prepare(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    limits = [text.format(f"{config[name]:g}") for name, text in LIMITS if config.get(name)]
    report = made or (dataset.read(keys.PREPARATION) if keys.PREPARATION in dataset else {})
    numbers = ""
    if report:
        numbers = (
            f" ({int(report['n_cells_after']):,} of {int(report['n_cells_before']):,} cells and"
            f" {int(report['n_genes_after']):,} of {int(report['n_genes_before']):,} genes)"
        )
    cells = f"Cells with {', '.join(limits)}" if limits else "All cells"
    genes = f" and genes seen in at least {config['min_cells']} cells" if config["min_cells"] > 0 else ""
    batch = f", ranked within each {config['batch_key']}" if config.get("batch_key") else ""
    scaled = " of scaled values" if config["scale_for_pca"] else ""
    if made.get("normalised", True):
        normalised = f"Counts were scaled to {config['target_sum']:,.0f} per cell and log1p-transformed"
    else:
        normalised = "Values were used as imported, without normalising them again"
    n_genes = made.get("n_highly_variable", config["n_top_genes"])
    chosen = f"{n_genes:,} highly variable genes were chosen by the '{config['flavor']}' method{batch}"
    if made and n_genes == made.get("n_genes_after"):
        chosen = f"all {n_genes:,} genes were used"
    n_components = made.get("n_components", config["n_pcs"])
    return (
        f"{cells}{genes} were kept{numbers}. {normalised}; {chosen}, and {n_components} principal components{scaled}"
        f" computed (seed {config['seed']})."
    )


def _clear(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    settings = ClearConfig.build(config)
    width = settings.representation_width
    positives = (
        f"views of a cell and of one of its {settings.n_neighbors} nearest neighbours"
        if settings.positives == "neighbours"
        else "two views of each cell"
    )
    batches = f", cells of one {settings.batch_key} at a time" if settings.batch_key else ""
    if settings.batch_key and settings.positives == "neighbours" and settings.batch_positives == "across":
        positives += f" in Harmony's PCA over all {settings.batch_key}"
    afterwards = ""
    if settings.batch_key and settings.after_training == "harmony":
        afterwards = f" What was left of {settings.batch_key} was taken away by Harmony (theta 1)."
    if settings.has_pca_beside:
        afterwards += " 50 principal components of the same genes stand beside it, both at a total variance of one."
    keys_from = (
        f"a momentum encoder ({settings.momentum:g})"
        if settings.key_encoder == "momentum"
        else "the query encoder itself"
    )
    n_epochs = made.get("epochs", effective_epochs(settings, dataset.n_cells))
    negatives = ["the other cells of the step"] if settings.symmetric else []
    negatives += [f"a queue of {settings.queue_size:,} keys"] if settings.queue_size and not settings.batch_key else []
    return (
        f"A representation of {width} dimensions was trained by self-supervised contrastive learning (CLEAR, preset"
        f" '{settings.preset}'): {n_epochs} epochs, up to {settings.batch_size}"
        f" cells per step{batches}, positives {positives}, negatives {' and '.join(negatives)}, keys from {keys_from},"
        f" temperature {settings.temperature:g}, optimizer {settings.optimizer} at learning rate"
        f" {settings.learning_rate:g} (seed {settings.seed}). Views were made by"
        f" {_augmentations(settings.augmentation)}.{afterwards}"
    )


def _augmentations(config: AugmentationConfig) -> str:
    """The augmentations that are on, with how often and how much."""
    found = []
    for augmentation in AUGMENTATIONS:
        often, share, strength = settings_of(augmentation, config)
        if min(often, share) > 0:
            sd = f", SD {strength:g}" if augmentation.has_strength else ""
            found.append(f"{augmentation.title.lower()} (share {share:g}{sd}, probability {often:g})")
    return listed(found, len(found)) if found else "no augmentation"


def _choose(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    return f"Of the CLEAR representations, '{config['representation']}' was taken as the CLEAR representation."


def _map(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    rounds = f", {config['epochs']} epochs" if config.get("epochs") else ""
    drawn = {
        "umap": f"UMAP (minimum distance {config['min_dist']:g}{rounds})",
        "tsne": f"t-SNE (perplexity {config.get('perplexity', 30):g})",
    }[config.get("method", "umap")]
    return (
        f"From {_name(config['representation'])}, a graph of {config['n_neighbors']} nearest neighbours was made, drawn"
        f" by {drawn} and clustered by Leiden at resolution {config['resolution']:g} (seed {config['seed']})."
    )


def _harmony(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    how = f"diversity penalty {config['theta']:g} and cluster width {config['sigma']:g}"
    if config["tune"]:
        how = "diversity penalty and cluster width chosen without labels"
    return (
        f"Differences between the batches of '{config['batch_key']}' were removed from the principal components by"
        f" Harmony, {how} (seed {config['seed']})."
    )


def _cluster(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    name = _name(config["representation"])
    if config["method"] == "kmeans":
        return f"Cells were clustered into {config['n_clusters']} groups by k-means on {name} (seed {config['seed']})."
    return (
        f"Cells were clustered by {config['method'].capitalize()} at resolution {config['resolution']:g} on the graph"
        f" of {name} (seed {config['seed']})."
    )


def _sweep(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    return f"Leiden was run at {config['n_steps']} resolutions from {config['lowest']:g} to {config['highest']:g}."


def _markers(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    test = {"wilcoxon": "the Wilcoxon rank-sum test", "t-test": "Welch's t-test"}[config["method"]]
    if config.get("selection"):
        what = "two selections of cells" if config.get("against") else "selected cells and all others"
        return f"Genes that differ between {what} were found by {test}."
    return (
        f"Marker genes of each group of '{config['groupby']}' were found by {test} against all other cells, p-values"
        " adjusted by Benjamini and Hochberg."
    )


def _annotate(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    return f"Cells selected on the map were labelled '{config['label']}' by hand (annotation '{config['column']}')."


def _naming(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    return (
        f"Clusters of '{config['source']}' were named by the authors from their marker genes (annotation"
        f" '{config['column']}')."
    )


def _suggest(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    if not made.get("n_named"):
        return f"No marker panel fitted the clusters of '{config['source']}', and no names were suggested."
    return (
        f"Names were suggested for clusters of '{config['source']}' by the area under the curve of a panel's markers"
        f" among the cluster's genes (panel '{made['panel']}', annotation '{made['column']}')."
    )


def _subset(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    return (
        "Selected cells were made a dataset of their own, and highly variable genes and principal components chosen"
        " anew among them."
    )


def _name(representation: str) -> str:
    return {"pca": "principal components", "clear": "the CLEAR representation"}.get(
        representation, f"the representation '{representation}'"
    )


COMPONENT_WORDS = {
    "none": "without a contrastive component",
    "mlp": "with the contrastive component MLP-CC",
    "mls": "with the contrastive component MLS-CC",
    "competing": "with circles that compete for each cell",
}


def _classify(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    base = {"lr": "logistic regression", "actinn": "ACTINN", "scdae": "scDAE"}[config["base"]]
    held = f", holding out whole groups of '{config['hold_out_key']}'," if config.get("hold_out_key") else ""
    return (
        f"A cell-type classifier ({base}, {COMPONENT_WORDS[config['component']]}) was trained on the labels"
        f" '{config['label_key']}'{held} with {config['valid_share']:.0%} of the cells of each type for validation and"
        f" {config['test_share']:.0%} for the test."
    )


def _apply(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    return (
        "Cells were placed by a CLEAR encoder that another dataset had trained, with"
        f" {made.get('n_genes', 0) - made.get('n_genes_missing', 0):,} of its {made.get('n_genes', 0):,} genes."
        + (
            " On that dataset's map each stands at the median of its 15 nearest cells there, weighted by 1 / distance."
            if "map" in made
            else ""
        )
    )


def _predict(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    below = (
        f"; cells below a probability of {config['threshold']:g} were left unassigned" if config["threshold"] else ""
    )
    of = "a classifier"
    if made.get("trained_on_these_cells"):
        of = "a classifier trained on labelled cells of this dataset"
    elif made.get("trained_on"):
        of = f"a classifier trained on '{made['trained_on']}'"
    return f"Cell types were predicted by {of}{below}."


def _experiment(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    return (
        f"Classifiers with and without contrastive components were compared on the labels '{config['label_key']}' over"
        f" {config['seeds']} seeds."
    )


def _study(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    donors = f"donors ('{config['donor_key']}')" if config.get("donor_key") else "cells, as no donors were named"
    types = f" of each type of '{config['cell_type_key']}'" if config.get("cell_type_key") else ""
    return (
        f"Conditions ('{config['condition_key']}') were compared with {donors} as the units. Shares{types} were"
        " compared between conditions by rank tests (Mann-Whitney; Wilcoxon's signed ranks where the same donors have"
        " both conditions; Kruskal-Wallis for more than two) and t-tests on logit shares, p-values adjusted by"
        " Benjamini and Hochberg."
    )


def _differential(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    where = f"in {listed(config['cell_types'], 12)}" if config["cell_types"] else "in all cells"
    extra = [*config["covariates"], *(["donor"] if config["pairing"] == "yes" else [])]
    covariates = f" with {listed(extra)} as covariates" if extra else ""
    pairing = (
        " (and donor as a covariate where the same donors had both conditions)" if config["pairing"] == "auto" else ""
    )
    bulk = (
        f"counts of the cells of a donor (at least {config['min_cells']}) were summed and conditions compared by"
        f" PyDESeq2's Wald test{covariates}{pairing}"
    )
    cells = (
        "an exploratory test of single cells ({}) was made by scanpy, whose p-values are far too small because cells of"
        " a donor are not independent"
    )
    test = {
        "pseudobulk": bulk,
        "auto": (
            f"{bulk}; where a side had fewer than two such donors or no counts, {cells.format('Wilcoxon rank-sum')}"
        ),
    }.get(
        config["method"],
        cells.format({"wilcoxon": "Wilcoxon rank-sum", "t-test": "Welch's t"}.get(config["method"], "")),
    )
    happened = ""
    if config["method"] == "auto" and made:
        happened = f" ({made['n_pseudobulk']} comparisons by pseudobulk, {made['n_exploratory']} exploratory)"
    return (
        f"Differential expression {where}: {test}{happened}. Genes seen in fewer than {config['min_share']:g}% of the"
        " cells of both sides were not tested."
    )


def _score(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    how = {
        "score_genes": (
            "as the mean of its genes less that of control genes of like expression (scanpy's score_genes, seed"
            f" {config['seed']})"
        ),
        "rank": (
            "by how high its genes stand in the cell's own ranking (area under the recovery curve over the top 5%,"
            " after AUCell)"
        ),
    }[config["method"]]
    n_sets = made.get("n_sets", len(config["sets"]) + len(config["typed"]))
    return f"Every cell was scored for {n_sets} gene sets, each {how}; conditions were compared on the means of donors."


def _enrich(config: dict[str, Any], made: dict[str, Any], dataset: Dataset) -> str:
    sets = f"sets of {config['min_size']} to {config['max_size']} tested genes ({Path(config['library']).stem})"
    if config["method"] == "gsea":
        return (
            f"Gene set enrichment of '{config['result']}' was computed by gseapy's prerank on the test statistic"
            f" ({sets}, {config['n_permutations']} permutations of genes, seed {config['seed']})."
        )
    return (
        f"Over-representation among the genes of '{config['result']}' with adjusted p of at most {config['max_p']:g}"
        f" and an absolute log2 fold change of at least {config['min_log2_fold']:g} was tested by gseapy's"
        f" hypergeometric test against the tested genes ({sets})."
    )


# Each function gets the step's settings, what the step said of its result (empty in records of scapp 0.1.0), and the
# dataset. What happened is stated, not what was asked for.
SENTENCES: dict[str, Callable[[dict[str, Any], dict[str, Any], Dataset], str]] = {
    "import": _import,
    "doublets": _doublets,
    "prepare": _prepare,
    "clear": _clear,
    "classify": _classify,
    "apply": _apply,
    "predict": _predict,
    "experiment": _experiment,
    "choose": _choose,
    "map": _map,
    "harmony": _harmony,
    "cluster": _cluster,
    "sweep": _sweep,
    "markers": _markers,
    "suggest": _suggest,
    "annotate": _annotate,
    "name_clusters": _naming,
    "subset": _subset,
    "study": _study,
    "de": _differential,
    "score": _score,
    "enrich": _enrich,
}
