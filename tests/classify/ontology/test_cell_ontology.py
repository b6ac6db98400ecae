"""The Cell Ontology: names, broader terms, propagation, credit. A hand-made ontology, and the real one where it is
installed.
"""

import numpy as np
import pytest

from scapp.classify.ontology.cell_ontology import (
    broader_type,
    credit,
    graph_of,
    load_ontology,
    ontology_of,
    ontology_score,
    plain,
    propagate,
)

# cell > leukocyte > {T cell > {CD4, CD8}, monocyte}
TERMS = {
    "CL:0000000": {"label": "cell", "ancestors": {}},
    "CL:0000001": {"label": "leukocyte", "ancestors": {"CL:0000000": 1}},
    "CL:0000002": {"label": "T cell", "synonyms": ["T lymphocyte"], "ancestors": {"CL:0000001": 1, "CL:0000000": 2}},
    "CL:0000003": {
        "label": "CD4-positive T cell",
        "ancestors": {"CL:0000002": 1, "CL:0000001": 2, "CL:0000000": 3},
    },
    "CL:0000004": {
        "label": "CD8-positive T cell",
        "ancestors": {"CL:0000002": 1, "CL:0000001": 2, "CL:0000000": 3},
    },
    "CL:0000005": {"label": "monocyte", "ancestors": {"CL:0000001": 1, "CL:0000000": 2}},
    "CL:0000006": {"label": "old", "deprecated": True, "ancestors": {}},
    "UBERON:1": {"label": "liver", "ancestors": {}},
}
CELL, LEUKOCYTE, T, CD4, CD8, MONO = (f"CL:{n:07d}" for n in range(6))
ONTOLOGY = ontology_of(TERMS)
TYPES = ["CD4+ T cells", "CD8+ T cell", "Monocytes", "something else"]


def test_names_are_matched_whatever_their_form():
    assert ONTOLOGY.match(TYPES) == [CD4, CD8, MONO, None]
    assert ONTOLOGY.match(
        ["t lymphocytes", "T_cells", "CL:0000005", "my CL:0000002 cells", "CL:9999999", "", "old", "liver"]
    ) == [
        T,
        T,
        MONO,
        T,
        None,
        None,
        None,
        None,
    ]
    assert plain("CD14+ Monocytes") == plain("CD14-positive monocyte") != plain("CD14 monocyte")


def test_the_graph_has_everything_above():
    graph = graph_of(ONTOLOGY, ONTOLOGY.match(TYPES))
    assert graph.nodes[:3] == [CD4, CD8, MONO]
    assert set(graph.nodes) == {CELL, LEUKOCYTE, T, CD4, CD8, MONO}
    covers = dict(zip(graph.nodes, graph.covers.tolist(), strict=True))
    assert covers[T] == [True, True, False, False]
    assert covers[LEUKOCYTE] == [True, True, True, False]
    place = {node: n for n, node in enumerate(graph.nodes)}
    assert graph.edges[place[CD4], place[T]]
    assert graph.edges[place[T], place[CD4]]
    assert not graph.edges[place[CD4], place[LEUKOCYTE]]
    assert graph.matched.tolist() == [True, True, True, False]


def test_propagation_is_the_walks_limit():
    terms = ONTOLOGY.match(TYPES)
    graph = graph_of(ONTOLOGY, terms)
    probabilities = np.array([[0.7, 0.1, 0.1, 0.1], [0.0, 0.0, 0.0, 1.0]])
    found = propagate(probabilities, graph, terms, restart=0.6)
    # walked step by step
    steps = graph.edges / graph.edges.sum(axis=1, keepdims=True)
    start = np.eye(len(graph.nodes))[:3]
    walk = start.copy()
    for _ in range(500):
        walk = 0.6 * start + 0.4 * walk @ steps
    walk = walk[:, :3] / walk[:, :3].sum(axis=1, keepdims=True)
    expected = np.concatenate([probabilities[:, :3] @ walk, probabilities[:, 3:]], axis=1)
    assert np.allclose(found, expected)
    assert np.allclose(found.sum(axis=1), 1)
    assert found[0, 1] > found[0, 2]  # CD8 is nearer to CD4 than a monocyte is
    assert np.array_equal(propagate(probabilities, graph_of(ONTOLOGY, [None] * 4), [None] * 4), probabilities)


def test_a_broader_type_where_none_is_sure():
    terms = ONTOLOGY.match(TYPES)
    probabilities = np.array(
        [
            [0.9, 0.05, 0.05, 0.0],
            [0.45, 0.45, 0.1, 0.0],
            [0.3, 0.3, 0.4, 0.0],
            [0.1, 0.1, 0.0, 0.8],
            [0.2, 0.1, 0.6, 0.1],
        ]
    )
    found = broader_type(probabilities, graph_of(ONTOLOGY, terms), ONTOLOGY, threshold=0.7)
    assert found.tolist() == ["CD4-positive T cell", "T cell", "leukocyte", "", "leukocyte"]
    assert (broader_type(probabilities, graph_of(ONTOLOGY, [None] * 4), ONTOLOGY, threshold=0.5) == "").all()


def test_credit_by_hand():
    assert credit(ONTOLOGY, T, T) == credit(ONTOLOGY, T, CD4) == 1
    assert credit(ONTOLOGY, CD4, T) == 3 / 4  # T, leukocyte, cell of CD4, T, leukocyte, cell
    assert credit(ONTOLOGY, CD4, CELL) == 1 / 4
    assert credit(ONTOLOGY, CD4, CD8) == 0
    assert ontology_score(ONTOLOGY, [CD4, T, CD4, None], [CD8, CD4, T, CD4]) == (pytest.approx(1.75 / 3), 3)
    assert np.isnan(ontology_score(ONTOLOGY, [None], [CD4])[0])


def test_the_real_one():
    pytest.importorskip("cellxgene_ontology_guide", reason="optional: pip install cellxgene-ontology-guide")
    ontology = load_ontology()
    found = ontology.match(["CD14+ Monocytes", "NK", "B cells", "CD8 T cells", "pDC", "nonsense"])
    names = [None if term is None else ontology.labels[term] for term in found]
    assert names == [
        "CD14-positive monocyte",
        "natural killer cell",
        "B cell",
        "CD8-positive, alpha-beta T cell",
        "plasmacytoid dendritic cell",
        None,
    ]
    assert ontology.is_subtype(found[3], of=ontology.match(["T cell"])[0])
