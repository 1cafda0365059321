"""Random numbers that depend on (seed, step, layer) and on nothing else.

Dropout masks come from a counter-based hash of their place, not from a generator's state: rows of one seed share them,
and a row's masks stay the same whatever rows come and go, alone or under `vmap`, eager or compiled.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Any, TypeVar
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor

from surefoot.core.keys import seed_of

Bits = TypeVar("Bits", int, Tensor)
_MASK = 0xFFFFFFFF
LOOK = -1  # stands for the step when a model is measured
_attention = F.scaled_dot_product_attention


def key(seed: int, step: int) -> int:
    """The key of one update of one seed: 32 bits."""
    base = _base(seed)
    return _mix(_mix(step ^ base) ^ (base >> 32))


@lru_cache
def _base(seed: int) -> int:
    return seed_of(seed, "noise")


def uniform(noise: Tensor, layer: int, shape: torch.Size) -> Tensor:
    """Numbers in [0, 1) for one layer. `noise`: int64 scalar (one a row under `vmap`)."""
    place = torch.arange(shape.numel(), dtype=torch.int64, device=noise.device).reshape(shape)
    # 24 bits fit a float32 exactly, so that 1 is never reached.
    return (_mix(_mix(place + layer * 0x9E3779B1) ^ noise) >> 8).to(torch.float32) / 2.0**24


def _mix(h: Bits) -> Bits:
    # MurmurHash3's 32-bit finalizer; products wrap modulo 2^64, which leaves the low 32 bits right.
    h = h & _MASK
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & _MASK
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & _MASK
    return h ^ (h >> 16)


@contextmanager
def keyed(noise: Tensor) -> Iterator[None]:
    """Within, every dropout draws its mask from `noise` and its place in the forward pass."""
    layers = iter(range(1 << 30))

    def keep(shape: torch.Size, p: float) -> Tensor:
        return uniform(noise, next(layers), shape) >= p

    def dropout_of(axes: int | None) -> Callable[..., Tensor]:
        # axes: how many trailing axes share one draw (whole channels); None where every element has its own.
        def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
            if not training or p == 0:
                return input
            shape = input.shape if axes is None else torch.Size((*input.shape[:-axes], *[1] * axes))
            return input * keep(shape, p) / (1 - p) if p < 1 else input * 0

        return dropout

    def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
        if not training or p == 0:
            return input
        alpha = -1.7580993408473766  # the value SELU saturates at (arXiv:1706.02515)
        scale = 1 / math.sqrt((1 - p) * (1 + p * alpha**2))
        return torch.where(keep(input.shape, p), input, alpha) * scale - scale * p * alpha

    def attention(
        query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, *rest: Any, **kw: Any
    ) -> Any:
        p = rest[0] if rest else kw.pop("dropout_p", 0.0)
        causal = rest[1] if len(rest) > 1 else kw.pop("is_causal", False)
        if p == 0:
            return _attention(query, key, value, attn_mask, 0.0, causal, **kw)
        scores = query @ key.transpose(-2, -1) * (kw.get("scale") or 1 / math.sqrt(query.shape[-1]))
        if causal:
            attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=query.device).tril()
        if attn_mask is not None:
            visible = attn_mask.dtype == torch.bool
            scores = scores.masked_fill(~attn_mask, -math.inf) if visible else scores + attn_mask
        return F.dropout(scores.softmax(-1), p) @ value

    replaced = {
        "dropout": dropout_of(None),
        "dropout1d": dropout_of(1),
        "dropout2d": dropout_of(2),
        "dropout3d": dropout_of(3),
        "alpha_dropout": alpha_dropout,
        "scaled_dot_product_attention": attention,
    }
    # torch.nn's layers look these functions up when they run, so replacing the names reaches all of them.
    with ExitStack() as stack:
        for name, function in replaced.items():
            stack.enter_context(patch.object(F, name, function))
        yield
