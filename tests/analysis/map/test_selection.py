import numpy as np
import pandas as pd

from scapp.analysis.map.selection import Selection, inside, selected

POINTS = np.array([[0, 0], [1, 1], [2, 2], [10, 10]], dtype=float)
SQUARE = ((-1, -1), (3, -1), (3, 3), (-1, 3))


def test_inside_of_polygons():
    assert inside(POINTS, [SQUARE]).tolist() == [True, True, True, False]
    assert inside(POINTS, [SQUARE, [(9, 9), (11, 9), (11, 11), (9, 11)]]).all()
    assert not inside(POINTS, []).any()
    assert not inside(POINTS, [[(0, 0), (1, 1)]]).any()


def test_a_selection_is_the_polygons_and_the_groups():
    groups = pd.Series(["a", "b", "a", "a"])
    assert selected(Selection(), 4, None, None).all()
    drawn = Selection(map="X_umap", polygons=(SQUARE,))
    assert selected(drawn, 4, POINTS, None).tolist() == [True, True, True, False]
    both = Selection(map="X_umap", polygons=(SQUARE,), column="kind", groups=("a",))
    assert selected(both, 4, POINTS, groups).tolist() == [True, False, True, False]
    truth = Selection(column="dying", groups=("True",))
    assert selected(truth, 4, None, pd.Series([True, False, False, True])).tolist() == [True, False, False, True]


def test_a_selection_survives_json():
    both = Selection(map="X_umap", polygons=(SQUARE,), column="kind", groups=("a",))
    assert Selection.build(both.model_dump(mode="json")) == both
