"""Slots, tiles and rungs: every row has its place, and every tile fits one layout."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.optimizers import parse
from surefoot.training import slots
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


def bundles_of(rows, lengths):
    """Rows of a kind, some of them together."""
    families = {}
    for k, row in enumerate(rows):
        families.setdefault(row.family, []).append(k)
    bundles, lengths = [], iter(lengths)
    for members in families.values():
        while members:
            length = next(lengths, 1)
            bundles.append(members[:length])
            members = members[length:]
    return bundles


@given(ROWS, st.lists(st.integers(1, 5), max_size=40), st.integers(1, 50))
def test_tiles_hold_every_row_once_and_fit_the_layout(rows, lengths, most):
    layout = tiled(layout_of(rows), most)
    bundles = bundles_of(rows, lengths)
    tiles = divide(rows, bundles, layout)
    whole = [sorted(row for bundle in tile for row in bundle) for tile in tiles]
    assert sorted(row for tile in whole for row in tile) == list(range(len(rows)))
    kinds = len(layout)
    assert size(layout) <= max(most, 1) + kinds  # at most one spare slot for every kind
    for tile, members in zip(tiles, whole, strict=True):
        places = seated([rows[k] for k in members], layout)
        assert len(places) == size(layout)
        assert sorted(slot for slot in places if slot != EMPTY) == list(range(len(members)))
        assert all(any(set(part) <= set(bundle) for bundle in bundles) for part in tile)
    slots_of = {kind.family: kind.slots for kind in layout}
    kept = [part for tile in tiles for part in tile]
    for bundle in bundles:  # none is cut without need
        assert len(bundle) > slots_of[rows[bundle[0]].family] or tuple(bundle) in kept


SIZES = st.lists(st.integers(1, 6), min_size=1, max_size=4)


@given(SIZES, st.data())
def test_rows_that_drop_and_fork_keep_what_is_theirs(sizes, data):
    """Whatever rows go on, and whether slots stay or their number changes: every row has what it had."""
    rows = data.draw(st.lists(st.sampled_from(range(sum(sizes))), max_size=sum(sizes)).map(sorted))
    kinds = [k for k, size in enumerate(sizes) for _ in range(size)]
    needed = slots.counts(rows, sizes)
    assert needed == [sum(kinds[slot] == k for slot in rows) for k in range(len(sizes))]
    if all(need <= size for need, size in zip(needed, sizes, strict=True)):
        live, pairs = slots.copied(rows, sizes)
        held = list(range(sum(sizes)))
        for source, place in pairs:
            held[place] = held[source]
        assert [held[slot] for slot in live] == rows
        assert len(set(live)) == len(live)
        assert [kinds[slot] for slot in live] == [kinds[slot] for slot in rows]
    new = [need + data.draw(st.integers(0, 3)) for need in needed]
    chosen, live = slots.resized(rows, sizes, new)
    assert [chosen[slot] for slot in live] == rows
    assert len(set(live)) == len(live)
    assert [kinds[slot] for slot in chosen] == [k for k, size in enumerate(new) for _ in range(size)]


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
