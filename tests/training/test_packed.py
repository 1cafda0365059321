"""What is no tensor travels as text beside the tensors."""

import math

import pytest
import torch

from surefoot.core.errors import TaskError
from surefoot.training.packed import packed, unpacked


def test_all_that_an_optimizer_knows_comes_back():
    held = {
        "state": {0: {"step": torch.tensor(3.0), "kept": [torch.ones(2, dtype=torch.float64), 4]}, 7: {}},
        "groups": [
            {"betas": (0.9, None), "lr": 0.1 + 0.2, "least": -math.inf, "on": True, "name": "a b", "params": [0]}
        ],
    }
    tensors = packed(held)
    assert all(isinstance(tensor, torch.Tensor) for tensor in tensors.values())
    back = unpacked(tensors)
    assert torch.equal(back["state"][0]["kept"][0], torch.ones(2, dtype=torch.float64))
    assert back["state"][0]["kept"][0].dtype == torch.float64
    assert back["groups"] == held["groups"]
    assert list(back["state"]) == [0, 7]
    back["state"][0]["step"] += 1
    assert tensors["0"] == 3


def test_what_cannot_be_kept_is_refused_in_words():
    with pytest.raises(TaskError, match="cannot be kept in a checkpoint"):
        packed({"state": {0: {"generator": torch.Generator()}}})
