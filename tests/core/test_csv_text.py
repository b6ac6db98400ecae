import io

import numpy as np
import pandas as pd
import pytest

from scapp.core.csv_text import csv_text, read_csv, write_csv

HOSTILE = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "plain", "CD4+ T", "-1.5", ""]


def test_text_that_would_be_a_formula_is_neutralised_and_numbers_stay_numbers():
    table = pd.DataFrame({"name": HOSTILE, "=x": np.arange(10) * -1.5, "kind": pd.Categorical(["@a", "b"] * 5)})
    found = pd.read_csv(io.StringIO(csv_text(table)), dtype=str, keep_default_na=False)
    assert list(found) == ["name", "'=x", "kind"]
    assert found["name"].tolist() == [f"'{text}" for text in HOSTILE[:5]] + ["'\n=1"] + HOSTILE[6:]
    assert found["kind"].tolist() == ["'@a", "b"] * 5
    np.testing.assert_array_equal(found["'=x"].astype(float), table["=x"])
    assert table["name"].tolist() == HOSTILE


def test_missing_values_stay_empty_and_repeated_column_names_are_kept():
    table = pd.DataFrame([["=a", None, True], [None, 2.0, False]], columns=["x", "x", "y"])
    assert csv_text(table) == "x,x,y\n'=a,,True\n,2.0,False\n"


@pytest.mark.parametrize("text", [*HOSTILE[:4], *HOSTILE[6:9], "'quoted'"])
def test_what_is_written_is_read_as_it_was(tmp_path, text):
    write_csv(pd.DataFrame({"type": [text, "b"], "n": [1, 2]}), tmp_path / "t.csv")
    found = read_csv(tmp_path / "t.csv", ["type"])
    assert found["type"].tolist() == [text, "b"]
    assert found["n"].tolist() == [1, 2]
