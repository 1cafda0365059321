"""Back-propagation: the published numbers, autograd, torch's own network, and numbers of one's own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.core.errors import UsageError
from surefoot.lessons import learn
from surefoot.lessons.backprop import Backprop


def test_the_neuron_at_zero():
    neuron = Backprop(updates=1).run().neuron
    assert neuron.values == (0, 0, 0, 1, 2, 0.5)
    assert neuron.factors == (1, 1, -1, 1, 1, -0.25)
    assert (neuron.w, neuron.b) == neuron.autograd == (0.25, 0.25)


def test_the_published_numbers():
    found = Backprop(updates=1).run()
    assert found.first.net_h[0] == pytest.approx(0.3775, abs=1e-12)
    assert found.first.h == pytest.approx([0.593269992, 0.596884378], abs=5e-10)
    assert found.first.o == pytest.approx([0.75136507, 0.772928465], abs=5e-10)
    assert found.first.error == pytest.approx(0.298371109, abs=5e-10)
    assert found.first.w2[0, 0] == pytest.approx(0.082167041, abs=5e-10)
    assert found.first.w1[0, 0] == pytest.approx(0.000438568, abs=5e-10)
    after = dict(zip([f"w{i}" for i in range(1, 9)], found.after, strict=False))
    assert after["w5"] == pytest.approx(0.35891648, abs=5e-9)
    assert after["w1"] == pytest.approx(0.149780716, abs=5e-10)
    assert [after[w] for w in ("w6", "w7", "w8")] == pytest.approx([0.408666186, 0.511301270, 0.561370121], abs=5e-10)
    assert [after[w] for w in ("w2", "w3", "w4")] == pytest.approx([0.19956143, 0.24975114, 0.29950229], abs=5e-9)


def test_with_fixed_biases_the_error_is_the_published_one():
    # It is given as 0.291027924, from weights that were rounded on the way.
    assert Backprop(updates=1).run().weights_alone == pytest.approx(0.291027924, abs=2e-7)


numbers = st.floats(-3, 3, allow_subnormal=False)


@settings(max_examples=60, deadline=None)
@given(st.lists(numbers, min_size=8, max_size=8), st.lists(numbers, min_size=2, max_size=2))
def test_by_hand_is_autograd_everywhere(weights, biases):
    found = Backprop(weights=tuple(weights), biases=tuple(biases), updates=1).run()
    assert found.first.gradients == pytest.approx(found.autograd, abs=1e-15)
    assert found.difference < 1e-15


def test_updates_are_those_of_torchs_own_network():
    lesson = Backprop(updates=50)
    hidden, output = torch.nn.Linear(2, 2).double(), torch.nn.Linear(2, 2).double()
    with torch.no_grad():
        hidden.weight.copy_(torch.tensor(lesson.weights[:4]).view(2, 2))
        output.weight.copy_(torch.tensor(lesson.weights[4:]).view(2, 2))
    # One bias for a layer: torch has one a neuron, so the bias here is one number added to both.
    biases = torch.tensor(lesson.biases, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([hidden.weight, output.weight, biases], lr=lesson.lr)
    x, t = torch.tensor(lesson.inputs).double(), torch.tensor(lesson.targets).double()
    errors = []
    for _ in range(51):
        h = torch.sigmoid(hidden.weight @ x + biases[0])
        error = (torch.sigmoid(output.weight @ h + biases[1]) - t).square().sum() / 2
        errors.append(error.item())
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    # nn.Linear keeps float32 copies of the weights' decimals: equal to their precision.
    assert lesson.run().errors == pytest.approx(errors, abs=1e-7)


@pytest.mark.parametrize(("name", "count"), [("inputs", 2), ("weights", 8), ("biases", 2), ("targets", 2)])
def test_the_network_has_so_many_numbers(name, count):
    with pytest.raises(UsageError, match=f"{name} of backprop are {count} numbers"):
        Backprop(**{name: (0.1, 0.2, 0.3)})


def test_every_factor_is_printed():
    text = learn("backprop", updates=10).text()
    for value in (
        "0.741365070 · 0.186815602 · 0.593269992",
        "0.055399425 + -0.019049118",
        "0.298371109",
        "0.358916480",
    ):
        assert value in text
