"""What a task shows by itself; what is measured; what a history adds."""

import numpy as np
import pytest
import torch
from torch import nn

import surefoot as sf
from surefoot.advice import advise
from surefoot.advice.measure import judged
from surefoot.advice.seeing import seen


def task(model, x=None, y=None, loss="cross_entropy", **more):
    x = torch.randn(200, 8) if x is None else x
    y = torch.randint(0, 3, (200,)) if y is None else y
    return sf.Task(name="mine", model=model, loss=loss, train=(x, y), epochs=4, batch_size=16, **more)


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(50, 16), nn.Linear(16, 3)
        self.encode = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)

    def forward(self, x):
        return self.out(self.encode(self.embed(x)).mean(1))


class Recurs(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(4, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.rnn(x.view(len(x), -1, 4))[0][:, -1])


@pytest.mark.parametrize(
    ("made", "kind", "of"),
    [
        (lambda: task(lambda: nn.Linear(8, 3)), "linear", "classification"),
        (lambda: task(lambda: nn.Sequential(nn.Linear(8, 9), nn.ReLU(), nn.Linear(9, 3))), "mlp", "classification"),
        (
            lambda: task(
                lambda: nn.Sequential(nn.Unflatten(1, (1, 8)), nn.Conv1d(1, 4, 3), nn.Flatten(), nn.Linear(24, 1)),
                y=torch.randn(200, 1), loss="mse",
            ),
            "cnn", "regression",
        ),
        (lambda: task(Recurs), "rnn", "classification"),
        (lambda: task(Attends, x=torch.randint(0, 50, (200, 6))), "transformer", "language"),
    ],
    ids=["linear", "mlp", "cnn", "rnn", "transformer"],
)  # fmt: skip
def test_kinds_of_models_and_tasks_are_seen(made, kind, of):
    found = seen(made())
    assert (found.model, found.task) == (kind, of)
    assert (found.samples, found.epochs, found.batch_size) == (160, 4, 16)  # a fifth is held out
    assert found.parameters > 0


def test_sparse_inputs_are_seen():
    x = torch.zeros(200, 50)
    x[torch.arange(200), torch.randint(0, 50, (200,))] = 1
    assert seen(task(lambda: nn.Linear(50, 3), x=x)).sparse is True
    assert seen(task(lambda: nn.Linear(8, 3))).sparse is False
    half = torch.randn(200, 8) * (torch.rand(200, 8) < 0.5)
    assert seen(task(lambda: nn.Linear(8, 3), x=half)).sparse is False


def test_whole_numbers_alone_are_no_language():
    pictures = torch.randint(0, 255, (200, 8), dtype=torch.uint8)
    made = task(lambda: nn.Sequential(Floats(), nn.Linear(8, 3)), x=pictures)
    assert seen(made).task == "classification"


class Floats(nn.Module):
    def forward(self, x):
        return x.float() / 255


def test_what_is_given_goes_before_what_is_seen():
    found = advise("digits", samples=5_000_000, model="mlp")
    assert found.choice.answers.samples == 5_000_000
    assert found.choice.answers.epochs == 15
    assert "samples: yours is kept; the task itself says otherwise" in found.text().replace("\n", " ")
    assert "model: yours" not in found.text()


def test_a_task_with_an_unknown_length():
    found = advise("digits", length="unknown")
    assert found.choice.answers.epochs is None
    assert found.choice.strategies[0].name == "wsd"


@pytest.fixture(scope="module")
def measured():
    return advise("digits", measure=True, first=3, comparing={"out": None, "progress": False, "seeds": 3})


def test_the_first_few_are_compared(measured):
    found = measured.measured
    assert list(found.places) == [recipe.name for recipe in measured.recipes[:3]]
    assert sorted(measured for _, measured in found.places.values()) == [1, 2, 3]
    finals = {s.name: s.final.mean for s in found.comparison.summaries}
    best = max(finals, key=finals.get)
    assert found.places[best][1] == 1
    said = measured.text().replace("\n", " ")
    expected = {True: "agree:", None: "does not contradict", False: "disagree:"}[found.agrees]
    assert expected in said
    assert measured.to_json()["measured"]["agrees"] == found.agrees


@pytest.mark.parametrize(("order", "agrees"), [(0, True), (-1, False)])
def test_agreement_follows_from_the_verdict(order, agrees):
    recipes = [
        sf.Recipe("good", "momentum", 0.05, "cosine()"), sf.Recipe("hopeless", "sgd", 1e-6),
    ]  # fmt: skip
    found = sf.compare("digits", recipes, seeds=3, epochs=3, out=None, progress=False)
    ranked = ["good", "hopeless"] if order == 0 else ["hopeless", "good"]
    assert judged(found, ranked).agrees is agrees


def test_a_history_answers_and_is_told(tmp_path):
    file = tmp_path / "log.csv"
    noise = np.random.default_rng(0).normal(size=40)
    rows = [f"{i},{2 / (1 + i / 5):.4f},{1.2 + 0.4 * n:.4f}" for i, n in enumerate(noise)]
    file.write_text("epoch,loss,val_loss\n" + "\n".join(rows) + "\n")
    found = advise(history=file, model="cnn")
    assert "oscillating" in found.diagnosis.kinds
    assert found.choice.answers.val_loss == "unstable"
    assert "What the history shows" in found.text()
    kept = advise(history=file, val_loss="steady")
    assert kept.choice.answers.val_loss == "steady"
    assert "val_loss: yours is kept; the history says otherwise" in kept.text().replace("\n", " ")
    assert list(kept.pictures) == ["history", "rates"]


def test_measured_comes_with_the_advice_not_with_the_history(tmp_path):
    file = tmp_path / "log.csv"
    file.write_text("epoch,loss\n" + "\n".join(f"{i},{2 - 0.01 * i}" for i in range(20)))
    found = advise(
        "digits",
        history=file,
        measure=True,
        first=2,
        comparing={"out": None, "progress": False, "seeds": 2, "epochs": 1},
    )
    heads = [line for line in found.source.split("\n") if line.startswith("#")]
    assert heads[:4] == ["# What the history shows", "# What to try first", "## Measured", "## By the rules"]


def test_an_unknown_length_can_be_measured_on_a_small_task():
    small = task(lambda: nn.Linear(8, 3))
    found = advise(
        small, length="unknown", measure=True, first=2, comparing={"out": None, "progress": False, "seeds": 2}
    )
    assert found.recipes[0].schedule == "warmup(10) >> constant()"  # an epoch of 160 samples in batches of 16


def test_huge_horizons_are_drawn_point_by_point():
    found = advise(samples=10**9, epochs=100, batch_size=1, model="cnn")
    assert "100,000,000,000 samples seen" in found.text().replace("\n", " ")
    (panel,) = found.pictures["rates"].panels
    assert max(len(line.x) for line in panel.lines) <= 500
