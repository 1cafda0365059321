"""Data that cannot be trained on: refused before training, with what, what was received, and the remedy."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, TensorDataset, WeightedRandomSampler

from surefoot.core.errors import DataError

X = torch.linspace(-1, 1, 300).reshape(100, 3)
Y = torch.arange(100) % 4


def with_value(value, at=17):
    x = X.clone()
    x[at, 1] = value
    return x


class Stream(IterableDataset):
    def __iter__(self):
        yield X[0], Y[0]


class Broken(Dataset):
    def __len__(self):
        return 100

    def __getitem__(self, index):
        return {}["absent"] if index == 60 else (X[index], Y[index])


class Ragged(Broken):
    def __getitem__(self, index):
        return X[index, : 1 + index % 3], Y[index]


class Unsized(Dataset):
    def __getitem__(self, index):
        return X[index], Y[index]


class Dicts(Broken):
    def __getitem__(self, index):
        return {"x": X[index], "y": Y[index]}


PAIRS = TensorDataset(X, Y)


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (None, "has no training data"),
        (X, "must be (inputs, targets); received 'Tensor'. Give"),
        ((X, Y, Y), "received 'tuple of 3'"),
        ({"x": X}, "received 'dict of x'. Name the targets labels, label, targets or target, and"),
        ((X.tolist(), Y), "train inputs[0] are neither a tensor nor an array; received 'list'"),
        ((X, None), "train targets are neither a tensor nor an array; received 'NoneType'"),
        ((np.array(["a", "b"]), Y[:2]), "type that torch cannot hold; received '<U1'"),
        ((X.to_sparse(), Y), "sparse tensor; received 'torch.sparse_coo'. Give x.to_dense()"),
        ((X[0, 0], Y), "samples along the first axis"),
        ((X[:0], Y[:0]), "the train data is empty"),
        (TensorDataset(X[:0], Y[:0]), "the train data is empty"),
        ((X, Y[:99]), "differ in number; received '100 inputs and 99 targets'"),
        (Stream(), "no samples can be held out of a stream for validation; received 'Stream'. Give validation=..."),
        (DataLoader(Stream()), "no samples can be held out of a stream"),
        (DataLoader(Stream(), batch_size=None), "received 'batch_size=None'"),
        (Unsized(), "has no length; received 'Unsized'. Define __len__"),
        (Broken(), "cannot be read into one tensor: KeyError: 'absent'"),
        (Ragged(), "cannot be read into one tensor: RuntimeError"),
        (Dicts(), "not clear what the train targets are; received 'dict of x, y'"),
        ({"labels": Y}, "received 'dict of labels'"),
        ({"x": X, "label": Y, "labels": Y}, "received 'dict of x, label, labels'"),
        ((X, X, Y), "received 'tuple of 3'. For several inputs give ((a, b), targets)"),
        (((X, X[:7]), Y), "the tensors of the train inputs differ in length; received '100, 7'"),
        ((X, {"a": Y, "b": Y[1:]}), "the tensors of the train targets differ in length; received '100, 99'"),
        (({"a": X, "b": [0.5] * 100}, Y), "the train inputs['b'] are neither a tensor nor an array; received 'list'"),
        (((X, with_value(float("nan"))), Y), "inputs[1] hold values that are not finite"),
        (DataLoader(PAIRS, sampler=WeightedRandomSampler([1.0] * 100, 100)), "received 'WeightedRandomSampler'"),
        (DataLoader(PAIRS, sampler=RandomSampler(PAIRS, True)), "'RandomSampler of 100, replacement=True'"),
        (DataLoader(PAIRS, sampler=RandomSampler(PAIRS, num_samples=9)), "'RandomSampler of 9, replacement=False'"),
        (DataLoader(PAIRS, batch_size=None), "received 'batch_size=None'"),
        (DataLoader(PAIRS, batch_sampler=[[0, 1], [2, 3]]), "in its own way, which would be lost; received 'list'"),
        ((with_value(float("nan")), Y), "inputs hold values that are not finite, in 1 of"),
        ((with_value(-float("inf")), Y), "received '-inf in sample"),
        ((X, Y.float()), "cross_entropy needs whole numbers as targets, the index of each sample's class"),
        ((X, Y[:, None]), "received 'outputs (4,) and targets (1,) a sample'. Give one class index a sample"),
        ((X, nn.functional.one_hot(Y)), "y.argmax(1) for one-hot targets"),
        ((X, Y + 1), "outside the model's 4 classes, 0 to 3; received '1 to 4'. Give the model 5 outputs"),
        ((X, Y - 1), "received '-1 to 2'. Count the classes from 0"),
    ],
)
def test_training_data(refused, train, said):
    assert said in str(refused(DataError, train=train))


def test_the_first_sample_that_is_not_finite_is_named(refused):
    message = str(refused(DataError, train=(X, Y), validation=(with_value(float("nan"), 42), Y)))
    assert "the validation inputs hold values that are not finite, in 1 of 100 samples" in message
    assert "received 'nan in sample 42'" in message


def test_values_too_large_for_the_models_type_are_not_finite(refused):
    message = str(refused(DataError, train=(X.double() * 1e300, Y)))
    assert "train inputs hold values that are not finite" in message


def test_targets_that_are_not_finite(refused):
    message = str(refused(DataError, loss="mse", model=lambda: nn.Linear(3, 3), train=(X, with_value(float("nan")))))
    assert "targets hold values that are not finite" in message


@pytest.mark.parametrize("name", ["validation", "test"])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        ((X[:, :2], Y), "inputs differ from the training inputs: float32 (3,) a sample; received 'float32 (2,)'"),
        ((X, Y[:, None]), "targets differ from the training targets: int64 () a sample; received 'int64 (1,)'"),
        ((X.long(), Y), "inputs differ from the training inputs: float32 (3,) a sample; received 'int64 (3,)'"),
        ((X, Y + 4), "targets go outside the model's 4 classes"),
        ((X[:0], Y[:0]), "data is empty"),
        ((X, Y[1:]), "differ in number"),
    ],
)
def test_the_other_splits(refused, name, data, said):
    message = str(refused(DataError, **{name: data}))
    assert said in message
    assert f"the {name} " in message


def test_an_exception_in_a_dataset_is_the_cause(refused):
    assert isinstance(refused(DataError, train=Broken()).__cause__, KeyError)


def test_too_little_to_hold_out(refused):
    message = str(refused(DataError, train=(X[:1], Y[:1]), batch_size=1))
    assert "too few training samples to hold some out" in message
    assert "'1 samples, validation_share 0.2'. Give validation=..." in message
