"""Runs that went wrong: the settings that do it, how it is recognised, and what repairs it."""

from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from scapp.clear.config import ClearConfig, clear_config
from scapp.core.errors import DataError

Measured = Literal["same_type", "own_batch", "loss_share", "spread"]

COMMON: dict[str, Any] = {"beside": "none"}
"""What all runs that are prepared share: PCA beside CLEAR would carry the map where CLEAR fails."""


class Mistake(BaseModel):
    """One way in which training goes wrong.

    Parameters
    ----------
    id, title
        Word for records; for people.
    example
        Id of the example dataset.
    subset
        Trained on so many cells alone, drawn at random; 0 for all.
    wrong, repaired
        What is changed from the preset ``recommended`` without PCA beside it.
    shown
        What is measured that shows it.
    happened, recognise, repair
        What went wrong, how it is seen, and what cures it; ``{facts}`` are filled in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    title: str
    example: str
    subset: int = 0
    wrong: dict[str, Any]
    repaired: dict[str, Any]
    shown: tuple[Measured, ...]
    happened: str
    recognise: str
    repair: str

    def config(self, which: Literal["wrong", "repaired"], seed: int = 0) -> ClearConfig:
        """Settings of the run that went wrong, or of the one that was repaired."""
        changes = self.wrong if which == "wrong" else self.repaired
        return clear_config(**{**COMMON, "seed": seed, **changes})


@lru_cache(maxsize=1)
def mistakes() -> tuple[Mistake, ...]:
    """All of them, in the order in which they are shown."""
    content = (files("scapp.teach") / "gallery.json").read_text(encoding="utf-8")
    return tuple(_Gallery.model_validate_json(content).mistakes)


def mistake(id: str) -> Mistake:
    """One by its id.

    Raises
    ------
    DataError
        There is none.
    """
    for found in mistakes():
        if found.id == id:
            return found
    raise DataError(
        f"There is no run that went wrong called '{id}'.",
        hint="Pick one of: " + ", ".join(found.id for found in mistakes()) + ".",
    )


class _Gallery(BaseModel):
    mistakes: list[Mistake]
