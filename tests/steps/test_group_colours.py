"""A cell type has one colour, in whichever column it is named."""

import pandas as pd
import pytest

from scapp.core import keys
from scapp.plotting.palette import colours_by_name, palette
from scapp.steps.group_colours import colours_of

TYPES = pd.Categorical(["T", "B", "NK"], ["B", "NK", "T"])


def of(column, **slots):
    """Colours of a column of a dataset that is a dictionary; double underscores are slashes."""
    filled = {name.replace("__", "/"): values for name, values in slots.items()}
    return colours_of(column, filled, filled.__getitem__)


def test_a_name_has_its_colour_in_every_column():
    first = of("cell_type", obs__cell_type=TYPES)
    assert first == dict(zip(["B", "NK", "T"], palette(3), strict=True))
    other = pd.Categorical(["T", "Mono", "B"])  # in another order, with a name of its own
    found = of("predicted_cell_type", obs__cell_type=TYPES, obs__predicted_cell_type=other)
    assert list(found) == ["B", "Mono", "T"]
    assert (found["B"], found["T"]) == (first["B"], first["T"])
    assert found["Mono"] == palette(4)[3]  # none of those that the others have, also where it is not in this column
    by_hand = of("my names", obs__cell_type=TYPES, **{"obs__my names": other})
    assert by_hand == found


def test_colours_that_were_chosen_hold_and_are_inherited():
    kept = ["#000001", "#000002", "#000003"]
    found = of("cell_type", obs__cell_type=TYPES, uns__cell_type_colors=kept)
    assert list(found.values()) == kept
    inherited = of("labels", obs__cell_type=TYPES, uns__cell_type_colors=kept, obs__labels=TYPES)
    assert list(inherited.values()) == kept
    # those that do not fit the groups of now are not believed
    assert list(of("cell_type", obs__cell_type=TYPES, uns__cell_type_colors=kept[:2]).values()) == palette(3)


def test_columns_that_share_no_name_have_the_palette():
    clusters = pd.Categorical(["0", "1", "2"])
    found = of("leiden_pca", obs__cell_type=TYPES, obs__leiden_pca=clusters)
    assert list(found.values()) == palette(3)
    assert of("empty", obs__empty=pd.Categorical([])) == {}
    assert list(of("mixed", obs__mixed=[1, "a", None])) == ["1", "None", "a"]


def test_two_columns_of_types_do_not_ask_each_other():
    both = {"obs__cell_type": TYPES, "obs__celltype": TYPES, "obs__predicted_cell_type": TYPES}
    assert of("cell_type", **both) == of("celltype", **both) == of("predicted_cell_type", **both)


@pytest.mark.parametrize("n_known", [0, 3, 25])
def test_names_without_a_colour_get_free_ones(n_known):
    known = dict(zip((f"k{i}" for i in range(n_known)), palette(n_known), strict=True))
    names = [*list(known)[::-1], "x", "y"]
    found = colours_by_name(names, known)
    assert found[:n_known] == [known[name] for name in names[:n_known]]
    assert len(set(found)) == len(names)


def test_names_of_several_columns_of_types_never_share_a_colour():
    columns = {
        "obs__cell_type": pd.Categorical(["A", "B"]),
        "obs__predicted_cell_type": pd.Categorical(["B", "X"]),
        "obs__mine": pd.Categorical(["A", "B", "X", "Y"]),
    }
    assert list(of("mine", **columns).values()) == palette(4)
    assert of("predicted_cell_type", **columns) == {"B": palette(2)[1], "X": palette(3)[2]}


def test_a_colour_that_was_chosen_in_any_column_of_types_holds_in_all():
    both = {"obs__cell_type": TYPES, "obs__predicted_cell_type": TYPES}
    kept = ["#111111", "#222222", "#3B82C4"]
    found = of("cell_type", **both, uns__predicted_cell_type_colors=kept)
    assert list(found.values()) == kept
    more = pd.Categorical(["B", "new"])
    assert of("mine", **both, uns__predicted_cell_type_colors=kept, obs__mine=more)["new"] == palette(2)[1]


def test_each_column_is_read_once():
    slots = {keys.obs(name): TYPES for name in keys.TYPE_COLUMNS} | {"obs/leiden_pca": TYPES}
    reads = []

    def read(slot):
        reads.append(slot)
        return slots[slot]

    colours_of("leiden_pca", slots, read)
    assert sorted(reads) == sorted(slots)


def test_a_column_of_types_that_shares_no_name_has_the_first_colours():
    other = pd.Categorical(["x", "y"])
    columns = {"obs__cell_type": TYPES, "obs__suggested_leiden_pca": other}
    assert list(of("suggested_leiden_pca", **columns).values()) == palette(2)
    assert list(of("cell_type", **columns).values()) == palette(3)
