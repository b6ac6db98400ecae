import pytest

from scapp.ui.explain import verdict


def rows(losses, *, chance=7.0, spread=0.5):
    return [{"loss": loss, "chance": chance, "spread": spread} for loss in losses]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "Waiting"),
        (rows([5.0] * 20, spread=0.01), "collapsed"),
        (rows([6.95] * 20), "close to chance"),
        (rows([5.0] * 3), "a few more epochs"),
        (rows([6 - 0.05 * i for i in range(20)]), "falling"),
        (rows([5 + 0.05 * i for i in range(20)]), "rising"),
        (rows([5.0] * 20), "levelled off"),
    ],
)
def test_the_verdict_says_what_the_curve_does(given, said):
    assert said in verdict(given)
