"""Cell types as terms of the Cell Ontology: matching names, broader terms, and scores that know the graph.

The ontology comes with the package cellxgene-ontology-guide, which is optional. Arrays and names in and out; no torch.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from scapp.classify.ontology.term_aliases import ALIASES
from scapp.core.errors import MissingDependencyError

RESTART = 0.8
"""OnClass's chance to go back to where a walk began (Wang et al. 2021)."""
ID = re.compile(r"CL:\d{7}")
ROOT = "CL:0000000"


@dataclass(frozen=True)
class Ontology:
    """Terms and what is above them.

    Parameters
    ----------
    labels
        Id -> name.
    names
        Names and synonyms in plain form (``plain``) -> id; names win over synonyms.
    above
        Id -> ids of all broader terms with their distance.
    """

    labels: Mapping[str, str]
    names: Mapping[str, str]
    above: Mapping[str, Mapping[str, int]]

    def match(self, types: Sequence[str]) -> list[str | None]:
        """Term of each type, by id, name or synonym without regard to case, plural and the way of writing ``+``; None
        where none fits.
        """
        found: list[str | None] = []
        for name in types:
            given = ID.search(name)
            if given and given.group() in self.labels:
                found.append(given.group())
            else:
                found.append(self.names.get(plain(name)))
        return found

    def broader(self, term: str) -> list[str]:
        """The term itself and everything above it."""
        return [term, *self.above.get(term, {})]

    def is_subtype(self, term: str, of: str) -> bool:
        """Whether a term is another one, or below it."""
        return term == of or of in self.above.get(term, {})


def plain(name: str) -> str:
    """A name in the form in which names are compared: 'CD14+ Monocytes' and 'CD14-positive monocyte' are one."""
    text = name.lower().replace("_", " ")
    text = re.sub(r"(cd\d+\w*)\s*\+", r"\1-positive ", text)
    text = re.sub(r"[^a-z0-9]+", " ", text)
    words = [
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in text.split()
    ]
    # 'B' and 'B cell', 'NK' and 'NK cell', 'monocyte' and 'monocyte cell' are one
    return " ".join(words[:-1] if len(words) > 1 and words[-1] == "cell" else words)


def ontology_of(terms: Mapping[str, Mapping[str, Any]]) -> Ontology:
    """From terms with ``label``, ``synonyms``, ``ancestors`` (id -> distance) and ``deprecated``."""
    kept = {id: term for id, term in terms.items() if not term.get("deprecated") and id.startswith("CL:")}
    names: dict[str, str] = {}
    for id, term in kept.items():
        names.setdefault(plain(str(term["label"])), id)
    for id, term in kept.items():
        for synonym in term.get("synonyms") or []:
            names.setdefault(plain(str(synonym)), id)
    # what people write wins over nothing that the ontology itself says
    for short, label in ALIASES.items():
        if plain(label) in names:
            names.setdefault(plain(short), names[plain(label)])
    above = {
        id: {ancestor: int(distance) for ancestor, distance in term["ancestors"].items() if ancestor in kept}
        for id, term in kept.items()
    }
    return Ontology({id: str(term["label"]) for id, term in kept.items()}, names, above)


@lru_cache(maxsize=1)
def load_ontology() -> Ontology:
    """The Cell Ontology as CELLxGENE uses it.

    Raises
    ------
    MissingDependencyError
        The package that carries it is not installed.
    """
    try:
        from cellxgene_ontology_guide.ontology_parser import OntologyParser
    except ImportError as error:
        raise MissingDependencyError(
            "The Cell Ontology is not installed.", hint="Install it with: pip install cellxgene-ontology-guide"
        ) from error
    return ontology_of(OntologyParser().cxg_schema.ontology("CL"))


@dataclass(frozen=True)
class TypeGraph:
    """Matched types and all that is above them.

    Parameters
    ----------
    nodes
        Ids; the types' own terms first, in the order of the types.
    covers
        Whether a node is the term of a type or above it, bool, shape (n_nodes, n_types).
    edges
        Whether two nodes are parent and child, bool, symmetric, shape (n_nodes, n_nodes).
    matched
        Which types have a term, bool, shape (n_types,).
    """

    nodes: list[str]
    covers: np.ndarray
    edges: np.ndarray
    matched: np.ndarray


