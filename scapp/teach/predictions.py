"""What a student predicted beside what was measured, in words. Nothing is graded: predictions are compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scapp.teach import prepared
from scapp.teach.lesson import Choice, LossCurve, Number, Place, Prediction, filled

CURVE_AT = (0.02, 0.1, 0.25, 0.5, 1.0)
"""Shares of a training at which its loss is predicted."""
NEAR_POINTS = 10.0
"""Percent of a scale, or of the chance level, within which a number or a curve is near."""
NEAREST = 15


@dataclass(frozen=True)
class Compared:
    """A comparison.

    Parameters
    ----------
    near
        Whether the prediction was right, or near.
    text
        What was predicted and measured.
    """

    near: bool
    text: str


def compared(prediction: Prediction, predicted: Any, live: Sequence[float] = ()) -> Compared:
    """A prediction beside what was measured.

    Parameters
    ----------
    prediction
        What was asked.
    predicted
        Position of an option; a number; losses at ``CURVE_AT``; or a place (x, y).
    live
        Losses of a live run, which a predicted curve is compared with instead of the prepared one.
    """
    if isinstance(prediction, Choice):
        return _choice(prediction, int(predicted))
    if isinstance(prediction, Number):
        return _number(prediction, float(predicted))
    if isinstance(prediction, LossCurve):
        run = prepared.run(prediction.run)
        return _curve([float(value) for value in predicted], live or run.loss.tolist(), run.chance)
    return _place(prediction, np.asarray(predicted, dtype=float))


def right_option(choice: Choice) -> int:
    """Position of the right option."""
    if isinstance(choice.right, int):
        return choice.right
    measured = [float(prepared.fact(option.fact)) for option in choice.options]
    return int(np.argmax(measured) if choice.right == "highest" else np.argmin(measured))


def _choice(choice: Choice, predicted: int) -> Compared:
    right = right_option(choice)
    own, true = filled(choice.options[predicted].text), filled(choice.options[right].text)
    said = filled(choice.options[predicted].feedback)
    if predicted == right:
        return Compared(True, f"You predicted: {own}. **So it is.** {said}".rstrip())
    return Compared(False, f"You predicted: {own}. **The right answer: {true}.** {said}".rstrip())


def in_unit(number: Number, value: float) -> str:
    """A value with its unit."""
    return f"{value:.0f}%" if number.unit == "%" else f"{value:.3g} {number.unit}".rstrip()


def measured(number: Number) -> float:
    """What was measured, in the unit of the prediction."""
    return float(prepared.fact(number.fact)) * (100 if number.unit == "%" else 1)


def _number(number: Number, predicted: float) -> Compared:
    true = measured(number)
    off = predicted - true
    near = abs(off) <= NEAR_POINTS / 100 * (number.maximum - number.minimum)
    how = "near" if near else "too high" if off > 0 else "too low"
    return Compared(near, f"You predicted {in_unit(number, predicted)}; measured: **{in_unit(number, true)}** ({how}).")


def curve_epochs(n_epochs: int) -> list[int]:
    """Epochs at which the loss of a training of so many is predicted."""
    return sorted({max(1, round(share * n_epochs)) for share in CURVE_AT})


def _curve(predicted: list[float], losses: Sequence[float], chance: float) -> Compared:
    at = curve_epochs(len(losses))
    true = [float(losses[epoch - 1]) for epoch in at]
    off = np.asarray(predicted[-len(at) :]) - true
    mean = float(np.abs(off).mean() / chance * 100)
    near = mean <= NEAR_POINTS
    ends = f"Your curve ends at {predicted[-1]:.2f}, the run's at **{true[-1]:.2f}** (chance: {chance:.2f})."
    return Compared(near, f"{ends} On average they are {mean:.0f}% of the chance level apart.")


def _place(place: Place, predicted: np.ndarray) -> Compared:
    points = prepared.map_points(place.example, place.map)
    types = prepared.labels(place.example, "cell_type")
    own = types[place.cell]
    near = np.argsort(((points - predicted) ** 2).sum(axis=1), kind="stable")[:NEAREST]
    alike = int((types[near] == own).sum())
    return Compared(
        alike > NEAREST // 2,
        f"The cell is a **{own}**: of the {NEAREST} cells nearest to your mark {alike} are of that type.",
    )
