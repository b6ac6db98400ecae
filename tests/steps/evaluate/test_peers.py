"""Methods of other packages, run for real where they are installed (``make full``)."""

import numpy as np
import pytest

from tests.steps.evaluate.test_compare import evaluate


@pytest.mark.long
@pytest.mark.parametrize(("method", "module"), [("scvi", "scvi"), ("concord", "concord")])
def test_a_peer_is_compared(workspace, prepared, tmp_path, method, module):
    pytest.importorskip(module)
    few = {"label_key": "cell_type", "n_seeds": 1, "methods": [method]}
    _, told = evaluate(workspace, prepared, tmp_path, "batch", **few, batch_key="batch", maps=False)
    assert told["results.csv"]["cARI"].iloc[0] > 0.5
    assert np.isfinite(told["results.csv"]["iLISI"].iloc[0])
    _, untold = evaluate(workspace, prepared, tmp_path, "clustering", **few, highest=0.2)
    assert untold["results.csv"].query("clusterer == 'kmeans'")["ari"].iloc[0] > 0.5
