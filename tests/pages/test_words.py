import numpy as np
import pytest

from scapp.clear.one_cell import loss_of_one
from scapp.ui.clear.words import finished_at, loss_in_words, verdict, worth


def rows(losses, *, chance=7.0, spread=0.5):
    return [
        {"epoch": epoch, "loss": loss, "chance": chance, "spread": spread} for epoch, loss in enumerate(losses, start=1)
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "Waiting"),
        (rows([5.0] * 20, spread=0.01), "Collapsed"),
        (rows([6.95] * 20), "close to chance"),
        (rows([5.0] * 3), "a few more epochs"),
        (rows([6 - 0.05 * i for i in range(20)]), "falling"),
        (rows([5 + 0.05 * i for i in range(20)]), "rising"),
        (rows([6 - 0.1 * min(i, 10) for i in range(20)]), "Finished learning at epoch 1"),
        (rows([6 - 0.1 * min(i, 18) for i in range(20)]), "falling"),
    ],
)
def test_the_verdict_says_what_the_curve_does(given, said):
    assert said in verdict(given)


def test_a_run_that_has_ended_is_not_said_to_be_learning():
    falling = rows([6 - 0.05 * i for i in range(20)])
    assert "was still falling" in verdict(falling, ended=True)
    assert "was still falling" in verdict(falling[:3], ended=True)
    assert "Finished" in verdict(rows([6 - 0.1 * min(i, 10) for i in range(20)]), ended=True)


def test_learning_is_finished_where_the_loss_stays_level():
    assert finished_at([5.0] * 20) == 0
    assert finished_at(list(np.linspace(6, 5, 100))) is None
    noisy = np.r_[np.linspace(6, 5, 50), np.full(50, 5.0)] + np.random.default_rng(0).normal(scale=0.003, size=100)
    assert 44 <= finished_at(list(noisy)) <= 51


@pytest.mark.parametrize(
    ("ari", "reference", "tone"),
    [(0.8, 0.7, "good"), (0.72, 0.7, "equal"), (0.66, 0.7, "equal"), (0.6, 0.7, "worse"), (0.6, None, "equal")],
)
def test_worth_is_said_beyond_noise_alone(ari, reference, tone):
    found, words = worth("cell_type", 5, ari, reference)
    assert found == tone
    assert f"{ari:.2f}" in words
    assert reference is None or f"{reference:.2f}" in words


def test_the_loss_of_one_cell_in_words():
    words = loss_in_words(loss_of_one(0.0, np.zeros(9), 0.5), 0.5)
    assert "10.0%" in words
    assert "2.30" in words
    assert "of 9 negatives get 56% of the push" in words
