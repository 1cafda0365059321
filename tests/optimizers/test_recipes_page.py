"""The table of optimizers in docs/recipes.md is what the rules are."""

import re
from pathlib import Path

import pytest

from surefoot.optimizers import like, parse
from surefoot.optimizers.rule import AROUND, specs
from surefoot.optimizers.text import RULES

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text()
ROWS = dict(re.findall(r"^\| `(\w+)` \| (`lr=.*) \|$", PAGE, re.M))


def test_every_rule_has_a_row():
    assert ROWS.keys() == RULES.keys() - {"momentum", "nesterov", "amsgrad", "adamw", "torch_class"}


@pytest.mark.parametrize("name", ROWS)
def test_options_and_defaults(name):
    rule = parse(name)
    told = re.findall(r"(\w+)=([^,`;]+)", ROWS[name].partition("`form` also")[0])
    assert {key for key, _ in told} == {spec.name for spec in specs(type(rule))} - set(AROUND)
    assert parse(f"{name}({', '.join(f'{key}={value}' for key, value in told)})") == rule


@pytest.mark.parametrize("library", ["torch", "keras", "optax"])
def test_every_preset_is_named(library):
    start = PAGE.index(f"| `{library}.")
    row = PAGE[start : PAGE.index("\n", start)]
    usual = set(like.torch.__all__) if library == "keras" else set()
    assert all(re.search(rf"\b{name}\b", row) for name in set(getattr(like, library).__all__) - usual)


def test_the_examples_of_classes_read_as_they_stand():
    pytest.importorskip("prodigyopt", reason="prodigyopt is not installed")
    (example,) = re.findall(r"`(torch_class\('prodigyopt[^`]*)`", PAGE)
    assert parse(example).hyper["d_coef"] == 2.0
