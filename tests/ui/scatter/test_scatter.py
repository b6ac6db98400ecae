"""What the browser is given for a map of many cells."""

import json

import numpy as np
import pandas as pd
import pytest

from scapp.ui.scatter.scatter import pack

POINTS = np.array([[0.0, 10], [5, 20], [10, 10], [2.5, 12.5]], dtype=np.float32)
OPTIONS = {"title": "kind", "colours": None, "axes": "UMAP", "height": 600, "name": "map", "alt": "a map"}


def unpack(data):
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    n = header["n"]
    body = data[4 + length :]
    assert (4 + length) % 4 == 0
    places = np.frombuffer(body, np.uint16, 2 * n).reshape(n, 2)
    return header, places, np.frombuffer(body, np.uint16, n, 4 * n)


def where(header, places):
    low, high = (np.array(corner) for corner in header["bounds"])
    return low + places / 65535 * (high - low)


def test_every_cell_is_at_its_place_with_its_group():
    groups = pd.Series(pd.Categorical(["a", "b", None, "a"], ["a", "b"]))
    header, places, codes = unpack(pack(POINTS, groups, **OPTIONS | {"colours": ["#111111", "#222222"]}))
    found = {
        tuple(np.round(place, 2)): header["names"][code]
        for place, code in zip(where(header, places), codes, strict=True)
    }
    assert found == {(0, 10): "a", (5, 20): "b", (10, 10): "not given", (2.5, 12.5): "a"}
    assert header["counts"] == [2, 1, 1]
    assert header["colours"][:2] == ["#111111", "#222222"]


def test_values_are_drawn_from_the_lowest_up():
    header, _, codes = unpack(pack(POINTS, pd.Series([3.0, 1.0, np.nan, 5.0]), **OPTIONS))
    assert codes.tolist() == [0, 0, 128, 255]
    assert header["values"] == [1, 5]
    assert len(header["colours"]) == 256
    assert all(len(colour) == 7 for colour in header["colours"])


@pytest.mark.parametrize("colour", [None, pd.Series(np.zeros(4)), pd.Series([np.nan] * 4)])
def test_no_colour_and_constant_values(colour):
    header, _, codes = unpack(pack(POINTS, colour, **OPTIONS))
    assert header["n"] == len(codes) == 4
    assert set(codes.tolist()) == {0}


def test_the_identity_is_that_of_the_places():
    first = unpack(pack(POINTS, None, **OPTIONS))[0]["id"]
    assert unpack(pack(POINTS, pd.Series(range(4)), **OPTIONS))[0]["id"] == first
    assert unpack(pack(POINTS + np.eye(4, 2), None, **OPTIONS))[0]["id"] != first
