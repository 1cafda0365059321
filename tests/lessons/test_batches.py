"""The lesson on batches: its arithmetic, its one training loop, the noise of a gradient, and what it says of them."""

import json
from itertools import combinations

import numpy as np
import pytest
import torch
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader

import surefoot as sf
from surefoot.core.errors import UsageError
from surefoot.lessons import learn
from surefoot.lessons.batches import Batches, Counts
from surefoot.lessons.feeding import Training, gradient, noises, train
from surefoot.lessons.lesson import write_up
from surefoot.tasks import load, prepare
from surefoot.tasks.in_memory import InMemory
from surefoot.training import initial_model
from surefoot.training.trainer import order


@pytest.fixture(scope="module")
def lesson():
    return Batches(train_epochs=3)


@pytest.fixture(scope="module")
def found(lesson):
    return lesson.run()


def small(samples=23, seed=0):
    """A network and data in float64; 23 is prime, so that batches never divide it."""
    draw = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4)).double()
    x = torch.randn(samples, 3, dtype=torch.float64, generator=draw)
    return model, InMemory(x, torch.randint(4, (samples,), generator=draw))


def test_50_000_samples_at_256():
    counts = Counts.of(50_000, 256, 10)
    assert (counts.full, counts.rest, counts.an_epoch, counts.in_all) == (195, 80, 196, 1960)
    assert (counts.batch(1), counts.batch(195), counts.batch(196)) == ((1, 256), (49665, 49920), (49921, 50000))


@pytest.mark.parametrize(
    ("samples", "batch_size", "an_epoch", "last"),
    [(5, 9, 1, (1, 5)), (7, 1, 7, (7, 7)), (7, 7, 1, (1, 7)), (500, 250, 2, (251, 500)), (1, 1, 1, (1, 1))],
)
def test_edges_of_the_arithmetic(samples, batch_size, an_epoch, last):
    counts = Counts.of(samples, batch_size, 3)
    assert (counts.an_epoch, counts.in_all, counts.batch(an_epoch)) == (an_epoch, 3 * an_epoch, last)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 1000))
def test_an_epoch_has_as_many_batches_as_a_data_loader(samples, batch_size, epochs):
    counts = Counts.of(samples, batch_size, epochs)
    assert counts.an_epoch == len(DataLoader(range(samples), batch_size=batch_size))
    assert counts.full * batch_size + counts.rest == samples
    assert counts.in_all == epochs * counts.an_epoch


@given(st.integers(1, 200), st.integers(1, 250))
def test_batches_hold_every_sample_once(samples, batch_size):
    counts = Counts.of(samples, batch_size, 1)
    held = [range(first, last + 1) for first, last in map(counts.batch, range(1, counts.an_epoch + 1))]
    assert [sample for batch in held for sample in batch] == list(range(1, samples + 1))


