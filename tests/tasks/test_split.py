"""One law for every kind of split: the same numbers give the same samples, whatever was asked before."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, default_collate

from surefoot.tasks import tree
from surefoot.tasks.in_memory import InMemory
from surefoot.tasks.joined import Joined
from surefoot.tasks.on_demand import Fetch, OnDemand
from surefoot.tasks.split import regrouped
from surefoot.tasks.stream import Stream

N = 53
X, Y = torch.arange(N * 2.0).view(N, 2), torch.arange(N)


class Flow(IterableDataset):
    def __iter__(self):
        return zip(X, Y, strict=True)


def on_demand(numbers):
    return OnDemand(Fetch(TensorDataset(X, Y), default_collate, "train"), numbers)


SPLITS = {
    "in memory": lambda: InMemory(X, Y),
    "on demand": lambda: on_demand(torch.arange(N)),
    "joined": lambda: Joined(InMemory(X[:20], Y[:20]), on_demand(torch.arange(20, N))),
    "stream": lambda: Stream(DataLoader(Flow(), batch_size=7), "train", N),
}


@pytest.mark.parametrize("kind", SPLITS)
@given(data=st.data())
@settings(deadline=None, max_examples=15)
def test_every_split_gives_the_same_samples(kind, data):
    split = SPLITS[kind]()
    assert len(split) == N
    assert split.sample_bytes == 16
    for _ in range(data.draw(st.integers(1, 4), label="questions")):
        shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3), label="shape")
        size = data.draw(st.integers(1, 60), label="size")
        count = int(torch.tensor(shape).prod())
        index = torch.tensor(data.draw(st.lists(st.integers(0, N - 1), min_size=count, max_size=count))).view(shape)
        x, y = split.take(index)
        assert torch.equal(x, X[index])
        assert torch.equal(y, Y[index])
        batches = list(split.batches(index.unsqueeze(-1)))
        assert len(batches) == len(index)
        for wanted, (x, y) in zip(index, batches, strict=True):
            assert torch.equal(x, X[wanted.unsqueeze(-1)])
            assert torch.equal(y, Y[wanted.unsqueeze(-1)])
        parts = list(split.parts(size))
        assert [len(x) for x, _ in parts] == [min(size, N - start) for start in range(0, N, size)]
        assert torch.equal(torch.cat([x for x, _ in parts]), X)
        next(split.parts(size))
    assert torch.equal(split.y, Y)


@pytest.mark.parametrize("kind", SPLITS)
def test_large_samples_come_a_few_at_a_time(kind, monkeypatch):
    monkeypatch.setattr("surefoot.tasks.split.PART", 50)
    assert {len(x) for x, _ in SPLITS[kind]().parts(1000)} == {3, 2}


@given(pieces=st.lists(st.integers(1, 9), min_size=1, max_size=9), size=st.integers(1, 20))
@settings(deadline=None, max_examples=50)
def test_pieces_are_regrouped_in_order(pieces, size):
    whole = torch.arange(sum(pieces))
    given = ((part, {"y": part * 2}) for part in whole.split(pieces))
    found = list(regrouped(given, size))
    assert all(torch.equal(mine[0], theirs) for mine, theirs in zip(found, whole.split(size), strict=True))
    assert torch.equal(tree.cat([y for _, y in found])["y"], whole * 2)
