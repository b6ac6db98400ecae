"""``scapp analyse``: from a file to named clusters."""

import json

import anndata as ad

from scapp.cli import main


def analyse(capsys, *arguments):
    status = main(["analyse", *(str(argument) for argument in arguments)])
    captured = capsys.readouterr()
    return status, json.loads(captured.out.strip().splitlines()[-1]) if not status else None, captured.err


def test_a_file_becomes_a_map_with_clusters_and_what_was_chosen_is_said(capsys, blood_file, tmp_path):
    status, result, said = analyse(capsys, blood_file, "-o", tmp_path / "o.h5ad", "--train-clear", "no")
    assert status == 0
    assert len(result["steps"]) == 4
    assert result["steps"][0]["step"] == "Filter and normalise"
    adata = ad.read_h5ad(tmp_path / "o.h5ad")
    assert result["n_cells"] == adata.n_obs <= 900
    assert {"X_pca", "X_umap_pca"} <= set(adata.obsm)
    assert "X_clear" not in adata.obsm
    found = result["pca"]
    assert found["n_clusters"] == adata.obs["leiden_pca"].nunique()
    assert found["panel"] == "blood"
    assert found["n_named"] > 0
    assert adata.obs[found["column"]].nunique() <= found["n_clusters"]
    for entry in result["steps"]:
        assert f"{entry['step']}: {entry['said']}" in said


def test_mistakes_end_with_a_sentence_and_no_file(capsys, blood_file, tmp_path):
    status, _, said = analyse(capsys, blood_file, "-o", tmp_path / "o.h5ad", "--batch-key", "nothing")
    assert status == 2
    assert "There is no annotation 'nothing'" in said
    assert "Make the map" not in said
    assert not (tmp_path / "o.h5ad").exists()
