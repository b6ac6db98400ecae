"""Presets: what they mean, everywhere."""

import pytest

from scapp.clear.config import PAPER, PRESETS, ClearConfig, clear_config
from scapp.cli.main import parser
from scapp.core.config import describe
from scapp.core.errors import ConfigError
from scapp.steps.catalogue import step


@pytest.mark.parametrize("preset", PRESETS)
def test_naming_a_preset_means_its_settings_however_it_is_named(preset):
    wanted = clear_config(preset).model_dump()
    assert ClearConfig.build({"preset": preset}).model_dump() == wanted
    assert step("clear").config.build({"preset": preset}).model_dump() == wanted
    assert ClearConfig.build(wanted).model_dump() == wanted
    changed = ClearConfig.build({"preset": preset, "epochs": 7, "augmentation": {"mask_share": 0.9}})
    assert (changed.epochs, changed.augmentation.mask_share) == (7, 0.9)
    assert changed.model_copy(update={"epochs": wanted["epochs"], "augmentation": None}).model_dump() == {
        **wanted,
        "augmentation": None,
    }


def test_recommended_is_the_default_and_the_paper_is_the_paper():
    assert ClearConfig() == clear_config() == clear_config("recommended")
    paper = clear_config("paper")
    assert (paper.learning_rate, paper.optimizer, paper.epochs, paper.queue_size) == (1.0, "adam", 200, 1024)
    assert (paper.augmentation.mask_probability, paper.augmentation.dropout_probability) == (0.5, 0.0)
    assert set(PAPER) <= set(ClearConfig.model_fields)
    with pytest.raises(ConfigError, match="no preset 'nonsense'"):
        clear_config("nonsense")
    with pytest.raises(ConfigError, match="preset"):
        ClearConfig.build({"preset": "nonsense"})


def test_the_help_of_the_command_line_prints_the_defaults_that_apply():
    commands = next(action for action in parser()._actions if hasattr(action, "choices") and action.choices)
    options = {action.dest: action.help for action in commands.choices["clear"]._actions}
    default = clear_config()
    for setting in describe(ClearConfig):
        if setting.hidden:
            continue
        holder = getattr(default, setting.group) if setting.group else default
        value = getattr(holder, setting.name)
        if value is not None:
            assert options["_".join(setting.path)].endswith(f"Default: {value}."), setting.path