@pytest.mark.parametrize("batch_size", [1, 7, 23])
def test_the_loop_is_that_of_torch(batch_size):
    model, data = small()
    orders = [torch.randperm(23, generator=torch.Generator().manual_seed(epoch)) for epoch in range(4)]
    made = train(model, nn.functional.cross_entropy, data, data, orders, batch_size, 0.3)
    twin, _ = small()
    optimizer, losses = torch.optim.SGD(twin.parameters(), lr=0.3), []
    for shuffled in orders:
        for x, y in DataLoader(list(zip(data.x[shuffled], data.y[shuffled], strict=True)), batch_size=batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(twin(x), y).backward()
            optimizer.step()
        losses.append(nn.functional.cross_entropy(twin(data.x), data.y).item())
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(made.training[1:], losses, rtol=1e-12)
    np.testing.assert_array_equal(made.training, made.validation)  # both were the same data here
    assert made.updates == -(-23 // batch_size)


def test_mini_batch_of_all_samples_is_one_full_step():
    model, data = small()
    twin, _ = small()
    train(model, nn.functional.cross_entropy, data, data, [torch.arange(23)], 23, 0.3)
    nn.functional.cross_entropy(twin(data.x), data.y).backward()
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs - 0.3 * theirs.grad, rtol=0, atol=1e-14)


@pytest.mark.parametrize("batch_size", [1, 4, 10, 23])
def test_the_gradients_of_batches_average_to_the_full_one(batch_size):
    model, data = small()
    full = gradient(model, nn.functional.cross_entropy, data.x, data.y)
    parts = [
        len(batch) * gradient(model, nn.functional.cross_entropy, data.x[batch], data.y[batch])
        for batch in torch.randperm(23, generator=torch.Generator().manual_seed(1)).split(batch_size)
    ]
    torch.testing.assert_close(torch.stack(parts).sum(0) / 23, full, rtol=1e-12, atol=1e-14)


def test_the_loop_trains_as_compare_does():
    ready = prepare(load("digits"), epochs=2)
    orders = [order(ready, 0, epoch) for epoch in range(2)]
    made = train(initial_model(ready, 0), ready.loss, ready.train, ready.watched, orders, 32, 0.1)
    recipe = sf.Recipe("SGD", "sgd", 0.1)
    compared = sf.compare("digits", [recipe], 1, epochs=2, out=None, progress=False, trainer="loop", place="here")
    seen = compared.study.runs[0].observations
    np.testing.assert_allclose(made.validation[1:], [each.values["loss"] for each in seen], rtol=1e-5)
    np.testing.assert_allclose(made.accuracy[1:], [each.values["accuracy"] for each in seen], atol=1e-6)


def test_the_law_of_the_noise_holds_over_all_pairs():
    x = torch.arange(1.0, 12, dtype=torch.float64)[:, None]
    data, model = InMemory(x, x**2 % 7), nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(model.weight, 0.5)
    single = (2 * (0.5 * x - data.y) * x).numpy().ravel()  # d/dw (w·x − y)²
    mean = single.mean()
    sigma = np.sqrt(((single - mean) ** 2).mean()) / abs(mean)
    pairs = np.array([(a + b) / 2 for a, b in combinations(single, 2)])
    one, two = noises(model, nn.functional.mse_loss, data, [1, 2])
    assert one.measured == pytest.approx(sigma, rel=1e-12)
    assert two.law == pytest.approx(sigma / np.sqrt(2), rel=1e-12)
    assert two.drawn == pytest.approx(np.sqrt(((pairs - mean) ** 2).mean()) / abs(mean), rel=1e-12)
    assert two.measured == pytest.approx(two.drawn, rel=0.1)


def test_measured_noise_follows_the_law(found):
    assert [each.batch_size for each in found.noises] == [2**power for power in range(11)]
    for each in found.noises:
        assert each.batches >= 200
        assert each.measured == pytest.approx(each.drawn, rel=0.1)
        assert each.drawn <= each.law


def test_the_three_ways(found, lesson):
    bgd, sgd, mini = found.trainings
    assert [each.batch_size for each in found.trainings] == [1079, 1, 32]
    assert [each.updates for each in found.trainings] == [1, 1079, 34]
    assert bgd.training[0] == sgd.training[0] == mini.training[0]  # the same initial weights
    assert all((np.diff(each.seconds) > 0).all() for each in found.trainings)
    assert found.target == max(each.training[-1] for each in found.trainings)
    for each, arrival in zip(found.trainings, found.arrivals, strict=True):
        assert each.training[arrival.epoch] <= found.target
        assert (each.training[1 : arrival.epoch] > found.target).all()
        assert arrival.seconds == each.seconds[arrival.epoch]
    names = ["BGD", "SGD", "mini-batch"]
    ends = [each.training[-1] for each in found.trainings]
    text = " ".join(write_up(lesson, found).text().split())
    assert f"By epochs {names[int(np.argmin(ends))]} came lowest: training loss {min(ends):.4g}" in text
    assert f"{names[int(np.argmax(ends))]} came least far: {max(ends):.4g}" in text


def test_the_text_counts(found):
    lesson = Batches(train_epochs=3)
    text = write_up(lesson, found).text()
    assert "⌈50000 / 256⌉ = 196" in text
    assert "10 × 196 = 1960" in text
    assert "80 samples that are left over" in text
    apart = evolve(found, counts=Counts.of(5, 9, 1))
    assert "The batch size is larger than the data" in write_up(evolve(lesson, samples=5, batch_size=9), apart).text()


def lost(training: Training) -> Training:
    return evolve(training, training=np.array([2.3, np.inf, np.nan, np.nan]))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_whatever_comes_out_is_written_up(found, lesson, lang, tmp_path):
    bgd, sgd, mini = found.trainings
    for trainings in ((bgd, sgd, mini), (bgd, lost(sgd), mini), (lost(bgd), lost(sgd), lost(mini))):
        whole = not any(np.isnan(each.training[-1]) for each in trainings)
        arrivals, target = (found.arrivals, found.target) if whole else ((), None)
        taught = write_up(lesson, evolve(found, trainings=trainings, arrivals=arrivals, target=target), lang)
        said = {"en": "diverged: its loss", "zh": "发散了：损失"}[lang]
        assert taught.text().count(said) == sum(bool(np.isnan(each.training[-1])) for each in trainings)
        json.dumps(taught.to_json(), allow_nan=False)
        taught.save(tmp_path / "x.png")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_odd_parameters(lang):
    too_high = learn("batches", lang, lr=1e3, train_epochs=1, train_batch=1079, samples=1, batch_size=1, epochs=1)
    assert too_high.found.risen == [0, 1, 2]
    assert too_high.text().count({"en": "did not learn", "zh": "没有学到东西"}[lang]) == 3
    assert "<" in too_high.to_html()
    np.testing.assert_array_equal(too_high.found.trainings[0].training, too_high.found.trainings[2].training)


@pytest.mark.parametrize(
    ("given", "received"),
    [
        ({"samples": 0}, "0"), ({"batch_size": -1}, "-1"), ({"epochs": 0}, "0"), ({"lr": -0.1}, "-0.1"),
        ({"train_epochs": 0}, "0"), ({"train_batch": 1080}, "1080"), ({"samples": 2.5}, "2.5"),
        ({"lr": float("nan")}, "nan"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(given, received):
    with pytest.raises(UsageError, match=f"{next(iter(given))} of batches.*received {received}"):
        learn("batches", **given)
