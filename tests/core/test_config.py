from typing import Literal

import pytest

from scapp.analysis.map.config import MapConfig
from scapp.core.config import Config, describe, setting
from scapp.core.errors import ConfigError
from scapp.steps.catalogue import STEPS


class Inner(Config):
    share: float = setting(0.5, title="Share", help="A share.", ge=0, le=1, advanced=True)


class Outer(Config):
    kind: Literal["a", "b"] = setting("a", title="Kind", help="Which.")
    limit: int | None = setting(None, title="Limit", help="At most.", unit="cells", ge=1)
    rate: float = setting(1.0, title="Rate", help="How fast.", gt=0, le=10)
    column: str | None = setting(None, title="Column", help="A column.", column=True)
    on: bool = setting(True, title="On", help="Whether.")
    inner: Inner = Inner()


def test_describe_reads_back_every_declaration():
    settings = {".".join(s.path): s for s in describe(Outer)}
    assert list(settings) == ["kind", "limit", "rate", "column", "on", "inner.share"]
    assert settings["kind"].choices == ("a", "b")
    assert (settings["limit"].kind, settings["limit"].optional, settings["limit"].minimum) == ("int", True, 1)
    assert (settings["rate"].minimum, settings["rate"].maximum) == (0, 10)
    assert settings["column"].kind == "column"
    assert settings["on"].kind == "bool"
    assert settings["inner.share"].advanced


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rate": 0}, "rate"),
        ({"inner": {"share": 2}}, "inner.share"),
        ({"kind": "c"}, "kind"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_bad_values_name_the_setting(values, said):
    with pytest.raises(ConfigError, match=said):
        Outer.build(values)


def test_config_is_frozen_and_survives_json():
    config = Outer.build({"limit": 3, "inner": {"share": 0.25}})
    with pytest.raises(Exception, match="frozen"):
        config.limit = 4
    assert Outer.model_validate_json(config.to_json()) == config


def test_what_forms_call_a_value_is_said_of_a_value_that_there_is():
    for step in STEPS:
        for found in describe(step.config):
            assert set(found.labels) <= set(found.choices), found.name
    method = next(found for found in describe(MapConfig) if found.name == "method")
    assert method.labels == {"umap": "UMAP", "tsne": "t-SNE"}
