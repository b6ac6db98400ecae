"""What a chain consists of: stages, each a step of the catalogue with settings that are chosen when its turn comes.

A chain is steps and nothing else: each leaves its provenance, can be carried out again with other settings, and stands
in the exported script.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scapp.core.config import Config, setting
from scapp.steps.catalogue import Step, step
from scapp.workspace.datasets.dataset import Dataset


class Choices(Config):
    """What a chain is told; everything else is chosen from the data."""

    settings: dict[str, dict[str, Any]] = setting(
        {}, title="Settings", help="Stage -> settings of its step that were chosen by hand.", hidden=True
    )


@dataclass(frozen=True)
class Stage:
    """One step of a chain.

    Parameters
    ----------
    name
        Word for records.
    step
        Name of the step.
    title
        Words for people.
    chosen
        Settings for a dataset and what the chain was told; those that are not named have their defaults.
    said
        What was done and chosen, from the step's settings and summary.
    applies
        Whether it can be done on a dataset, or needs to be; it is left out elsewhere.
    of_clear
        Whether it is left out where CLEAR is not trained.
    representation
        What its map, clusters and names are of; empty for other stages.
    rests_on
        Stages whose result it uses.
    shown
        Settings of the step that a form offers; None for all.
    changeable
        Whether it can be begun again by itself; what the whole chain was told cannot be told to one stage.
    """

    name: str
    step: str
    title: str
    chosen: Callable[[Dataset, Any], dict[str, Any]]
    said: Callable[[Mapping[str, Any], Mapping[str, Any]], str]
    applies: Callable[[Dataset], bool] = lambda dataset: True
    of_clear: bool = False
    representation: str = ""
    rests_on: tuple[str, ...] = ()
    shown: tuple[str, ...] | None = None
    changeable: bool = True

    @property
    def record(self) -> Step:
        """The step."""
        return step(self.step)


@dataclass(frozen=True)
class Plan:
    """A kind of chain.

    Parameters
    ----------
    name
        Word for records.
    title
        What people call it.
    choices
        Class of what it is told.
    stages
        The chain for what it was told, in order.
    check
        Raises a ``ScappError`` where what it was told does not suit a dataset, at the first stage rather than at the
        one that needs it; called before each stage.
    shared
        Settings of steps that are told to the whole chain: changed in one stage, they hold for those that follow.
    """

    name: str
    title: str
    choices: type[Choices]
    stages: Callable[[Any], list[Stage]]
    check: Callable[[Stage, Dataset, Any], None] = lambda stage, dataset, choices: None
    shared: tuple[str, ...] = ()

    def stage(self, name: str, choices: Choices) -> Stage:
        """A stage by its name."""
        return next(found for found in self.stages(choices) if found.name == name)

    def config(self, stage: Stage, dataset: Dataset, choices: Choices) -> Config:
        """Configuration of a stage's step for a dataset: what was chosen by hand, else from the data.

        Raises
        ------
        ConfigError
            A setting that was chosen by hand is out of bounds.
        DataError
            What the chain was told does not suit the dataset.
        """
        self.check(stage, dataset, choices)
        return stage.record.config.build({**stage.chosen(dataset, choices), **choices.settings.get(stage.name, {})})

    def by_hand(self, stage: Stage, dataset: Dataset, choices: Choices, config: Config) -> dict[str, Any]:
        """What of a stage's configuration was chosen by hand: what was chosen from the data is chosen anew each time.

        Parameters
        ----------
        stage, dataset, choices
            Which stage, on what, and what the chain is told.
        config
            Of the stage's step.
        """
        usual = stage.record.config.build(stage.chosen(dataset, choices)).model_dump(mode="json")
        return {name: value for name, value in config.model_dump(mode="json").items() if value != usual[name]}

    def to_come(self, choices: Choices, after: str | None) -> list[str]:
        """Names of the stages after one; of all for None."""
        names = [each.name for each in self.stages(choices)]
        return names if after is None else names[names.index(after) + 1 :]

    def after_change(self, choices: Choices, name: str, done: Collection[str]) -> list[str]:
        """Names of the stages that follow where one is carried out again: what rests on it, and what has not been
        done.
        """
        again = {name}
        for each in self.stages(choices):
            if again.intersection(each.rests_on):
                again.add(each.name)
        return [each for each in self.to_come(choices, name) if each in again or each not in done]

    def next_stage(self, dataset: Dataset, choices: Choices, remaining: Sequence[str]) -> Stage | None:
        """The first of the remaining stages that can be done on a dataset; None where there is none."""
        found = (each for each in self.stages(choices) if each.name in remaining)
        return next((each for each in found if each.applies(dataset)), None)
