"""Gene sets: the curated ones conform, files and lists are read, genes are found under all their names."""

import numpy as np
import pandas as pd
import pytest

from scapp.analysis.de.gene_sets import (
    SUGGESTED,
    GeneMatcher,
    GeneSet,
    chosen_sets,
    curated,
    curated_licence,
    load_library,
    matched,
    read_gmt,
    score_titles,
    typed_set,
    write_gmt,
)
from scapp.core.errors import ConfigError, DataError
from scapp.data.symbols import GeneNames


def test_every_curated_set_conforms():
    sets = curated()
    assert len({s.id for s in sets}) == len(sets)
    for s in sets:
        assert s.title
        assert s.group
        assert any(year in s.citation for year in ("19", "20")), s.id
        assert len(s.genes) == len(set(s.genes)) >= 3, s.id
        assert all(gene == gene.upper() for gene in s.genes), s.id
    assert set(SUGGESTED) <= {s.id for s in sets}
    assert "CC0" in curated_licence()


def test_the_papers_terms_are_there():
    sets = {s.id: s for s in curated()}
    assert {"IL1B", "IL2", "IL6", "IL10", "TNF"} <= set(sets["cytokine_storm"].genes)
    assert {"S100A8", "S100A9"} <= set(sets["s100_alarmins"].genes)
    for wanted in ("type_i_interferon", "antigen_presentation", "secretion", "myeloid_activation", "mhc_i", "mhc_ii"):
        assert wanted in sets


def test_gmt_files_are_read_and_written_alike():
    sets = read_gmt("A\tabout a\tG1\tG2\tG1\n\nB\t\tG3,1.0\n")
    assert [(s.id, s.genes, s.citation) for s in sets] == [("A", ("G1", "G2"), "about a"), ("B", ("G3",), "")]
    again = read_gmt(write_gmt(curated()))
    assert [(s.id, s.genes) for s in again] == [(s.id, s.genes) for s in curated()]


def test_sets_without_genes_are_skipped_and_a_mark_of_bytes_is_no_name():
    assert [s.id for s in read_gmt("\ufeffA\tabout\tG1\nB\tempty\n")] == ["A"]


def test_titles_of_scores_are_told_apart():
    table = pd.DataFrame(
        {
            "column": ["score_a", "rank_score_a", "score_b"],
            "title": ["A", "A", "A"],
            "method": ["score_genes", "rank", "score_genes"],
        }
    )
    assert score_titles(table) == {"score_a": "A", "rank_score_a": "A (rank)", "score_b": "A [score_b]"}


@pytest.mark.parametrize("text", ["", "name only\n", "A\tabout\n", "A\tx\tG1\nA\tx\tG2\n"])
def test_what_is_no_gmt_file_is_refused(text):
    with pytest.raises(DataError):
        read_gmt(text)


def test_libraries_are_files_of_text(tmp_path):
    path = tmp_path / "mine.gmt"
    path.write_text("A\tx\tG1\n")
    assert load_library(str(path))[0].id == "A"
    with pytest.raises(DataError, match=r"no file 'none\.gmt'"):
        load_library(str(tmp_path / "none.gmt"))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"mine\.gmt.*no gene set"):
        load_library(str(path))


def test_typed_lists():
    found = typed_set(" My list! ", "ISG15, IFI6;MX1\nISG15")
    assert found == GeneSet("my_list", "My list!", ("ISG15", "IFI6", "MX1"))
    for name, text in (("", "G1"), ("a", "  ,")):
        with pytest.raises(ConfigError):
            typed_set(name, text)


def test_choosing_sets_by_id():
    assert [s.id for s in chosen_sets("curated", ["mhc_ii", "isg"])] == ["mhc_ii", "isg"]
    assert len(chosen_sets("curated", [])) == len(curated())
    with pytest.raises(ConfigError, match="no gene set nonsense"):
        chosen_sets("curated", ["nonsense"])


def test_genes_are_found_by_symbol_id_case_version_and_former_name():
    names = GeneNames(
        ["ENSG00000187608.10", "ENSG00000126709", "x3", "x4", "x5"],
        ["Isg15", "IFI6", "IL8", "CAVIN2", "IFI6"],
        ["ENSG00000187608.10", "ENSG00000126709", "", "", ""],
    )
    matcher = GeneMatcher(names)
    assert matcher.positions(["ISG15"]).tolist() == [0]
    assert matcher.positions(["ENSG00000187608"]).tolist() == [0]
    assert matcher.positions(["ensg00000126709.3"]).tolist() == [1]
    assert matcher.positions(["IFI6"]).tolist() == [1, 4]
    assert matcher.positions(["CXCL8", "SDPR"]).tolist() == [2, 3]
    assert matcher.positions(["NOPE"]).tolist() == []
    assert matcher.positions(["ISG15", "isg15"]).tolist() == [0]


def test_sets_that_share_no_gene_with_the_data_are_refused():
    matcher = GeneMatcher(GeneNames(["a"], ["a"], ["a"]))
    assert matched([GeneSet("s", "s", ("A", "B"))], matcher)["s"].tolist() == [0]
    with pytest.raises(DataError, match="No gene of these sets"):
        matched([GeneSet("s", "s", ("B",))], matcher)
    assert matched([GeneSet("s", "s", ("A",)), GeneSet("t", "t", ("B",))], matcher)["t"].dtype == np.int64
