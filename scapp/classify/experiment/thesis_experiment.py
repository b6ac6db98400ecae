"""The thesis's experiment: base models with and without components, in three settings, over seeds, with references
beside them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import torch
from scipy import sparse

from scapp.classify.classifier import CellTypeClassifier
from scapp.classify.config import ClassifierConfig
from scapp.classify.experiment.config import DROPPED, GRID, REGIME_TITLES, ExperimentConfig
from scapp.classify.experiment.reference_classifiers import PEERS, REFERENCES, references_of, spread
from scapp.classify.experiment.regimes import Regime, Sampled, sample
from scapp.classify.gene_scaling import prepare
from scapp.classify.stages.four_steps import TrainedBase, train_network
from scapp.classify.stages.plan import Cells
from scapp.core.step_context import QuietContext, StepContext
from scapp.data.corruption import drop_counts
from scapp.data.symbols import GeneNames
from scapp.metrics.by_type import headline, per_type

CLEAR = "clear"
"""A linear model on X_clear, with and without circles."""


@dataclass(frozen=True)
class Material:
    """What an experiment works on.

    Parameters
    ----------
    counts, genes
        Of all cells, CSR.
    names, codes
        Types, and the place of each cell's among them, negative without one.
    groups
        Donors or batches that are held out whole, or None.
    clear
        X_clear, or None: models that read it are then left out.
    """

    counts: sparse.csr_matrix
    genes: GeneNames
    names: list[str]
    codes: np.ndarray
    groups: np.ndarray | None = None
    clear: np.ndarray | None = None


@dataclass(frozen=True)
class Job:
    """One model in one setting with one seed.

    Parameters
    ----------
    regime, seed
        Setting and seed of split and training.
    model
        ``lr``, ``lr+mls``, ..., or a reference's id.
    base, component
        Of ours; empty for a reference.
    changes
        Factors of learning rate and temperature; 1 and 1 but for the grid.
    """

    regime: Regime
    seed: int
    model: str
    base: str = ""
    component: str = ""
    changes: tuple[float, float] = (1.0, 1.0)

    @property
    def key(self) -> str:
        """Tells one job from another."""
        return f"{self.regime.id}/{self.seed}/{self.model}/{self.changes[0]:g}/{self.changes[1]:g}"


def regimes_of(config: ExperimentConfig) -> list[Regime]:
    """Settings that were asked for."""
    all_of_them = (
        (config.simple, Regime("simple", REGIME_TITLES["simple"], config.simple_types, config.simple_cells)),
        (config.scarce, Regime("scarce", REGIME_TITLES["scarce"], config.scarce_types, config.scarce_cells)),
        (config.unbalanced, Regime("unbalanced", REGIME_TITLES["unbalanced"], config.unbalanced_types, None)),
    )
    return [regime for wanted, regime in all_of_them if wanted]


def jobs_of(config: ExperimentConfig, *, with_clear: bool) -> list[Job]:
    """Everything to train, in order: components of one base model stand together, so that they can share it."""
    regimes = regimes_of(config)
    bases = [name for name in ("lr", "actinn", "scdae") if getattr(config, name)]
    components = ["none", *(name for name in ("mlp", "mls", "competing") if getattr(config, name))]
    jobs = []
    for regime, seed in product(regimes, range(config.seeds)):
        beside = references_of(references=config.references, peers=config.peers, with_clear=with_clear)
        jobs += [Job(regime, seed, r.id) for r in beside]
        jobs += [Job(regime, seed, model_name(base, h), base, h) for base, h in product(bases, components)]
        if with_clear and config.lr:
            jobs += [Job(regime, seed, model_name(CLEAR, h), CLEAR, h) for h in components if h != "mlp"]
    if config.grid and regimes:
        jobs += [
            Job(regimes[0], 0, model_name(base, h), base, h, factors)
            for base, h, factors in product(bases, components, product(*GRID))
            # circles that compete have no temperature
            if h != "none" and factors != (1.0, 1.0) and (h != "competing" or factors[1] == 1.0)
        ]
    return jobs


def model_name(base: str, component: str) -> str:
    """As in tables: ``lr``, ``lr+mls``."""
    return base if component == "none" else f"{base}+{component}"


@dataclass(frozen=True)
class _Learnt:
    """A trained model.

    Parameters
    ----------
    says
        Counts of test cells -> probabilities.
    component_step
        Step of a component's training that was kept; None without one.
    reads_counts
        False of what reads X_clear, which is not learnt again when counts are lost.
    """

    says: Callable[[sparse.csr_matrix], np.ndarray]
    component_step: int | None = None
    reads_counts: bool = True


@dataclass
class Experiment:
    """Trains and measures one job after the other.

    Parameters
    ----------
    material, config
        Data and choices.
    device
        To train on.
    """

    material: Material
    config: ExperimentConfig
    device: str = "cpu"
    _shared: tuple[str, TrainedBase] | None = field(default=None, repr=False)
    _sampled: tuple[str, Sampled, np.ndarray] | None = field(default=None, repr=False)

    def run(self, job: Job, context: StepContext) -> dict[str, Any]:
        """Train and test one model.

        Returns
        -------
        The job, ``headline``'s figures on test cells, ``n_train``, ``n_valid``, ``types`` (rows of ``per_type`` with
        names and training cells) and ``dropout`` (figures at each share of lost counts).
        """
        sampled, codes = self._sample(job)
        if job.base == CLEAR:
            learnt = self._on_clear(job, sampled, codes, context)
        elif job.base:
            learnt = self._ours(job, sampled, codes, context)
        else:
            learnt = self._reference(job, sampled, codes)
        truth = codes[sampled.split.test]
        probabilities = learnt.says(self.material.counts[sampled.split.test])
        table = per_type(truth, probabilities)
        types = [
            {"type": self.material.names[code], "n_train": int(n_train), **row}
            for code, n_train, row in zip(
                sampled.types,
                np.bincount(codes[sampled.split.train], minlength=len(sampled.types)),
                table.to_dict("records"),
                strict=True,
            )
        ]
        return {
            "key": job.key,
            "setting": job.regime.id,
            "seed": job.seed,
            "model": job.model,
            "base": job.base,
            "component": job.component,
            "learning_rate_factor": job.changes[0],
            "temperature_factor": job.changes[1],
            "n_train": len(sampled.split.train),
            "n_valid": len(sampled.split.valid),
            **headline(truth, probabilities),
            "component_step": learnt.component_step,
            "types": types,
            "dropout": self._with_dropout(job, sampled, truth, learnt),
        }

    def _with_dropout(self, job: Job, sampled: Sampled, truth: np.ndarray, learnt: _Learnt) -> list[dict[str, float]]:
        """Figures on test cells that have lost counts."""
        if not self.config.dropout or not learnt.reads_counts or job.changes != (1.0, 1.0):
            return []
        test = self.material.counts[sampled.split.test]
        rows = []
        for share in DROPPED:
            found = headline(truth, learnt.says(drop_counts(test, share, job.seed)))
            rows.append({"share": share, **{name: found[name] for name in ("top1", "macro_f1", "mean_auprc")}})
        return rows

    def _sample(self, job: Job) -> tuple[Sampled, np.ndarray]:
        """Split of the job's setting and seed, and the place of each cell's type among those that take part."""
        key = f"{job.regime.id}/{job.seed}"
        if self._sampled is None or self._sampled[0] != key:
            sampled = sample(self.material.codes, job.regime, seed=job.seed, groups=self.material.groups)
            place = np.full(len(self.material.names) + 1, -1)
            place[sampled.types] = np.arange(len(sampled.types))
            self._sampled = (key, sampled, place[self.material.codes])
        return self._sampled[1], self._sampled[2]

    def _settings(self, job: Job, base: str, **changes: object) -> ClassifierConfig:
        rate, temperature = (
            self.config.learning_rate * job.changes[0],
            self.config.temperature * job.changes[1],
        )
        return self.config.classifier(
            base=base,
            component=job.component,
            seed=job.seed,
            learning_rate=min(rate, 1.0),
            temperature=min(temperature, 5.0),
            **changes,
        )

    def _ours(self, job: Job, sampled: Sampled, codes: np.ndarray, context: StepContext) -> _Learnt:
        classifier = CellTypeClassifier(
            self._settings(job, job.base), types=[self.material.names[code] for code in sampled.types]
        )
        # another learning rate makes another base model
        key = f"{job.regime.id}/{job.seed}/{job.base}/{job.changes[0]:g}"
        base = self._shared[1] if self._shared is not None and self._shared[0] == key else None
        material = self.material
        trained = classifier.fit_split(
            material.counts, codes, material.genes, sampled.split, context, self.device, base
        )
        self._shared = (key, trained)
        return _Learnt(
            lambda counts: classifier.predict_counts(counts, material.genes)[0],
            classifier.metrics.get("component_step"),
        )

    def _on_clear(self, job: Job, sampled: Sampled, codes: np.ndarray, context: StepContext) -> _Learnt:
        clear = sparse.csr_matrix(self.material.clear)
        cells = Cells(clear, codes, len(sampled.types), sampled.split)
        # what reads no counts has no copies that lost some
        settings = self._settings(job, "lr", lossy_copies=False)
        network, _ = train_network(cells, settings, context, torch.device(self.device))
        network = network.cpu()
        with torch.no_grad():
            logits = network(torch.from_numpy(clear[sampled.split.test].toarray()))
        found = np.asarray(torch.softmax(logits.double(), dim=1).numpy())
        kept_step = None if network.component is None else network.component.kept_step
        return _Learnt(lambda counts: found, kept_step, reads_counts=False)

    def _reference(self, job: Job, sampled: Sampled, codes: np.ndarray) -> _Learnt:
        record = next(r for r in (*REFERENCES, *PEERS) if r.id == job.model)
        train, n_types = sampled.split.train, len(sampled.types)
        if record.reads == CLEAR:
            assert self.material.clear is not None
            said = record.learn(self.material.clear[train], codes[train], job.seed)(
                self.material.clear[sampled.split.test]
            )
            found = spread(said, codes[train], n_types)
            return _Learnt(lambda counts: found, reads_counts=False)
        preparation = prepare(self.material.counts, train, "log_cp10k")
        learnt = record.learn(preparation.apply(self.material.counts[train]), codes[train], job.seed)
        return _Learnt(lambda counts: spread(learnt(preparation.apply(counts)), codes[train], n_types))


def run_all(
    experiment: Experiment, context: StepContext, known: list[dict[str, Any]]
) -> Iterator[list[dict[str, Any]]]:
    """Run what is not known yet.

    Parameters
    ----------
    experiment
        What to run.
    context
        Progress and stop.
    known
        Rows of an earlier, interrupted run.

    Yields
    ------
    All rows so far, after each job.
    """
    jobs = jobs_of(experiment.config, with_clear=experiment.material.clear is not None)
    rows = {row["key"]: row for row in known}
    for place, job in enumerate(jobs):
        if job.key not in rows:
            text = f"{job.regime.title}, seed {job.seed + 1} of {experiment.config.seeds}: {job.model}"
            context.report(place, len(jobs), text)
            context.raise_if_stopped()
            rows[job.key] = experiment.run(job, _Inside(context, place, len(jobs), text))
        yield [rows[j.key] for j in jobs if j.key in rows]


class _Inside(QuietContext):
    """Progress of one training as a part of the whole."""

    def __init__(self, outer: StepContext, place: int, total: int, text: str) -> None:
        self._outer = outer
        self._place = place
        self._total = total
        self._text = text

    def report(self, done: float, total: float, text: str) -> None:
        """Pass on."""
        self._outer.report(self._place + done / max(total, 1e-9), self._total, f"{self._text}, {text}")

    def stop_requested(self) -> bool:
        """As outside."""
        return self._outer.stop_requested()
