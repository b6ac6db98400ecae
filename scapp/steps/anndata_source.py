"""An AnnData in memory as what a step reads and writes, in place of a dataset of the workspace."""

import json
from functools import cached_property
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from scapp.core import keys
from scapp.core.errors import DataError, listed
from scapp.core.provenance import Provenance, fingerprint, is_fingerprint_of
from scapp.data.blocks.blocked_matrix import BlockedMatrix, InMemory, in_memory
from scapp.data.units import units_of

RECORD = "scapp"
"""Key of ``uns`` under which provenance stands, here and in exported files."""

_PREPARE = "Call scapp.pp.prepare(adata) on raw counts, or scanpy's normalize_total and log1p."
_MADE_BY = (
    (keys.X, _PREPARE),
    (keys.COUNTS, "Put whole counts into adata.layers['counts'] (or into adata.X, not normalised)."),
    (
        keys.var(keys.HIGHLY_VARIABLE),
        "Call scanpy.pp.highly_variable_genes(adata), or scapp.pp.prepare(adata) on raw counts.",
    ),
    ("obsm/X_clear", "Call scapp.tl.clear(adata)."),
    ("obsm/X_mls", "Call scapp.tl.circles(adata, label_key)."),
)
"""What to call when a slot is empty, by how the slot begins."""


class AnnDataSource:
    """Reads the slots of an AnnData; see ``steps.step.Source``.

    ``adata.X`` is taken for what it holds: raw counts stand for ``layers["counts"]`` where there is no such
    layer, everything else for log-normalised values.

    Parameters
    ----------
    adata
        Never changed.

    Raises
    ------
    DataError
        Names of cells or genes stand twice.
    """

    def __init__(self, adata: ad.AnnData) -> None:
        self._adata = adata
        self.name = str(adata.uns.get(RECORD, {}).get("name", "AnnData"))
        self.n_cells, self.n_genes = adata.n_obs, adata.n_vars
        for what, names in (("cell", adata.obs_names), ("gene", adata.var_names)):
            if not names.is_unique:
                raise DataError(
                    f"{int(names.duplicated().sum()):,} {what} names stand twice.",
                    hint=f"Call adata.{'obs' if what == 'cell' else 'var'}_names_make_unique() first.",
                )

    @cached_property
    def _units(self) -> str | None:
        if self._adata.X is None:
            return None
        seen = InMemory(self._adata.X).survey
        return units_of(seen) if seen.lengths.any() else "counts"

    @cached_property
    def slots(self) -> dict[str, None]:
        """Names of the slots that hold something, in order."""
        adata = self._adata
        found = [keys.OBS_NAMES, keys.VAR_NAMES]
        if adata.X is not None and self._units != "counts":
            found.append(keys.X)
        if "counts" in adata.layers or self._units == "counts":
            found.append(keys.COUNTS)
        for field in ("obs", "var", "obsm", "varm", "obsp", "uns"):
            found += [f"{field}/{key}" for key in getattr(adata, field)]
        return dict.fromkeys(found)

    @property
    def source(self) -> dict[str, Any]:
        """The units of X."""
        return {"units": self._units} if self._units else {}

    def read(self, slot: str) -> Any:
        """Value of a slot.

        Raises
        ------
        DataError
            The slot is empty; the hint names what fills it.
        """
        if slot not in self.slots:
            raise DataError(f"The AnnData has no {slot}; it holds {listed(self.slots)}.", hint=self.hint(slot))
        adata = self._adata
        if slot in (keys.OBS_NAMES, keys.VAR_NAMES):
            return (adata.obs_names if slot == keys.OBS_NAMES else adata.var_names).to_numpy()
        if slot == keys.X:
            return _rows(adata.X)
        if slot == keys.COUNTS:
            return _rows(adata.layers.get("counts", adata.X))
        field, key = keys.split(slot)
        value = getattr(adata, field)[key]
        if field in ("obs", "var"):
            return value.array if isinstance(value.dtype, pd.CategoricalDtype) else value.to_numpy()
        return value

    def matrix(self, slot: str) -> BlockedMatrix:
        """Values of cells by genes, read in blocks."""
        return InMemory(self.read(slot))

    def hint(self, slot: str) -> str:
        """What to call when a slot is empty."""
        return next((text for start, text in _MADE_BY if slot.startswith(start)), "Make it first.")

    def fingerprint(self, slot: str) -> str:
        """Fingerprint of the value of a slot."""
        return fingerprint(self.read(slot))

    def maker(self, slot: str) -> str:
        """Name of the step that wrote a slot, as far as ``uns["scapp"]`` says."""
        record = self._record_of(slot)
        return str(record["step"]) if record else "import"

    def is_current(self, slot: str, source: str) -> bool:
        """Whether a slot was made from what another holds now, as far as ``uns["scapp"]`` says."""
        if slot not in self.slots or source not in self.slots:
            return False
        recorded = self._record_of(slot).get("inputs", {}).get(source)
        return recorded is not None and is_fingerprint_of(recorded, self.read(source))

    def _record_of(self, slot: str) -> dict[str, Any]:
        """What ``uns["scapp"]`` says of how a slot was made; empty where it says nothing."""
        id = self._adata.uns.get(RECORD, {}).get("slots", {}).get(slot.replace("/", "|"))
        return {} if id is None else _records(self._adata)[id]

    def last_settings(self, step: str) -> dict[str, Any]:
        """Settings with which a step was last carried out, as far as ``uns["scapp"]`` says."""
        records = reversed(list(_records(self._adata).values()))
        return next((record["config"] for record in records if record["step"] == step), {})


def _records(adata: ad.AnnData) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(str(adata.uns.get(RECORD, {}).get("provenance", "{}")))
    return found


def _rows(matrix: Any) -> sparse.csr_matrix:
    return in_memory(sparse.csr_matrix(matrix, dtype=np.float32))


def put_slot(adata: ad.AnnData, slot: str, value: Any) -> None:
    """Write a slot's value where AnnData has it; a file's keys cannot hold a slash."""
    field, key = keys.split(slot)
    if isinstance(value, pd.Series):
        value = value.array  # of the cells in order, whatever its index says
    if keys.is_matrix(slot):
        value = in_memory(value)
    if slot == keys.X:
        adata.X = value
    elif key is not None and field in ("obs", "var", "obsm", "varm", "obsp", "layers"):
        getattr(adata, field)[key] = value
    elif key is not None and field == "uns":
        adata.uns[key.replace("/", "|")] = value


def record_on(adata: ad.AnnData, record: Provenance, slots: list[str]) -> None:
    """Add what was done to the AnnData's own history, as exported files carry it."""
    history = dict(adata.uns.get(RECORD, {}))
    by = dict(history.get("slots", {})) | {slot.replace("/", "|"): record.id for slot in slots}
    records = _records(adata) | {record.id: record.model_dump(mode="json")}
    adata.uns[RECORD] = {**history, "slots": by, "provenance": json.dumps(records)}
