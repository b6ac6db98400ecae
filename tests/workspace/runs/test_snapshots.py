"""Snapshots of a run: kept by number, replaced whole."""

import numpy as np
import pytest

from scapp.workspace.runs.snapshots import read_snapshot, snapshot_numbers, write_snapshot


def test_snapshots_are_kept_by_number(tmp_path):
    assert snapshot_numbers(tmp_path) == []
    for number in (12, 0, 3):
        write_snapshot(tmp_path, number, {"points": np.full(2, number)})
    assert snapshot_numbers(tmp_path) == [0, 3, 12]
    write_snapshot(tmp_path, 3, {"points": np.zeros(1), "more": np.ones(1)})
    assert sorted(read_snapshot(tmp_path, 3)) == ["more", "points"]
    np.testing.assert_array_equal(read_snapshot(tmp_path, 12)["points"], [12, 12])


def test_objects_are_neither_written_nor_read(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle"):
        write_snapshot(tmp_path, 1, {"points": np.array([object()])})
    assert snapshot_numbers(tmp_path) == []
    np.savez(tmp_path / "snapshots" / "000002.npz", points=np.array([{}]))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_snapshot(tmp_path, 2)
