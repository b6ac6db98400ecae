"""What a lesson is: a small JSON file of steps, each with something to predict, to see, to answer and to note."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.resources import files
from string import Formatter
from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from scapp.clear.augment.config import AugmentationConfig
from scapp.clear.config import clear_config
from scapp.core.errors import ConfigError, DataError, ScappError
from scapp.teach import prepared
from scapp.teach.gallery import mistake

Example = Literal["pbmc", "simulated"]
MOST_STEPS, MOST_TEXT, MOST_NOTE_ASKED = 40, 4_000, 400
MOST_BYTES = 500_000
"""Of a lesson's file."""
BUILT_IN = ("learning", "maps", "naming")
"""Files of the lessons that come with the app."""


@contextmanager
def _named() -> Iterator[None]:
    """Let pydantic say where in the lesson something is that is not there."""
    try:
        yield
    except ScappError as error:
        raise ValueError(error.message) from error
    except TypeError as error:
        raise ValueError(f"a setting is of the wrong kind ({error})") from error


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


def _fetches_nothing(text: str) -> str:
    if "![" in text:
        raise ValueError("pictures ('![...](...)') are not shown: a lesson fetches nothing from elsewhere")
    return text


Text = Annotated[str, Field(max_length=MOST_TEXT), pydantic.AfterValidator(_fetches_nothing)]
Title = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^{}]*$")]
Fact = Annotated[str, Field(max_length=200)]
Bound = Annotated[float, Field(ge=-1e6, le=1e6)]


# What is predicted


class Option(_Part):
    """One of several answers.

    Parameters
    ----------
    text
        What is offered.
    fact
        What was measured of it, by its path among the facts; empty where nothing was.
    feedback
        What is said to those who chose it.
    """

    text: Text
    fact: Fact = ""
    feedback: Text = ""


class Choice(_Part):
    """Which of several.

    Parameters
    ----------
    ask
        What is asked.
    options
        Two or more.
    right
        Position of the right one, or ``highest`` or ``lowest`` of the measured facts.
    """

    kind: Literal["choice"]
    ask: Text
    options: tuple[Option, ...] = Field(min_length=2, max_length=12)
    right: int | Literal["highest", "lowest"]

    @pydantic.model_validator(mode="after")
    def _has_a_right_one(self) -> Self:
        if isinstance(self.right, int):
            if not 0 <= self.right < len(self.options):
                raise ValueError(f"'right' is {self.right}, and there are {len(self.options)} options, from 0 on")
        elif not all(option.fact for option in self.options):
            raise ValueError(f"'right' is '{self.right}', so each option needs a 'fact'")
        return self


class Number(_Part):
    """How much.

    Parameters
    ----------
    ask
        What is asked.
    fact
        What was measured.
    unit
        ``%`` for shares, which facts hold as 0 to 1; otherwise what stands behind the number.
    minimum, maximum
        Ends of the slider, in the unit.
    """

    kind: Literal["number"]
    ask: Text
    fact: Fact = Field(min_length=1)
    unit: str = Field("", max_length=20)
    minimum: Bound = 0.0
    maximum: Bound = 100.0

    @pydantic.model_validator(mode="after")
    def _has_room(self) -> Self:
        if not self.minimum < self.maximum:
            raise ValueError("'minimum' must be below 'maximum'")
        return self


class LossCurve(_Part):
    """The course of a loss, drawn before it is seen.

    Parameters
    ----------
    ask
        What is asked.
    run
        Id of the prepared run, such as ``too_strong.repaired``. Where the step trains live, with the same settings,
        the live run's loss is what the prediction is compared with.
    """

    kind: Literal["loss"]
    ask: Text
    run: str

    @pydantic.model_validator(mode="after")
    def _is_there(self) -> Self:
        with _named():
            prepared.run(self.run)
        return self


class Place(_Part):
    """Where a cell lies on a map.

    Parameters
    ----------
    ask
        What is asked.
    map
        Name of a prepared map.
    cell
        Position in the example.
    """

    kind: Literal["place"]
    ask: Text
    example: Example = "pbmc"
    map: str
    cell: int = Field(ge=0)

    @pydantic.model_validator(mode="after")
    def _is_there(self) -> Self:
        with _named():
            n_cells = len(prepared.map_points(self.example, self.map))
        if self.cell >= n_cells:
            raise ValueError(f"'cell' is {self.cell:,}, and the map has {n_cells:,} cells, from 0 on")
        return self


