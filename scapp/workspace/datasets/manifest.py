"""The one file that says what a dataset is at a moment."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from scapp.core import files
from scapp.core.errors import DataError
from scapp.core.provenance import Provenance, fingerprint

FORMAT = 2
READABLE = (1, FORMAT)
"""Datasets of format 1 hold matrices as AnnData writes them, and a copy by gene as a slot; they are read as they
are."""
FILE = "manifest.json"
ELEMENT_ID = r"^[0-9a-f]{16}$"


class Entry(BaseModel):
    """Where the value of a slot stands, and where it came from."""

    element: str = Field(pattern=ELEMENT_ID)
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


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of a dataset atomically; a checksum of its content stands in it."""
    content = manifest.model_dump(mode="json")
    files.write_json(folder / FILE, {**content, "checksum": fingerprint(content)})


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a dataset's folder.

    Raises
    ------
    FileNotFoundError
        There is none.
    DataError
        It is damaged, or was written by a newer scapp.
    """
    damaged = DataError(f"The manifest of dataset {folder.name} is damaged.", hint=f"Restore '{folder}' from a backup.")
    try:
        content = files.read_json(folder / FILE)
    except ValueError as error:
        raise damaged from error
    if not isinstance(content, dict):
        raise damaged
    if content.get("format") not in READABLE:
        raise DataError(
            f"This dataset has format {content.get('format')}; this scapp reads formats up to {FORMAT}.",
            hint="Update scapp, or export the dataset with the version that made it.",
        )
    # manifests written before 0.2 have no checksum
    checksum = content.pop("checksum", None)
    if checksum is not None and checksum != fingerprint(content):
        raise damaged
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise damaged from error
