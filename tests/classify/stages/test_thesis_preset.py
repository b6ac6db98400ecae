"""The preset ``thesis``: what it sets, how its stages go and end, and its losses as printed."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from scapp.classify.base_models import BASE_MODELS
from scapp.classify.config import ClassifierConfig, classifier_config
from scapp.classify.experiment.config import ExperimentConfig
from scapp.classify.experiment.thesis_experiment import jobs_of
from scapp.classify.splits import Split
from scapp.classify.stages import base_stage, four_steps
from scapp.classify.stages.fit_loop import Stage, run_stage
from scapp.classify.stages.four_steps import train_network
from scapp.classify.stages.plan import Cells, Plan
from scapp.classify.stages.procedures import THESIS, Procedure
from scapp.core.errors import ConfigError
from scapp.core.step_context import QuietContext
from tests.classify.test_classifier import annotated, fitted

__all__ = ["annotated"]


class Told(QuietContext):
    """Keeps the rows."""

    def __init__(self):
        self.rows, self.said = [], []

    def report(self, done, total, text):
        self.said.append(text)

    def log_metrics(self, row):
        self.rows.append(row)


def test_a_preset_means_its_settings_and_others_may_be_given_beside_it():
    thesis = classifier_config("thesis")
    assert (thesis.training, thesis.start, thesis.reduction) == ("thesis", "random", "sum")
    assert (thesis.balanced, thesis.n_components, thesis.mls_positives) == (False, 0, "as_printed")
    assert classifier_config("thesis", mls_positives="one_vs_rest").mls_positives == "one_vs_rest"
    assert ClassifierConfig() == classifier_config("recommended")
    with pytest.raises(ConfigError, match="preset"):
        classifier_config("paper")


def test_the_experiment_trains_all_nine_classifiers_of_table_1():
    config = ExperimentConfig.build({"preset": "thesis", "references": False, "seeds": 1, "simple": False})
    models = {job.model for job in jobs_of(config, with_clear=False)}
    assert models == {f"{base}{h}" for base, h in itertools.product(BASE_MODELS, ("", "+mlp", "+mls"))}
    assert config.classifier(base="actinn").training == "thesis"
    assert ExperimentConfig.build({"preset": "thesis", "scdae": False}).scdae is False


def test_actinns_rate_falls_as_its_authors_have_it():
    of_actinn = THESIS["actinn"]
    assert (of_actinn.optimizer, of_actinn.learning_rate, of_actinn.batch_size) == ("adam", 1e-4, 128)
    assert [of_actinn.factor(step) for step in (0, 999, 1000, 2000)] == pytest.approx([1, 1, 0.95, 0.95**2])
    assert of_actinn.n_steps(1000) == 50 * 8
    assert of_actinn.steps_per_epoch(5) == 1


def staged(validations, patience, epochs=20):
    """Runs a stage whose validation losses are given, one an epoch of two steps, after that of the start."""
    module = nn.Linear(1, 1)
    told = iter(validations)
    procedure = Procedure("adam", 0.1, 4, epochs, lambda step: 1.0, patience)
    stage = Stage(
        "stage",
        [module],
        lambda places: module(torch.ones(1, 1)).square().sum(),
        lambda: next(told),
        steps=2 * epochs,
        learning_rate=0.1,
        procedure=procedure,
        every=2,
    )
    context = Told()
    kept = run_stage(stage, itertools.repeat(torch.arange(4)), context, done=0, total=1)
    last = context.rows[-1]["step"]
    assert context.said[-1].endswith(f"after epoch {last // 2} of {epochs}; that of epoch {kept // 2} is kept")
    return kept, last


def test_a_stage_ends_when_validation_has_not_improved_for_a_while():
    # the start, then epochs 1, 2, ...: the best is epoch 2, and epochs 3 to 5 bring nothing better
    assert staged([9, 8, 5, 6, 7, 6, 4, 3], patience=3) == (4, 10)
    # an improvement in time goes on to the end
    assert staged([9, 8, 5, 6, 7, 4, 5, 6, 7], patience=3, epochs=8) == (10, 16)
    assert staged([1, *range(2, 10)], patience=3) == (0, 6)


@pytest.mark.parametrize("base", ["lr", "actinn", "scdae"])
@pytest.mark.parametrize("component", ["none", "mls"])
def test_every_base_is_trained_step_by_step(annotated, monkeypatch, base, component):
    def refuse(*_args, **_kwargs):
        raise AssertionError("solved, or trained in principal components")

    monkeypatch.setattr(base_stage, "solve_linear", refuse)
    monkeypatch.setattr(four_steps, "basis_of", refuse)
    classifier = fitted(annotated, preset="thesis", base=base, component=component, steps=150, learning_rate=0.01)
    # fifty steps at a rate of 1e-4, an epoch being one step here, hardly move ACTINN
    assert classifier.metrics["top1"] > (0 if base == "actinn" else 0.5)
    again = fitted(annotated, preset="thesis", base=base, component=component, steps=150, learning_rate=0.01)
    np.testing.assert_array_equal(classifier.predict_proba(annotated), again.predict_proba(annotated))


def test_scdaes_error_is_equation_3(annotated, monkeypatch):
    """At a reconstruction of zero and without noise: half of the squared values, the mean over cells."""
    seen = []

    def run(self, name, modules, loss, validate, **_options):
        if name == "denoising":
            monkeypatch.setattr(modules[0], "reconstruct", torch.zeros_like)
            seen.append((float(loss(torch.arange(4))), validate()))
            raise InterruptedError
        raise AssertionError(name)

    monkeypatch.setattr(Plan, "run", run)
    inputs = annotated.X[:20].astype(np.float32)
    codes = pd.Categorical(annotated.obs["cell_type"]).codes[:20]
    split = Split(np.arange(12), np.arange(12, 16), np.arange(16, 20))
    cells = Cells(inputs, codes, codes.max() + 1, split)
    with pytest.raises(InterruptedError):
        train_network(
            cells, classifier_config("thesis", base="scdae", component="none"), QuietContext(), torch.device("cpu")
        )
    of_loss, of_validation = seen[0]
    assert of_loss == pytest.approx(0.5 * inputs[:4].power(2).sum() / 4)
    assert of_validation == pytest.approx(0.5 * inputs[12:16].power(2).sum() / 4)
    assert math.isfinite(of_loss)
