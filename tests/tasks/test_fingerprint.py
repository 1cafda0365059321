"""The fingerprint of a task's data: the same for the same data, another for any other."""

import torch
from torch import nn

from surefoot.core.task import Task
from surefoot.tasks import prepare
from surefoot.tasks.fit import Fit
from surefoot.tasks.in_memory import InMemory
from surefoot.tasks.scan import scanned

X = torch.linspace(-1, 1, 300).reshape(100, 3)
Y = torch.arange(100) % 4


def task(x=X, y=Y, model=lambda: nn.Linear(3, 4), **others):
    return Task(name="t", model=model, loss="cross_entropy", train=(x, y), **others)


def of(*data, **others):
    return prepare(task(*data, **others)).fingerprint


def test_it_is_hexadecimal_and_the_same_again():
    assert of() == of()
    assert len(of()) == 32
    assert int(of(), 16)


def fingerprint(parts):
    return scanned(parts, Fit("", None, torch.device("cpu"))).fingerprint


def test_it_does_not_depend_on_how_the_data_lies_in_memory():
    assert of(X.T.contiguous().T) == of()
    parts = {"train": InMemory(X, Y), "test": InMemory(X[:9], Y[:9])}
    assert fingerprint(dict(reversed(parts.items()))) == fingerprint(parts)


def test_it_changes_with_any_value_split_type_or_shape():
    changed = X.clone()
    changed[99, 2] = torch.nextafter(changed[99, 2], torch.tensor(9.0))
    swapped = Y.clone()
    swapped[0] = 3
    reshaped = {"train": InMemory(X[:, None], Y), "validation": InMemory(X[:, None], Y)}
    renamed = {"train": InMemory(X, Y), "test": InMemory(X, Y)}
    trees = [{"train": InMemory(X, y)} for y in ((Y, Y), (Y, swapped), [Y, Y], {"a": Y, "b": Y}, {"a": Y, "c": Y})]
    values = [of(), of(changed), of(y=swapped), of(validation=(X, Y)), of(test=(X, Y))]
    values += [of(model=lambda: nn.Linear(3, 4).double())]
    values += [fingerprint(each) for each in (reshaped, renamed, *trees)]
    assert values.count(values[-5]) == 2  # a tuple and a list of the same tensors are the same data
    assert len(set(values)) == len(values) - 1


def test_large_data_is_hashed_in_pieces_all_of_which_count(monkeypatch):
    whole = of()
    monkeypatch.setattr("surefoot.tasks.scan._CHUNK", 50)
    assert of() == whole
