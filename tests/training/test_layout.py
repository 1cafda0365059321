"""Slots, tiles and rungs: every row has its place, and every tile fits one layout."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.optimizers import parse
from surefoot.training.layout import EMPTY, divide, layout_of, rung, seated, size, tiled
from surefoot.training.trainer import Row

RULES = [parse(text) for text in ("sgd", "sgd(momentum=0.9)", "adam", "adam(beta1=0.5)", "adamw", "keras.Adam()")]
ROWS = st.lists(
    st.builds(
        lambda rule, seed, moves: Row(rule, rule.hyper, seed, frozenset({"lr"} if moves else ())),
        st.sampled_from(RULES),
        st.integers(0, 3),
        st.booleans(),
    ),
    min_size=1,
    max_size=40,
)


@given(ROWS, st.integers(1, 50))
def test_tiles_hold_every_row_once_and_fit_the_layout(rows, most):
    layout = tiled(layout_of(rows), most)
    tiles = divide(rows, layout)
    assert sorted(row for tile in tiles for row in tile) == list(range(len(rows)))
    kinds = len(layout)
    assert size(layout) <= max(most, 1) + kinds  # at most one spare slot for every kind
    for tile in tiles:
        slots = seated([rows[k] for k in tile], layout)
        assert len(slots) == size(layout)
        assert sorted(slot for slot in slots if slot != EMPTY) == list(range(len(tile)))


@given(ROWS)
def test_what_a_kind_shares_is_the_same_in_all_its_rows_and_stays(rows):
    for kind in layout_of(rows):
        members = [row for row in rows if row.rule.structure == kind.rule.structure]
        assert kind.slots == len(members)
        assert {*kind.shared, *kind.varying} == set(kind.rule.hyper)
        for name, value in kind.shared.items():
            assert all(row.hyper[name] == value and name not in row.moving for row in members)
        for name in kind.varying:
            assert len({row.hyper[name] for row in members}) > 1 or any(name in row.moving for row in members)


@given(ROWS, st.integers(1, 50))
def test_the_lower_rung_keeps_every_kind(rows, most):
    layout = tiled(layout_of(rows), most)
    lower = rung(layout)
    assert [kind.rule for kind in lower] == [kind.rule for kind in layout]
    assert all(1 <= low.slots <= kind.slots for low, kind in zip(lower, layout, strict=True))


def test_rows_that_do_not_fit_are_refused():
    rows = [Row(RULES[0], RULES[0].hyper, seed) for seed in range(3)]
    with pytest.raises(ValueError, match="do not fit"):
        seated(rows, layout_of(rows[:2]))
