import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scapp.core.provenance import fingerprint

MATRIX = np.array([[0, 1.5], [2, 0]], dtype=np.float32)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (MATRIX, MATRIX.astype(np.float64)),
        (MATRIX, MATRIX.reshape(4)),
        (MATRIX, MATRIX + 1),
        (sparse.csr_matrix(MATRIX), sparse.csc_matrix(MATRIX)),
        (pd.Categorical(["a", "b"]), pd.Categorical(["a", "b"], categories=["b", "a"])),
        (np.array(["ab", "c"], dtype=object), np.array(["a", "bc"], dtype=object)),
        ({"a": 1}, {"a": True}),
        (pd.DataFrame({"x": [1, 2]}), pd.DataFrame({"y": [1, 2]})),
    ],
)
def test_different_values_differ(one, other):
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (MATRIX, np.asfortranarray(MATRIX)),
        (sparse.csr_matrix(MATRIX), sparse.csr_matrix(MATRIX)),
        (pd.Series(["a", "b"], dtype="category"), pd.Categorical(["a", "b"])),
        ({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}),
        (np.array([]), np.array([])),
    ],
)
def test_equal_values_agree(one, other):
    assert fingerprint(one) == fingerprint(other)
