"""The torch presets have torch.optim's arguments and defaults."""

import inspect

import pytest
import torch

from surefoot.optimizers import like

# What says how torch computes, not what: loops or kernels, graphs, gradients of updates, the sign of the loss.
OTHERS = {"self", "params", "foreach", "maximize", "capturable", "differentiable", "fused"}


def described(thing):
    return {p.name: p.default for p in inspect.signature(thing).parameters.values() if p.name not in OTHERS}


@pytest.mark.parametrize("name", like.torch.__all__)
def test_arguments_and_defaults_are_torchs(name):
    assert described(getattr(like.torch, name)) == described(getattr(torch.optim, name).__init__)


def test_every_optimizer_of_torch_is_there_or_known_to_be_missing():
    """L-BFGS, Rprop and ASGD are no rules yet, SparseAdam is for sparse gradients."""
    kinds = {
        name
        for name, kind in vars(torch.optim).items()
        if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)
    }
    assert kinds - set(like.torch.__all__) == {"Optimizer", "LBFGS", "Rprop", "ASGD", "SparseAdam"}
