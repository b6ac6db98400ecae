"""The Cell Ontology on the Classification page: are mistakes at least near the truth?"""

import numpy as np
import pandas as pd
import streamlit as st

from scapp.classify.ontology.cell_ontology import Ontology, graph_of, load_ontology, ontology_score, propagate
from scapp.core.errors import MissingDependencyError
from scapp.steps.config import CIRCLE_PROBABILITIES_FILE, PROBABILITIES_FILE
from scapp.ui.classify import words
from scapp.ui.kit.widgets import show_table
from scapp.workspace.runs.run import Run


def ontology_section(run: Run, types: list[str], codes: np.ndarray) -> None:
    """Scores of test cells that know the ontology's graph, behind a toggle.

    Parameters
    ----------
    run
        A classifier.
    types
        Its types.
    codes
        Type of each test cell.
    """
    st.subheader("By the Cell Ontology")
    if not st.toggle("Match the types with the Cell Ontology", key=f"ontology.{run.id}", help=words.ONTOLOGY):
        return
    try:
        ontology = load_ontology()
    except MissingDependencyError as error:
        st.info(f"{error.message} {error.hint}")
        return
    terms = ontology.match(types)
    matched = sum(term is not None for term in terms)
    names = pd.DataFrame(
        {
            "type": types,
            "term": [ontology.labels[t] if t else "" for t in terms],
            "id": [t or "" for t in terms],
        }
    )
    if matched < 2:
        st.info(f"{matched} of {len(types)} types has a name that the ontology knows: too few to say anything.")
        return
    st.caption(f"{matched} of {len(types)} types were matched; test cells of the others are left out here.")
    scores = _scores(run, ontology, terms, codes)
    show_table(scores, key=f"ontology.scores.{run.id}", name="ontology_scores", alt="Scores that know the ontology")
    st.caption(words.ONTOLOGY_SCORES)
    with st.expander("Which term each type was matched with"):
        show_table(names, key=f"ontology.terms.{run.id}", name="ontology_terms", alt="Types and terms")


def _scores(run: Run, ontology: Ontology, terms: list[str | None], codes: np.ndarray) -> pd.DataFrame:
    graph = graph_of(ontology, terms)
    truth = [terms[code] for code in codes]
    rows = []
    for title, file in (("the classifier", PROBABILITIES_FILE), ("each type's own circle", CIRCLE_PROBABILITIES_FILE)):
        path = run.folder / file
        if not path.exists():
            continue
        probabilities = np.load(path, allow_pickle=False).astype(float)
        for how, scores in (("", probabilities), (", propagated", propagate(probabilities, graph, terms))):
            said = scores.argmax(axis=1)
            known = np.array([term is not None for term in truth])
            worth, n = ontology_score(ontology, truth, [terms[code] for code in said])
            rows.append(
                {
                    "probabilities of": title + how,
                    "exactly right": round(float((said == codes)[known].mean()), 4),
                    "right or near in the ontology": round(worth, 4),
                    "test cells": n,
                }
            )
    return pd.DataFrame(rows)
