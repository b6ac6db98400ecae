"""What a campaign has tried, and what held."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


class Broken(AssertionError):
    """What must hold did not."""


def must(holds: bool, sentence: str) -> None:
    """Count the trial as broken, with a sentence, unless something holds.

    Raises
    ------
    Broken
        It does not.
    """
    if not holds:
        raise Broken(sentence)


@dataclass
class Tally:
    """Numbers of one campaign.

    Parameters
    ----------
    campaign
        Its name.
    tried, held
        Trials, and those in which nothing was broken.
    skipped
        Trials that this machine cannot make, by reason.
    seen
        What the trials came to, by kind.
    broken
        What was, a sentence a trial.
    """

    campaign: str
    tried: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    @contextmanager
    def trial(self, kind: str, name: str) -> Iterator[None]:
        """Count what happens inside; only ``Broken`` is counted as broken, and faults of the campaign end it."""
        self.tried[kind] += 1
        try:
            yield
        except Broken as error:
            self.broken.append(f"{kind}, {name}: {error}")
        else:
            self.held[kind] += 1

    @property
    def content(self) -> dict[str, Any]:
        """For printing as JSON."""
        return {
            "campaign": self.campaign,
            "tried": sum(self.tried.values()),
            "held": sum(self.held.values()),
            "by_kind": {kind: f"{self.held[kind]} of {n}" for kind, n in sorted(self.tried.items())},
            "seen": dict(sorted(self.seen.items())),
            "skipped": dict(self.skipped),
            "broken": self.broken[:50],
        }
