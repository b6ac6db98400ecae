"""How a choice is declared once: default, bounds, unit, title and a sentence.

``setting`` declares it in a frozen pydantic model; ``describe`` reads it back for the web form, the
command line and the tables in docs/methods.md.
"""

import copy
import json
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, Union, cast, get_args, get_origin

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from scapp.core.errors import ConfigError

Kind = Literal["int", "float", "bool", "choice", "column", "text"]


class Config(BaseModel):
    """Base of every configuration: frozen, and unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @classmethod
    def build(cls, values: dict[str, Any]) -> Self:
        """Validate values.

        Raises
        ------
        ConfigError
            Naming the setting, what was given and what is allowed.
        """
        try:
            return cls.model_validate(values)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"]) or cls.__name__
            raise ConfigError(
                f"Setting '{name}': {first['msg']}; found {first['input']!r}.",
                hint="Choose a value inside the bounds shown beside the setting.",
            ) from error

    def to_json(self) -> str:
        """One line of JSON with sorted keys."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


def setting(
    default: Any,
    *,
    title: str,
    help: str,
    unit: str = "",
    ge: float | None = None,
    le: float | None = None,
    gt: float | None = None,
    advanced: bool = False,
    column: bool = False,
    hidden: bool = False,
    empty: str = "no limit",
    labels: Mapping[str, str] | None = None,
) -> Any:
    """Declare one choice.

    Parameters
    ----------
    default
        Value when the user does not choose.
    title
        Label, in sentence case.
    help
        One sentence for a biologist: what it does and what can go wrong.
    unit
        Shown behind the title.
    ge, le, gt
        Bounds.
    advanced
        Shown in the advanced part of a form.
    column
        The value is the name of a cell annotation.
    hidden
        Not shown in forms (set by the program).
    empty
        What an optional number that is left empty means.
    labels
        What a form calls the values of a choice; those that are not named are shown as they are.
    """
    extra: dict[str, Any] = {
        "unit": unit,
        "advanced": advanced,
        "column": column,
        "hidden": hidden,
        "empty": empty,
        "labels": dict(labels or {}),
    }
    return Field(default, title=title, description=help, ge=ge, le=le, gt=gt, json_schema_extra=extra)


def same_as(model: type[Config], name: str) -> Any:
    """Declare a choice as another configuration declares it."""
    return copy.copy(model.model_fields[name])


@dataclass(frozen=True)
class Setting:
    """What forms, options and tables need to know of one choice."""

    name: str
    kind: Kind
    title: str
    help: str
    unit: str
    default: Any
    optional: bool
    minimum: float | None
    maximum: float | None
    choices: tuple[Any, ...]
    labels: dict[str, str]
    advanced: bool
    hidden: bool
    empty: str
    group: str | None

    @property
    def path(self) -> tuple[str, ...]:
        """Where the value stands in the nested model."""
        return (self.group, self.name) if self.group else (self.name,)


def describe(model: type[Config], group: str | None = None, instead: Config | None = None) -> list[Setting]:
    """Settings of a model in declaration order; those of nested models follow under their group.

    Parameters
    ----------
    model
        A configuration.
    group
        Name under which it is nested in another.
    instead
        Values that stand for the model's own defaults: those that the model around it sets.
    """
    settings: list[Setting] = []
    for name, field in model.model_fields.items():
        annotation, optional = _strip_optional(field.annotation)
        if isinstance(annotation, type) and issubclass(annotation, Config):
            settings.extend(describe(annotation, group=name, instead=field.default))
            continue
        extra = field.json_schema_extra
        extra = extra if isinstance(extra, dict) else {}
        minimum, maximum = _bounds(field.metadata)
        settings.append(
            Setting(
                name=name,
                kind=_kind(annotation, column=bool(extra.get("column"))),
                title=field.title or name,
                help=field.description or "",
                unit=str(extra.get("unit", "")),
                default=field.default if instead is None else getattr(instead, name),
                optional=optional,
                minimum=minimum,
                maximum=maximum,
                choices=get_args(annotation) if get_origin(annotation) is Literal else (),
                labels=dict(cast("Mapping[str, str]", extra.get("labels", {}))),
                advanced=bool(extra.get("advanced")),
                hidden=bool(extra.get("hidden")),
                empty=str(extra.get("empty", "")),
                group=group,
            )
        )
    return settings


def _strip_optional(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [arg for arg in get_args(annotation) if arg is not type(None)]
        return inner[0], True
    return annotation, False


def _kind(annotation: Any, *, column: bool) -> Kind:
    if column:
        return "column"
    if get_origin(annotation) is Literal:
        return "choice"
    kinds: dict[Any, Kind] = {bool: "bool", int: "int", float: "float"}
    return kinds.get(annotation, "text")


def _bounds(metadata: list[Any]) -> tuple[float | None, float | None]:
    minimum = maximum = None
    for item in metadata:
        lower = getattr(item, "ge", None)
        minimum = getattr(item, "gt", None) if lower is None else lower
        if minimum is not None:
            break
    for item in metadata:
        maximum = getattr(item, "le", None)
        if maximum is not None:
            break
    return minimum, maximum
