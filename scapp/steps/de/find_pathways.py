"""Pathways of a comparison as a step."""

from pathlib import Path

from scapp.analysis.de.config import CURATED, EnrichConfig
from scapp.analysis.de.enrichment import gsea, over_representation
from scapp.analysis.de.gene_tables import passing, ranking_of
from scapp.core import keys
from scapp.core.errors import DataError, listed
from scapp.core.step_context import StepContext
from scapp.steps.de.matched_sets import sets_of
from scapp.steps.step import Inputs, Outcome

N_TOP = 10


def find_pathways(inputs: Inputs, config: EnrichConfig, context: StepContext) -> Outcome:
    """A table of pathways; see ``analysis.enrichment``. The background is the tested genes.

    Raises
    ------
    DataError
        There is no such comparison.
    """
    data = inputs.data
    slot = keys.differential(config.result)
    if slot not in data:
        raise DataError(
            f"There is no comparison '{config.result}'; there are {listed(keys.differentials(data.slots))}.",
            hint="Find differential genes first, on the Differential expression page.",
        )
    context.report(0, 2, "matching genes")
    genes = data.read(slot)
    sets, titles = sets_of(data, config.library)
    context.raise_if_stopped()
    context.report(1, 2, f"{config.method} of {len(sets):,} sets and {len(genes):,} genes")
    if config.method == "gsea":
        table = gsea(
            ranking_of(genes),
            sets,
            min_size=config.min_size,
            max_size=config.max_size,
            n_permutations=config.n_permutations,
            seed=config.seed,
        )
    else:
        found = passing(genes, max_p=config.max_p, min_log2_fold=config.min_log2_fold)
        lists = {
            "up": found.loc[found["log2_fold_change"] > 0, "gene"].tolist(),
            "down": found.loc[found["log2_fold_change"] < 0, "gene"].tolist(),
        }
        table = over_representation(
            lists, genes["gene"].tolist(), sets, min_size=config.min_size, max_size=config.max_size
        )
    symbol_of = dict(zip(genes["gene"], genes["symbol"], strict=True))
    table.insert(1, "title", table["set"].map(titles))
    table["leading_genes"] = [" ".join(symbol_of.get(g, g) for g in text.split()) for text in table["leading_genes"]]
    name = enrichment_name(config)
    up, down = (table[(table["p_value_adjusted"] <= 0.05) & (table["direction"] == d)] for d in ("up", "down"))
    summary = {
        "name": name,
        "n_sets": len(table),
        "top_sets_up": up["title"].head(N_TOP).tolist(),
        "top_sets_down": down["title"].head(N_TOP).tolist(),
    }
    return Outcome({keys.enrichment(name): table}, summary=summary)


def enrichment_name(config: EnrichConfig) -> str:
    """A result by comparison, method and library."""
    stem = Path(config.library).stem
    library = CURATED if config.library == CURATED else f"{stem} (file)" if stem == CURATED else stem
    return f"{config.result} · {config.method} · {library}"
