"""A recipe bound to a horizon: what each update uses, and what is refused before training."""

import pytest

from surefoot.core.recipe import Recipe
from surefoot.core.units import Clock
from surefoot.training import bind

CLOCK = Clock(100, 10, 32)


def test_every_update_has_all_hyperparameters():
    recipe = Recipe(
        "r",
        "sgd(nesterov=True, momentum=0.9)",
        0.1,
        "linear()",
        {"weight_decay": 0.01, "momentum": "0.9 * linear(end=0.5)"},
    )
    policy = bind(recipe, CLOCK)
    moves = policy.moves(50, 52, policy.start())
    assert (moves["dampening"], moves["weight_decay"]) == (0.0, 0.01)
    assert policy.moving == {"lr", "momentum"}
    assert moves["lr"] == pytest.approx([0.05, 0.049])
    assert moves["momentum"][0] == pytest.approx(0.675)
    off = dict.fromkeys(("clip_norm", "clip_value", "ema"), 0.0)
    assert policy.first() == pytest.approx({"lr": 0.1, "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.01} | off)


def test_a_recipe_without_a_rate_takes_the_optimizers_own():
    assert bind(Recipe("r", "keras.SGD"), CLOCK).curves["lr"](0) == 0.01


def test_rules_and_shapes_may_be_given_as_objects():
    import surefoot as sf

    recipe = Recipe("r", sf.like.torch.Adam(betas=(0.8, 0.99)), 0.1, sf.warmup("5%") >> sf.cosine())
    assert bind(recipe, CLOCK).rule == sf.like.torch.Adam(betas=(0.8, 0.99))


@pytest.mark.parametrize(
    ("recipe", "complaint"),
    [
        (lambda: Recipe("r", "adamm"), "recipe 'r'.*adam"),
        (lambda: Recipe("r", "adam", -0.1), "finite number, 0 or above; received -0.1"),
        (lambda: Recipe("r", "adam", float("nan")), "finite number"),
        (lambda: Recipe("r", "adam", True), "finite number"),
        (lambda: Recipe(" ", "adam"), "needs a name"),
        (lambda: Recipe("r", "adam", 0.1, "linear(end=-1)"), "at step 99 of 100"),
        (lambda: Recipe("r", "adam", 0.1, "0.1 * linear()"), "Give the number as lr"),
        (lambda: Recipe("r", "adam", 0.1, "wall_clock(linear(), '1h')"), "no time of their own"),
        (lambda: Recipe("r", "adam", 0.1, "cosine('20ep')"), "recipe 'r'.*longer than the time"),
        (lambda: Recipe("r", "adam", 0.1, "cosin()"), "recipe 'r'.*Did you mean 'cosine'"),
        (lambda: Recipe("r", "adam", 0.1, "cosine('5 parsecs')"), "unknown unit"),
        (lambda: Recipe("r", "adam", hyper={"momentum": 0.9}), "momentum"),
        (lambda: Recipe("r", "sgd", hyper={"momentum": "cosine()"}), "say its height"),
        (lambda: Recipe("r", "adam", hyper={"beta1": "1.5 * cosine()"}), "beta1"),
    ],
)
def test_what_makes_no_sense_is_refused(recipe, complaint):
    with pytest.raises(ValueError, match=complaint):
        bind(recipe(), CLOCK)


def test_what_looks_wrong_is_said():
    (found,) = bind(Recipe("r", "adam", 0.1, "multistep([50, 200])"), CLOCK).check()
    assert found.startswith(
        "r: lr: end never reached at step 100: multistep's boundary 200 (step 200) is never reached"
    )


def test_the_content_is_what_is_done_not_how_it_is_written():
    def content(*recipe):
        return bind(Recipe(*recipe), CLOCK).content()

    assert content("a", "adam", 1, "cosine()") == content("b", "adam(beta1=0.9)", 1.0, "cosine(end=0)")
    others = [("a", "adam", 1, "linear()"), ("a", "adamw", 1, "cosine()"), ("a", "adam", 2, "cosine()")]
    assert all(content(*other) != content("a", "adam", 1, "cosine()") for other in others)
