"""A chain carried out here, one stage after the other: what the command line and scripts do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from scapp.core.config import Config
from scapp.jobs.chains.chain_plan import Choices, Plan, Stage
from scapp.jobs.session import Session
from scapp.workspace.datasets.dataset import Dataset


@dataclass(frozen=True)
class Walked:
    """A stage that is done.

    Parameters
    ----------
    stage
        Which one.
    config
        Its step's configuration.
    summary
        What the step returned.
    dataset
        As it stands after the stage.
    """

    stage: Stage
    config: Config
    summary: dict[str, Any]
    dataset: Dataset

    @property
    def said(self) -> str:
        """What was done and chosen."""
        return self.stage.said(self.config.model_dump(mode="json"), self.summary)

    @property
    def record(self) -> dict[str, Any]:
        """``step``, ``said`` and ``seconds``, for a summary of the chain."""
        return {"step": self.stage.title, "said": self.said, "seconds": self.summary["seconds"]}


def walk(
    session: Session,
    plan: Plan,
    dataset: Dataset,
    choices: Choices,
    carry_out: Callable[[Session, str, Config, str], dict[str, Any]],
    *,
    after: str | None = None,
) -> Iterator[Walked]:
    """Carry out the stages of a chain.

    Parameters
    ----------
    session
        Whose workspace holds the dataset.
    plan, dataset, choices
        What kind of chain, on what, and what it is told.
    carry_out
        Carries out a step by its name on the dataset of an id, and returns the summary.
    after
        The stage after which it begins; None for the first.

    Yields
    ------
    Each stage when it is done.

    Raises
    ------
    ScappError
        A stage cannot be carried out.
    """
    remaining = plan.to_come(choices, after)
    while (stage := plan.next_stage(dataset, choices, remaining)) is not None:
        config = plan.config(stage, dataset, choices)
        summary = carry_out(session, stage.step, config, dataset.id)
        dataset = session.workspace.open(summary["dataset"])
        yield Walked(stage, config, summary, dataset)
        remaining = remaining[remaining.index(stage.name) + 1 :]
