import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scapp.core.errors import ConfigError, DataError
from scapp.core.memory import check_memory, usable_memory
from scapp.data import checks
from scapp.data.blocks.blocked_matrix import InMemory


def matrix(**changes):
    values = np.tile(np.arange(12, dtype=np.float64), (4, 1))
    for place, value in changes.items():
        values[int(place[1]), int(place[2])] = value
    return values


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros(5), "1 dimensions"),
        (np.zeros((0, 12)), "empty"),
        (np.zeros((3, 4)), "4 columns"),
        (np.full((3, 12), "a"), "numbers are needed"),
        (matrix(v11=np.nan), "1 of 48 entries are missing"),
        (matrix(v11=np.inf), "1 entries are infinite"),
        (matrix(v11=-2.5), "smallest -2.5"),
        (np.zeros((3, 12)), "Every entry is zero"),
    ],
)
def test_nonsense_is_refused_with_a_fix(values, said):
    with pytest.raises(DataError, match=said) as caught:
        checks.check_matrix(values)
    assert caught.value.hint


def test_usable_matrix_becomes_float32_csr_and_input_is_unchanged():
    given = sparse.coo_matrix(matrix(v11=np.nan).astype(np.float64))
    before = given.data.copy()
    checked = checks.check_matrix(given, missing_as_zero=True).to_csr()
    assert checked.dtype == np.float32
    assert checked.format == "csr"
    assert checked[1, 1] == 0
    np.testing.assert_array_equal(given.data, before)


def test_repeated_names_are_renamed_without_clashes():
    names, findings = checks.unique_names(pd.Index(["a", "a", "a-1", "b", "a"]), "gene")
    assert list(names) == ["a", "a-2", "a-1", "b", "a-3"] or (names.is_unique and names[0] == "a" and names[2] == "a-1")
    assert len(findings) == 1
    assert "1 gene names" in findings[0].sentence
    assert checks.unique_names(pd.Index(["a", "b"]), "gene")[1] == []


def test_empty_cells_and_genes_are_noted():
    values = matrix()
    values[2] = 0
    sentences = [finding.sentence for finding in checks.empty_findings(InMemory(values).survey)]
    assert sentences == ["1 cell has no counts at all.", "1 gene is zero in every cell."]


def test_too_large_for_memory_says_both_numbers():
    with pytest.raises(ConfigError, match=r"needs about 1000000\.0 GB.*free"):
        check_memory(1e15, "This", "Use less.")
    check_memory(1, "This", "Use less.")


def test_a_limit_of_memory_is_kept_and_named(monkeypatch):
    monkeypatch.setenv("SCAPP_MEMORY", "0.5")
    assert usable_memory() == 0.5e9
    check_memory(0.4e9, "This", "Use less.")
    with pytest.raises(ConfigError, match=r"at most 0\.5 GB \(SCAPP_MEMORY\)"):
        check_memory(0.6e9, "This", "Use less.")
    monkeypatch.setenv("SCAPP_MEMORY", "1e9")  # no more than there is
    with pytest.raises(ConfigError, match="at most 80%"):
        check_memory(1e15, "This", "Use less.")
