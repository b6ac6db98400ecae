"""The one file that says what a dataset is at a moment."""

from typing import Any

from pydantic import BaseModel, Field

from scapp.core.provenance import Provenance

FORMAT = 1


class Entry(BaseModel):
    """Where the value of a slot stands, and where it came from."""

    element: str
    fingerprint: str
    provenance: str
    version: int


class Retired(BaseModel):
    """An entry that was replaced or removed; it can be brought back until it is swept."""

    slot: str
    entry: Entry
    at: str


class Parent(BaseModel):
    """The dataset that a filtered or subset dataset was made from."""

    id: str
    name: str
    n_cells: int
    n_genes: int


class Manifest(BaseModel):
    """What a dataset is: slot -> element, with versions and provenance."""

    format: int = FORMAT
    id: str
    name: str
    created: str
    version: int = 0
    n_cells: int
    n_genes: int
    source: dict[str, Any] = Field(default_factory=dict)
    parent: Parent | None = None
    slots: dict[str, Entry] = Field(default_factory=dict)
    retired: list[Retired] = Field(default_factory=list)
    provenance: dict[str, Provenance] = Field(default_factory=dict)