Prediction = Annotated[Choice | Number | LossCurve | Place, Field(discriminator="kind")]


# What is seen


class Copies(_Part):
    """A cell before and after augmentation, and how alike two copies of it are."""

    kind: Literal["copies"]
    settings: dict[str, Any] = {}
    locked: bool = False

    @pydantic.model_validator(mode="after")
    def _can_be(self) -> Self:
        with _named():
            config = AugmentationConfig.build(dict(self.settings))
        if config.thin_probability > 0 or config.groups_probability > 0:
            raise ValueError("'thin' and 'groups' need more than the cells that are kept for this")
        return self


class Profile(_Part):
    """Some genes of one blood cell, beside their mean over other cells."""

    kind: Literal["profile"]
    cell: int = Field(ge=0)
    genes: tuple[str, ...] = Field(min_length=1, max_length=40)

    @pydantic.model_validator(mode="after")
    def _is_there(self) -> Self:
        kept = prepared.profiles()
        if self.cell not in kept.cells:
            raise ValueError(f"the profile of 'cell' {self.cell} was not kept; there are {kept.cells.tolist()}")
        if unknown := set(self.genes) - set(kept.genes):
            raise ValueError(f"these 'genes' were not kept: {', '.join(sorted(unknown))}")
        return self


class Runs(_Part):
    """A prepared run that went wrong, and the same repaired: their curves, or their maps."""

    kind: Literal["runs"]
    mistake: str
    which: tuple[Literal["wrong", "repaired"], ...] = Field(("wrong", "repaired"), min_length=1, max_length=2)
    shows: Literal["loss", "film", "map"] = "film"
    colour: str = "cell_type"

    @pydantic.model_validator(mode="after")
    def _is_there(self) -> Self:
        with _named():
            prepared.labels(mistake(self.mistake).example, self.colour)
        return self


class Grid(_Part):
    """Runs for combinations of temperature, share of genes set to zero and learning rate; ``locked`` settings have no
    slider.
    """

    kind: Literal["grid"]
    temperature: float = 0.5
    dropout: float = 0.8
    rate: float = 1e-3
    locked: tuple[Literal["temperature", "dropout", "rate"], ...] = ()

    @pydantic.model_validator(mode="after")
    def _is_there(self) -> Self:
        for name, value, values in self.axes():
            if value not in values:
                raise ValueError(f"'{name}' is {value:g}; runs were prepared for {', '.join(f'{v:g}' for v in values)}")
        return self

    def axes(self) -> list[tuple[Literal["temperature", "dropout", "rate"], float, tuple[float, ...]]]:
        """Name, chosen value and possible values of each setting."""
        return [
            ("temperature", self.temperature, prepared.TEMPERATURES),
            ("dropout", self.dropout, prepared.DROPOUTS),
            ("rate", self.rate, prepared.RATES),
        ]


class Training(_Part):
    """CLEAR, trained live on an example."""

    kind: Literal["training"]
    example: Example = "pbmc"
    settings: dict[str, Any] = {}

    @pydantic.model_validator(mode="after")
    def _can_be(self) -> Self:
        with _named():
            clear_config(**self.settings)
        return self


class Maps(_Part):
    """Prepared maps of the same cells beside each other."""

    kind: Literal["maps"]
    example: Example = "simulated"
    maps: tuple[str, ...] = Field(min_length=1, max_length=4)
    colours: tuple[str, ...] = Field(min_length=1, max_length=4)

    @pydantic.model_validator(mode="after")
    def _are_there(self) -> Self:
        with _named():
            for name in self.maps:
                for colour in self.colours:
                    prepared.colours_of_map(self.example, name, colour)
        return self


class Circle(_Part):
    """One type's circle, from a random start to the end of training."""

    kind: Literal["circle"]
    type: str

    @pydantic.model_validator(mode="after")
    def _is_there(self) -> Self:
        if self.type not in prepared.circle_types():
            raise ValueError(f"no circle of '{self.type}'; there are {', '.join(prepared.circle_types())}")
        return self


class Types(_Part):
    """How well a classifier finds each type, with intervals and numbers of cells."""

    kind: Literal["types"]


class Threshold(_Part):
    """How many cells are named, and how many of those wrongly, by the probability that is asked for."""

    kind: Literal["threshold"]


class Unseen(_Part):
    """What a classifier says of a type that it never saw."""

    kind: Literal["unseen"]


