"""Recipe files: what they say, and where they are wrong."""

import math

import pytest

from surefoot.core.errors import RecipeError
from surefoot.core.recipe import Recipe
from surefoot.core.units import Clock
from surefoot.studies import load_recipes, recipe_sets
from surefoot.studies.recipes import read
from surefoot.training import bind

GOOD = """
batch_size: 16
epochs: 3
curves: test
recipes:
  - name: one
    optimizer: sgd(momentum=0.9)
    lr: 1e-2
    schedule: warmup('5%') >> cosine()
    momentum: one_cycle_momentum()
  - {name: 2, optimizer: adam, weight_decay: 0.1}
"""


def test_a_file_says_what_it_says(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD)
    found = load_recipes(path)
    assert (found.batch_size, found.epochs, found.curves) == (16, 3, "test")
    assert found.recipes == (
        Recipe("one", "sgd(momentum=0.9)", 0.01, "warmup('5%') >> cosine()", {"momentum": "one_cycle_momentum()"}),
        Recipe("2", "adam", None, "constant()", {"weight_decay": 0.1}),
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- name: a\n  optimizer: [", r"f:2:15: this is not YAML"),
        ("- name: a\n  optimizer: adm", r"f:2:14: unknown optimizer 'adm'.*adam"),
        ("- name: a\n  optimizer: adam\n  schedule: cosin()", r"f:3:13: unknown schedule.*Did you mean 'cosine'"),
        ("- name: a\n  optimizer: adam\n  schedule: cosine('5 yards')", r"f:3:13: unknown unit 'yards'"),
        ("- name: a\n  optimizer: adam\n  schedule: 0.1 * cosine()", r"f:3:13: a schedule is a shape"),
        ("- name: a\n  optimizer: sgd\n  momentum: -1", r"f:3:13: momentum of sgd must be"),
        ("? [a]\n: b", r"f:1:3: the names in a recipe file are plain texts"),
        ("[" * 3000, r"nested too deeply"),
        ("- name: a\n  optimizer: adam\n  lr: fast", r"f:3:7: this must be a finite number; received 'fast'"),
        ("- name: a\n  optimizer: adam\n  lr: -1", r"f:3:7: the learning rate of 'a' must be.*received -1.0"),
        ("- name: a\n  optimizer: adam\n  lr: .nan", r"f:3:7: this must be a finite number"),
        ("- name: a\n  optimizer: adam\n  momentun: 0.9", r"f:3:13: a recipe of adam has no 'momentun'"),
        ("- name: a\n  optimizer: adam\n  beta1: cosin()", r"f:3:10: unknown schedule"),
        ("- name: a\n  optimizer: adam\n  schedule: [1, 2]", r"f:3:13: this must be a text or a number"),
        ("- name: a\n  name: b", r"f:2:3: 'name' is given twice"),
        ("- optimizer: adam", r"f:1:3: the recipe has no name"),
        ("- name: a", r"f:1:3: the recipe has no optimizer"),
        ("- adam", r"f:1:3: a recipe must be a mapping"),
        ("recipe: []", r"f:1:1: a recipe file has no 'recipe'. Did you mean 'recipes'"),
        ("epochs: 3", r"f:1:1: the file has no list named recipes"),
        ("recipes: adam", r"f:1:10: recipes must be a list"),
        ("recipes: []", r"there are no recipes"),
        ("epochs: 1.5\nrecipes: []", r"f:1:9: this must be a whole number"),
        ("curves: training\nrecipes: []", r"f:1:9: curves must be validation or test; received 'training'"),
        ("- {name: a, optimizer: adam}\n- {name: a, optimizer: sgd}", r"two recipes have the same name"),
        ("", r"f: the file is empty"),
    ],
)
def test_mistakes_are_told_with_line_and_column(text, complaint):
    with pytest.raises(RecipeError, match=complaint):
        read(text, "f")


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(RecipeError, match="Did you mean 'classic'"):
        load_recipes("clasic")
    with pytest.raises(RecipeError, match="cannot read the recipe file"):
        load_recipes(tmp_path / "absent.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="cannot read the recipe file"):
        load_recipes(binary)


def test_rates_replace_and_multiply():
    found = load_recipes([Recipe("a", "adam", 1.0), Recipe("b", "sgd")])
    assert [recipe.lr for recipe in found.at_rates([0.5]).recipes] == [0.5, 0.5]
    many = found.at_rates([0.1, 0.01]).recipes
    assert [(recipe.name, recipe.lr) for recipe in many] == [
        ("a, lr 0.1", 0.1),
        ("a, lr 0.01", 0.01),
        ("b, lr 0.1", 0.1),
        ("b, lr 0.01", 0.01),
    ]


def test_the_source_set_is_the_experiment():
    found = load_recipes("source")
    assert (found.batch_size, found.epochs, found.curves) == (32, 10, "test")
    fixed, decayed, adam = (bind(recipe, Clock(18_750, 1875, 32)) for recipe in found.recipes)
    assert set(fixed.curves["lr"].values()) == {0.01}
    for epoch in range(10):
        step = 1875 * epoch
        assert decayed.curves["lr"](step) == decayed.curves["lr"](step + 1874)
        assert decayed.curves["lr"](step) == pytest.approx(0.1 * math.exp(-0.1 * epoch))
    assert adam.curves["lr"](0) == 0.001
    off = dict.fromkeys(("weight_decay", "clip_norm", "clip_value", "ema"), 0.0)
    assert adam.fixed | {"lr": 0.001} == {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7} | off
    assert adam.rule.form == "keras"


def test_the_classic_set_has_every_strategy_and_fits_any_horizon():
    assert recipe_sets() == ["classic", "source"]
    found = load_recipes("classic")
    text = " ".join(recipe.schedule for recipe in found.recipes)
    names = "constant step multistep piecewise exponential natural_exponential inverse_time linear polynomial cosine"
    for name in [*names.split(), "warmup", "cyclical", "one_cycle", "plateau", "staircase=True"]:
        assert f"{name}(" in text or name in text
    assert {"adagrad", "rmsprop", "adam", "momentum", "sgd"} == {recipe.optimizer for recipe in found.recipes}
    for steps in (40, 510, 18_750):
        for recipe in found.recipes:
            policy = bind(recipe, Clock(steps, max(1, steps // 10), 32))
            assert policy.check() == []
            assert policy.curves["lr"].values().max() <= recipe.lr * (1 + 1e-12)
