"""The design of a study as a step: which columns say what, and the composition that follows from it."""

from typing import Any

import numpy as np
import pandas as pd

from scapp.analysis.de.composition import compare_shares, shares_of
from scapp.analysis.de.config import StudyConfig
from scapp.analysis.de.design import Study, design_notes, make_study
from scapp.core import keys
from scapp.core.errors import DataError
from scapp.core.step_context import StepContext
from scapp.steps.step import Inputs, Outcome, Reading

COLUMNS = ("condition_key", "donor_key", "cell_type_key", "batch_key")


def set_study(inputs: Inputs, config: StudyConfig, context: StepContext) -> Outcome:
    """Write the design down, and what it says of the composition; see ``analysis.de``."""
    study = study_from(inputs.data, config)
    shares = shares_of(study)
    values = {
        keys.STUDY: {
            **{name: getattr(config, name) or "" for name in COLUMNS},
            "conditions": np.array(study.conditions, dtype=object),
        },
        keys.COMPOSITION: shares,
        keys.COMPOSITION_TESTS: compare_shares(shares, study.conditions),
    }
    summary = {
        "conditions": study.conditions,
        "n_samples": len(study.samples()),
        "n_types": len(study.types),
        "notes": design_notes(study),
    }
    return Outcome(values, summary=summary)


def config_of(written: dict[str, Any]) -> StudyConfig:
    """The design that stands in ``uns/study``."""
    columns = {name: str(written[name]) or None for name in COLUMNS}
    return StudyConfig.build({**columns, "order": tuple(str(name) for name in written["conditions"])})


def read_study(data: Reading) -> tuple[Study, StudyConfig]:
    """The design of a dataset.

    Raises
    ------
    DataError
        None was chosen yet.
    """
    if keys.STUDY not in data:
        raise DataError(
            "No study design was chosen.", hint="Choose it on the Differential expression page, under 'Study design'."
        )
    config = config_of(data.read(keys.STUDY))
    return study_from(data, config), config


def study_from(data: Reading, config: StudyConfig) -> Study:
    """A design read from the annotations of a dataset.

    Raises
    ------
    ScappError
        A column is not there, or the columns hold no comparison.
    """
    named = [name for column in COLUMNS if (name := getattr(config, column)) is not None]
    columns = {name: data.column(name) for name in dict.fromkeys(named)}
    return make_study(pd.DataFrame(columns), config)
