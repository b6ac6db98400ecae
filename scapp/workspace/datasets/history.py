"""What was done to a dataset, what of it is still in place, and what has become out of date."""

from dataclasses import dataclass

from scapp.core.provenance import Provenance
from scapp.workspace.datasets.manifest import Manifest

MAKING = ("import", "prepare", "subset")
"""Steps that make a dataset; to go back behind one is to open the dataset that it was made from."""


@dataclass(frozen=True)
class Event:
    """One step in a dataset's history.

    Parameters
    ----------
    record
        What was done.
    in_place
        Slots that hold its values now.
    kept
        Slots whose values of this step were taken back or replaced and can be brought back.
    out_of_date
        Slots that it read and that hold something else now, or nothing.
    rests_on
        Id of a step before it that is out of date itself, if any.
    missing
        Those of ``out_of_date`` that hold nothing now: it cannot be run again before they are made.
    """

    record: Provenance
    in_place: tuple[str, ...]
    kept: tuple[str, ...]
    out_of_date: tuple[str, ...]
    rests_on: str | None = None
    missing: tuple[str, ...] = ()

    @property
    def stale(self) -> bool:
        """Whether its values would be different if it were run now."""
        return bool(self.out_of_date) or self.rests_on is not None


def events(manifest: Manifest) -> list[Event]:
    """Steps in the order in which they were done."""
    found: dict[str, Event] = {}
    first_own = _first_own(manifest)
    for position, record in enumerate(manifest.provenance.values()):
        in_place = tuple(slot for slot, entry in manifest.slots.items() if entry.provenance == record.id)
        kept = tuple({item.slot for item in manifest.retired if item.entry.provenance == record.id} - set(in_place))
        changed: tuple[str, ...] = ()
        rests_on = None
        if in_place and position > first_own:
            # a step that extends what it read (a second label) has changed it itself
            read_only = {slot: read for slot, read in record.inputs.items() if slot not in record.outputs}
            changed = tuple(slot for slot, read in read_only.items() if _now(manifest, slot) != read)
            makers = [manifest.slots[slot].provenance for slot in read_only if slot in manifest.slots]
            rests_on = next((maker for maker in makers if maker in found and found[maker].stale), None)
        missing = tuple(slot for slot in changed if slot not in manifest.slots)
        found[record.id] = Event(record, in_place, kept, changed, rests_on, missing)
    return list(found.values())


def _first_own(manifest: Manifest) -> int:
    """Position of the step that made this dataset; those before it were done to the one that it was made from."""
    steps = [record.step for record in manifest.provenance.values()]
    return max((i for i, step in enumerate(steps) if step in MAKING), default=-1)


def _now(manifest: Manifest, slot: str) -> str | None:
    entry = manifest.slots.get(slot)
    return entry.fingerprint if entry is not None else None


def out_of_date(manifest: Manifest) -> set[str]:
    """Slots whose values would be different if they were made now."""
    return {slot for event in events(manifest) if event.stale for slot in event.in_place}


def needed(manifest: Manifest) -> list[Provenance]:
    """The steps behind what is in place now, in an order that makes it again: those whose values hold, and those that
    they read.

    Values that were taken back or brought back may ask for another order than the one in which things were done, or for
    a step twice. Records from before outputs were written down cannot be traced, and then every step counts.
    """
    records = list(manifest.provenance.values())
    if not all(record.outputs for record in records):
        return records
    wanted = {entry.provenance for entry in manifest.slots.values()}
    wanted |= {record.id for record in records if record.step in MAKING}
    for position in range(len(records) - 1, -1, -1):
        record = records[position]
        if record.id not in wanted:
            continue
        for slot, read in record.inputs.items():
            maker = next((r for r in reversed(records[:position]) if r.outputs.get(slot) == read), None)
            if maker is not None:
                wanted.add(maker.id)
    start = _first_own(manifest) + 1
    final = {slot: entry.fingerprint for slot, entry in manifest.slots.items()}
    own = [record for record in records[start:] if record.id in wanted]
    # what was done to the datasets before this one ended with the step that made the next
    return [record for record in records[:start] if record.id in wanted] + _in_working_order(own, final)


def _in_working_order(records: list[Provenance], final: dict[str, str]) -> list[Provenance]:
    """Order steps so that each finds what it read, and the values in place are the last ones written.

    The next step is the first (as they were done) that finds what it reads and overwrites nothing that another still
    reads.
    """
    made = {slot for record in records for slot in record.outputs}
    waiting, ordered = list(records), list[Provenance]()
    state: dict[str, str] = {}

    def ready(record: Provenance) -> bool:
        return all(
            state.get(slot) == read
            for slot, read in record.inputs.items()
            if slot in made and _within(records, slot, read)
        )

    def harmless(record: Provenance) -> bool:
        others = [other.inputs for other in waiting if other is not record]
        return not any(
            state.get(slot) == inputs.get(slot) != written
            for slot, written in record.outputs.items()
            if slot in state
            for inputs in others
        )

    while waiting:
        candidates = [record for record in waiting if ready(record)] or waiting[:1]
        chosen = next((record for record in candidates if harmless(record)), candidates[0])
        waiting.remove(chosen)
        ordered.append(chosen)
        state |= chosen.outputs
    again = [r for r in records if any(final.get(s) == w != state.get(s) for s, w in r.outputs.items())]
    return [*ordered, *again]


def _within(records: list[Provenance], slot: str, fingerprint: str) -> bool:
    """Whether one of the steps wrote this value; others were there before."""
    return any(record.outputs.get(slot) == fingerprint for record in records)
