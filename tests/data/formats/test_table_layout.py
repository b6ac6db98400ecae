"""How tables are written; two readings are refused."""

import gzip

import numpy as np
import pytest

from scapp.core.errors import DataError
from scapp.data.formats.decoding import encoding_of, open_text
from scapp.data.formats.reader import read
from scapp.data.formats.table_layout import layout_of


def layout(text):
    return layout_of(text.splitlines(keepends=True), "t.csv")


@pytest.mark.parametrize(
    ("text", "separator", "decimal", "columns", "skipped"),
    [
        ("gene,a,b\nG1,1,2\n", ",", ".", ["gene", "a", "b"], 1),
        ("gene\ta\tb\nG1\t1\t2\n", "\t", ".", ["gene", "a", "b"], 1),
        ("gene;a;b\nG1;1,5;2\n", ";", ",", ["gene", "a", "b"], 1),
        ("gene\ta\tb\nG1\t0,5\t2,25\n", "\t", ",", ["gene", "a", "b"], 1),
        ("a b\nG1 1 2\n", " ", ".", ["", "a", "b"], 1),
        ("# made by R\n\na,b\nG1,1,2\n", ",", ".", ["", "a", "b"], 3),
        ("#gene\ta\tb\nG1\t1\t2\n", "\t", ".", ["gene", "a", "b"], 1),
        ("G1\t1\t2\nG2\t3\t4\n", "\t", ".", ["", "1", "2"], 0),
    ],
)
def test_layouts(text, separator, decimal, columns, skipped):
    found = layout(text)
    assert (found.separator, found.decimal, found.columns, found.skipped) == (separator, decimal, columns, skipped)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,3\n4,5,6\n", "header or a row"),
        ("gene\ta\tb\nG1\t1,234\t2,000\n", "decimal mark or divide thousands"),
        ("gene\ta\tb\nG1\t1,5\t2.5\n", "decimal mark or divide thousands"),
        ("gene\na\n", "one column"),
        ("", "is empty"),
    ],
)
def test_what_has_two_readings_or_none_is_refused(text, said):
    with pytest.raises(DataError, match=said):
        layout(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("packed", [False, True])
def test_text_is_decoded_and_unpacked_by_its_content(tmp_path, encoding, packed):
    text = "gène,a\nG1,1\n" if encoding == "cp1252" else "gene,ä\nG1,1\n"
    content = text.encode(encoding)
    path = tmp_path / "lies.csv"
    path.write_bytes(gzip.compress(content) if packed else content)
    with open_text(path) as stream:
        assert stream.read() == text


def test_a_byte_order_mark_decides():
    assert encoding_of(b"\xef\xbb\xbfgene") == "utf-8-sig"
    assert encoding_of(b"") == "utf-8"


def test_gene_cluster_text_is_read(tmp_path):
    cells = [f"{letter}AACCTGAGAAACC-1" for letter in "ACGT"]
    counts = np.random.default_rng(0).poisson(3, (12, 4))
    rows = "".join(f"CD{i}\tna\t" + "\t".join(map(str, row)) + "\n" for i, row in enumerate(counts))
    (tmp_path / "x.gct.txt").write_text("#1.2\n12\t4\nName\tDescription\t" + "\t".join(cells) + "\n" + rows)
    adata = read(tmp_path / "x.gct.txt").in_memory()
    assert list(adata.obs_names) == cells
    assert list(adata.var_names) == [f"CD{i}" for i in range(12)]
    np.testing.assert_array_equal(adata.layers["counts"].toarray(), counts.T)