Activity = Annotated[
    Copies | Profile | Runs | Grid | Training | Maps | Circle | Types | Threshold | Unseen, Field(discriminator="kind")
]


# A lesson


class Question(_Part):
    """One question with feedback for each answer."""

    ask: Text
    options: tuple[Option, ...] = Field(min_length=2, max_length=8)
    right: int

    @pydantic.model_validator(mode="after")
    def _has_a_right_one(self) -> Self:
        if not 0 <= self.right < len(self.options):
            raise ValueError(f"'right' is {self.right}, and there are {len(self.options)} options, from 0 on")
        return self


class Step(_Part):
    """One step.

    Parameters
    ----------
    id, title
        Word for records; for people.
    minutes
        How long it is meant to take.
    text
        What it is about; ``{facts}`` are filled in.
    before
        What is seen before the prediction.
    prediction
        What is predicted; None where there is nothing to predict.
    activity
        What is seen then: after the prediction, where there is one.
    reveal
        What is said of it.
    question
        To be answered after that.
    note
        What the student is asked to write down; empty for nothing.
    """

    id: str = Field(pattern=r"^[a-z0-9_]{1,40}$")
    title: Title
    minutes: int = Field(ge=1, le=120)
    text: Text
    before: Activity | None = None
    prediction: Prediction | None = None
    activity: Activity | None = None
    reveal: Text = ""
    question: Question | None = None
    note: Text = ""


class Lesson(_Part):
    """Steps, in order.

    Parameters
    ----------
    id, title, summary
        Word for records and addresses; for people.
    steps
        At least one; their ids are unique.
    """

    id: str = Field(pattern=r"^[a-z0-9_]{1,40}$")
    title: Title
    summary: Text
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MOST_STEPS)

    @pydantic.model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [step.id for step in self.steps]
        if len(set(ids)) < len(ids):
            raise ValueError("two steps have one 'id'")
        return self

    @pydantic.model_validator(mode="after")
    def _facts_are_there(self) -> Self:
        with _named():
            for name, text in _leaves(self.model_dump()):
                if "{" in text or "}" in text:
                    filled(text)
                if name == "fact" and text and not isinstance(prepared.fact(text), (int, float)):
                    raise ValueError(f"the 'fact' {text} is not a number")
        return self

    @property
    def minutes(self) -> int:
        """How long all steps are meant to take."""
        return sum(step.minutes for step in self.steps)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a record, wherever it stands, with the name of its field."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, str(key))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _leaves(each, name)


_SPEC = re.compile(r",?(\.\d)?[fg%]?")


class _Facts(Formatter):
    """``{runs.collapse.wrong.spread:.2f}`` is a fact; nothing else of Python's formatting is offered."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        found = prepared.fact(field_name)
        if not isinstance(found, (int, float, str)):
            raise DataError(f"'{field_name}' is a group of facts, not one.", hint=prepared.AGAIN)
        return found, field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        if not _SPEC.fullmatch(format_spec):
            raise ValueError(f"'{format_spec[:40]}' is no form of a number such as .2f")
        return str(format(value, format_spec))


def filled(text: str) -> str:
    """A text with its facts filled in.

    Raises
    ------
    DataError
        A fact is not there, or the text cannot be read.
    """
    try:
        return _Facts().vformat(text, (), {})
    except (ValueError, IndexError, KeyError) as error:
        raise DataError(
            f"A text of the lesson cannot be filled in: {error}.",
            hint="Write facts as {group.name:.2f}, and a brace that is meant as one twice.",
        ) from error


def read_lesson(text: str) -> Lesson:
    """A lesson from its JSON.

    Raises
    ------
    ConfigError
        Naming what of it is wrong.
    """
    if len(text) > MOST_BYTES:
        raise ConfigError(
            f"This lesson has {len(text):,} characters; at most {MOST_BYTES:,} are read.", hint="Shorten its texts."
        )
    try:
        return Lesson.model_validate_json(text)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(
            f"This is not a lesson: at '{where}', {first['msg'][:300]}.",
            hint="Download one of the lessons that come with the app, and change that.",
        ) from error


@lru_cache(maxsize=1)
def built_in() -> tuple[Lesson, ...]:
    """The lessons that come with the app."""
    folder = files("scapp.teach") / "lessons"
    return tuple(read_lesson((folder / f"{name}.json").read_text(encoding="utf-8")) for name in BUILT_IN)
