"""The report's numbers are the store's; the page stands alone; the code runs."""

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import matplotlib.figure
import numpy as np
import pytest
import torch
import yaml
from made import facts, ramp, study

import surefoot as sf
from surefoot.core.recipe import Recipe
from surefoot.report import Comparison
from surefoot.report.code import torch_code
from surefoot.report.figures import lines, rate_of, style
from surefoot.studies.recipes import read

CURVES = {
    "good": [ramp(0.90), ramp(0.91), ramp(0.92)],
    "<b>&'\"": [ramp(0.50), ramp(0.515), ramp(0.52)],
    "wild": [ramp(0.9), ramp(0.9), ramp(0.9)[:4]],
}


class Page(HTMLParser):
    """Checks that tags close, and keeps what loads something."""

    VOID = ("meta", "input", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.loads, self.tags, self.text = [], [], set(), ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.loads += [v for k, v in attributes if k in ("src", "href", "xlink:href") and not (v or "").startswith("#")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def comparison():
    return Comparison.of(study(CURVES))


def test_the_page_stands_alone(comparison, tmp_path):
    path = tmp_path / "report.html"
    text = comparison.to_html(path)
    assert path.read_text(encoding="utf-8") == text
    page = Page(text)
    assert page.loads == []
    assert not page.tags & {"script", "link", "iframe", "img"}
    assert "<b>&" not in text
    assert "url(http" not in text
    for words in ("good is best", "Stability", "cosine()", "validation 80", "torch"):
        assert words in page.text


def test_the_table_and_the_page_show_the_numbers_of_the_data(comparison):
    data = comparison.to_json()
    final = data["recipes"][0]["summary"]["final"]
    assert final["mean"] == pytest.approx(0.91)
    shown = f"{final['mean']:.4f} [{final['low']:.4f}, {final['high']:.4f}]"
    assert shown in comparison.table()
    assert shown in comparison.to_html()
    assert [entry["recipe"]["name"] for entry in data["recipes"]] == list(comparison.verdict.ranking)
    assert data["version"] == 1


def test_curves_are_means_over_the_seeds_that_came_so_far(comparison):
    by_name = {line.name: line for line in lines(comparison, "accuracy")}
    np.testing.assert_allclose(by_name["good"].mean, np.mean(CURVES["good"], axis=0))
    np.testing.assert_allclose(by_name["good"].spread, np.std(CURVES["good"], axis=0))
    np.testing.assert_allclose(by_name["wild"].mean, CURVES["wild"][0])
    np.testing.assert_allclose(by_name["good"].x, np.arange(1, 11))


def test_figures_are_figures_and_curves_carry_their_names(comparison):
    figure = comparison.plot()
    assert isinstance(figure, matplotlib.figure.Figure)
    assert [axes.get_ylabel() for axes in figure.axes] == ["validation loss", "validation accuracy"]
    drawing = re.search(r"<svg.*?</svg>", comparison.to_html()[comparison.to_html().index("<figure>") :], re.S)[0]
    tree = ElementTree.fromstring(drawing)
    titles = {
        g.get("id"): g[0].text for g in tree.iter("{http://www.w3.org/2000/svg}g") if "-line-r" in g.get("id", "")
    }
    assert titles["panel1-line-r0"].startswith("good — final accuracy 0.91")
    assert titles["panel0-line-r1"].startswith("<b>&'\"")


def test_every_recipe_of_a_set_looks_different():
    looks = [tuple(map(str, style(index).values())) for index in range(35)]
    assert len(set(looks)) == 35


def test_rates_are_replayed_from_what_was_observed():
    stuck = Recipe("stuck", "sgd", 0.1, "plateau(0.5, patience=0, threshold=1e9, threshold_mode='abs')")
    made = study({"stuck": [ramp(0.9)]}, recipes={"stuck": stuck})
    values = rate_of(made, made.runs[0])
    np.testing.assert_array_equal(values, 0.1 * 0.5 ** np.maximum(np.arange(100) // 10 - 1, 0))


def test_the_printed_recipe_file_can_be_read(comparison):
    page = Page(comparison.to_html())
    found = read(page.text[page.text.index("batch_size: 32") :].split("Task, data")[0], "page")
    assert {recipe.name for recipe in found.recipes} == set(CURVES)
    assert found.recipes[0] == comparison.best.recipe
    schedule = "multistep(['30%', '80%'], factor=0.1, over='90%') >> constant()"
    awkward = Recipe("a: [b] #c", "sgd", 0.5, schedule, {"momentum": 0.9})
    page = Page(Comparison.of(study({awkward.name: [ramp(0.5)]}, recipes={awkward.name: awkward})).to_html())
    assert (
        yaml.safe_load(page.text[page.text.index("batch_size: 32") :].split("Task, data")[0])["recipes"][0]["name"]
        == awkward.name
    )


def test_names_that_look_like_markup_are_names():
    names = ["$\\alpha^2$", "cost $5 and $6_{", "_hidden", "v0.12345"]
    comparison = Comparison.of(study({name: [ramp(0.96 + i / 1000)] for i, name in enumerate(names)}, task="v0.98765"))
    assert "v0.98765" in comparison.to_html()
    figure = comparison.plot()
    figure.canvas.draw()
    assert {text.get_text() for text in figure.legends[0].get_texts()} == set(names)


def test_two_hundred_curves_stay_small():
    rng = np.random.default_rng(0)
    curves = {f"recipe {i}": [rng.uniform(size=10).tolist() for _ in range(3)] for i in range(200)}
    assert len(Comparison.of(study(curves)).to_html().encode()) < 2_000_000


def test_the_code_of_an_averaged_recipe_gives_the_average():
    names = {}
    recipe = Recipe("mean", "adam(ema=0.9)", 0.1)
    exec(compile(torch_code(recipe, facts(epochs=3, steps_per_epoch=4)), "code", "exec"), names)
    model = torch.nn.Linear(3, 1)
    average = names["train"](model, [(torch.randn(32, 3), torch.randn(32, 1))] * 4, torch.nn.functional.mse_loss)
    own = model.weight.clone()
    with average.applied():
        assert not torch.equal(model.weight, own)
    assert torch.equal(model.weight, own)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("plain", "sgd(momentum=0.9)", 0.1, "warmup('10%') >> cosine()"),
        Recipe("both", "sgd(momentum=0.9)", 0.1, "one_cycle()", {"momentum": "one_cycle_momentum()"}),
        Recipe("watching", "adam", 0.01, "plateau(0.5, patience=0)"),
        Recipe("watching more", "adam", 0.01, "plateau(0.5, patience=0, watch='accuracy', mode='max')"),
        Recipe("samples", "rmsprop", 0.01, "warmup('64samples')", {"momentum": "0.9 * warmup(5, from_zero=True)"}),
        Recipe('keras """', "keras.SGD(nesterov=True)", 0.1, "cosine()", {"momentum": 0.9}),
        Recipe(
            "first", "sgd(form='average-first', momentum=0.9)", 0.1, "cosine()", {"momentum": "0.9 * linear(end=0.5)"}
        ),
        Recipe("betas", "adam", 0.01, "linear()", {"beta1": "0.9 * linear(end=0.5)"}),
        Recipe('keras "form"\\', "keras.Adam()", None, "exponential(0.9)"),
        Recipe("it's", "sgd(form='keras', momentum=0.9)", 0.1),
        Recipe("parts", "adamw(weight_decay=0.5)", 0.1, "linear()", {"weight_decay@vectors": 0, "lr@bias": 0.05}),
        Recipe("clipped", "sgd(momentum=0.9)", 0.1, "linear()", {"clip_norm": "0.1 * linear()"}),
        Recipe("watching parts", "adam", 0.01, "plateau(0.5, patience=0)", {"beta1@vectors": 0.5}),
    ],
    ids=lambda recipe: recipe.name,
)
def test_the_code_runs_and_is_the_recipe(recipe):
    """The code that is printed, run as it is, moves a model as the loop trainer does."""
    names = {}
    exec(compile(torch_code(recipe, facts(epochs=3, steps_per_epoch=4)), "code", "exec"), names)
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    batches = [(torch.randn(32, 3), torch.randn(32, 1)) for _ in range(4)]
    losses = iter([1.0, 2.0, 3.0])
    seen = [lambda model: dict.fromkeys(["loss", "accuracy"], next(losses))] if "plateau" in recipe.schedule else []
    twin = torch.nn.Linear(3, 1)
    twin.load_state_dict(model.state_dict())
    names["train"](model, batches, torch.nn.functional.mse_loss, *seen)
    by_hand(twin, recipe, batches, [1.0, 2.0, 3.0])
    assert torch.equal(model.weight, twin.weight)
    assert torch.equal(model.bias, twin.bias)


def by_hand(model, recipe, batches, observed):
    from surefoot.core.units import Clock
    from surefoot.optimizers import clip_gradients_, set_hyper, torch_optimizer
    from surefoot.training import bind
    from surefoot.training.parts import parts_of

    policy = bind(recipe, Clock(12, 4, 32))
    named, parts = dict(model.named_parameters()), parts_of(policy.hyper_names, model)
    groups = [{"params": [named[name] for name in part.params]} for part in parts]
    states, optimizer, step = policy.start(), torch_optimizer(policy.rule, groups), 0
    for value in observed:
        for x, y in batches:
            moves = policy.moves(step, step + 1, states)
            hyper = {name: float(np.ravel(value)[0]) for name, value in moves.items()}
            for k, part in enumerate(parts):
                set_hyper(optimizer, policy.rule, part.hyper(hyper), k)
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(x), y).backward()
            clip_gradients_(model.parameters(), policy.rule, parts[0].hyper(hyper))
            optimizer.step()
            step += 1
        states = policy.observe(states, sf.Observation(step, {"loss": value, "accuracy": value}))


def test_a_notebook_shows_it(comparison):
    shown = comparison._repr_html_()
    assert "<svg" in shown
    assert "good is best" in shown
    assert repr(comparison) == comparison.table()
    Page(shown)