def graph_of(ontology: Ontology, terms: Sequence[str | None]) -> TypeGraph:
    """The part of the ontology that concerns some types."""
    own = [term for term in terms if term is not None]
    nodes = list(dict.fromkeys([*own, *(node for term in own for node in ontology.above.get(term, {}))]))
    place = {node: number for number, node in enumerate(nodes)}
    covers = np.zeros((len(nodes), len(terms)), dtype=bool)
    for number, term in enumerate(terms):
        if term is not None:
            covers[[place[node] for node in ontology.broader(term)], number] = True
    edges = np.zeros((len(nodes), len(nodes)), dtype=bool)
    for node in nodes:
        for parent, distance in ontology.above.get(node, {}).items():
            if distance == 1:
                edges[place[node], place[parent]] = edges[place[parent], place[node]] = True
    return TypeGraph(nodes, covers, edges, np.array([term is not None for term in terms]))


def propagate(
    probabilities: np.ndarray, graph: TypeGraph, terms: Sequence[str | None], *, restart: float = RESTART
) -> np.ndarray:
    """Let types that are near in the graph share their probability: a random walk with restart from every type's term.

    Parameters
    ----------
    probabilities
        Shape (n_cells, n_types).
    graph, terms
        See ``graph_of``; types without a term keep what they have.
    restart
        Chance to go back to the beginning at each step.

    Returns
    -------
    Scores of the types, shape (n_cells, n_types); rows sum to what they summed to.

    References
    ----------
    Wang et al. 2021 (OnClass), equation 1; the walk's limit is solved for rather than walked to.
    """
    if not graph.matched.any():
        return probabilities.copy()
    degree = graph.edges.sum(axis=1, keepdims=True)
    steps = np.divide(graph.edges, degree, out=np.eye(len(graph.nodes)), where=degree > 0)
    limit = restart * np.linalg.inv(np.eye(len(steps)) - (1 - restart) * steps)
    place = {node: number for number, node in enumerate(graph.nodes)}
    known = np.flatnonzero(graph.matched)
    at = [place[term] for term in terms if term is not None]
    between = limit[np.ix_(at, at)]
    between = between / between.sum(axis=1, keepdims=True)
    scores = probabilities.copy()
    scores[:, known] = probabilities[:, known] @ between
    return scores


def broader_type(probabilities: np.ndarray, graph: TypeGraph, ontology: Ontology, *, threshold: float) -> np.ndarray:
    """The narrowest term that a cell belongs to with enough probability: a broader one where no single type has it.

    Parameters
    ----------
    probabilities
        Of the types, shape (n_cells, n_types).
    graph, ontology
        See ``graph_of``.
    threshold
        Minimum probability.

    Returns
    -------
    Names of terms, ``""`` where only the root, or nothing, reaches the threshold; shape (n_cells,).
    """
    together = probabilities @ graph.covers.T.astype(float)
    breadth = graph.covers.sum(axis=1)
    depth = np.array([len(ontology.above.get(node, {})) for node in graph.nodes])
    # narrowest first: fewest types below it, then deepest in the ontology
    order = np.lexsort((-depth, breadth))
    order = np.array([number for number in order if graph.nodes[number] != ROOT], dtype=np.int64)
    names = np.full(len(probabilities), "", dtype=object)
    if not len(order):
        return names
    reached = together[:, order] >= threshold - 1e-12
    # among terms of the same types below them the cell's own best is taken
    first = reached.argmax(axis=1)
    some = reached.any(axis=1)
    for number in np.unique(first[some]):
        names[some & (first == number)] = ontology.labels[graph.nodes[order[number]]]
    return names


def credit(ontology: Ontology, truth: str, said: str) -> float:
    """What a prediction is worth: 1 for the true term or one below it; for one above it the share of the truth's
    broader terms (and itself) that it also has; 0 elsewhere.
    """
    if ontology.is_subtype(said, of=truth):
        return 1.0
    if ontology.is_subtype(truth, of=said):
        return len(ontology.broader(said)) / len(ontology.broader(truth))
    return 0.0


def ontology_score(ontology: Ontology, truth: Sequence[str | None], said: Sequence[str | None]) -> tuple[float, int]:
    """Mean credit over the cells whose two terms are known, and how many these are; NaN of none."""
    worth: dict[tuple[str, str], float] = {}
    total, n = 0.0, 0
    for true_term, said_term in zip(truth, said, strict=True):
        if true_term is None or said_term is None:
            continue
        pair = (true_term, said_term)
        if pair not in worth:
            worth[pair] = credit(ontology, *pair)
        total, n = total + worth[pair], n + 1
    return (total / n if n else float("nan")), n
