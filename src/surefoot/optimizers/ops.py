"""The few operations that rules are made of, for a coefficient that all rows share or one for each row.

A shared coefficient is a Python float and takes torch's scalar operation, the one that torch.optim uses; coefficients
that differ are a tensor `[K, 1, ...]` and take the operation that rounds in the same places. So `p + c·g` is `addcmul`
(one rounding, a fused multiply-add where the processor has it) and never `p + (c * g)` (two). Functions whose name ends
in _ write into their first argument.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Number = float | NDArray[np.float64]  # of one step and row, or of many
Coefficient = float | Tensor


def where(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where the condition holds, else `no`; a number stays a number."""
    return np.where(condition, yes, no) if isinstance(condition, np.ndarray) else yes if condition else no


def used(c: Coefficient) -> bool:
    """False where every row has the coefficient 0."""
    return isinstance(c, Tensor) or c != 0


def add(x: Tensor, y: Tensor, c: Coefficient) -> Tensor:
    """x + c·y, `x` itself where c is 0."""
    if isinstance(c, Tensor):
        return x.addcmul(y, c)
    return x.add(y, alpha=c) if c != 0 else x


def add_(x: Tensor, y: Tensor, c: Coefficient) -> Tensor:
    """x + c·y."""
    return x.addcmul_(y, c) if isinstance(c, Tensor) else x.add_(y, alpha=c)


def add_square_(x: Tensor, y: Tensor, c: Coefficient) -> Tensor:
    """x + c·y²; (c·y)·y, as torch's kernel has it."""
    return x.addcmul_(y * c, y) if isinstance(c, Tensor) else x.addcmul_(y, y, value=c)


def add_ratio_(x: Tensor, y: Tensor, z: Tensor, c: Coefficient) -> Tensor:
    """x + c·y/z; (c·y)/z, as torch's kernel has it."""
    return x.addcdiv_(y * c, z) if isinstance(c, Tensor) else x.addcdiv_(y, z, value=c)


def scale_(x: Tensor, c: Coefficient) -> Tensor:
    """c·x, without the work where c is 1."""
    return x.mul_(c) if isinstance(c, Tensor) or c != 1 else x


def divide_(x: Tensor, c: Coefficient) -> Tensor:
    """x/c, without the work where c is 1."""
    return x.div_(c) if isinstance(c, Tensor) or c != 1 else x


def root(x: Tensor, eps: Coefficient, inside: bool) -> Tensor:
    """√x + ε, or √(x + ε) with the ε inside."""
    return x.add(eps).sqrt_() if inside else x.sqrt().add_(eps)


def decay(p: Tensor, g: Tensor, c: Mapping[str, Coefficient]) -> Tensor:
    """The gradient after weight decay: decoupled into p (p·shrink), or coupled into g (g + l2·p)."""
    scale_(p, c["shrink"])
    return add(g, p, c["l2"])


def decay_coefficients(h: Mapping[str, Any], decoupled: bool) -> dict[str, Any]:
    """`shrink` = 1 - lr·λ and `l2` = λ, the one that is not asked for at rest."""
    lr, decay = h["lr"], h["weight_decay"]
    return {"shrink": 1 - lr * decay, "l2": 0.0} if decoupled else {"shrink": 1.0, "l2": decay}


def kept(s: dict[str, Tensor], name: str, p: Tensor) -> Tensor:
    """A buffer of the state, zeros where it is needed for the first time."""
    if name not in s:
        s[name] = torch.zeros_like(p)
    return s[name]


def widest(device: torch.device) -> torch.dtype:
    """The type with the most digits that a device has: Apple's GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def wide(c: Coefficient, like: Tensor) -> Tensor:
    """A coefficient as a tensor without dimensions in the widest type, where `like` is."""
    kind = widest(like.device)
    return c.to(kind) if isinstance(c, Tensor) else like.new_full((), c, dtype=kind)


def ratio(c: Coefficient, x: Tensor) -> Tensor:
    """c/x in float64, rounded once; torch divides a number by a tensor in two roundings."""
    return wide(c, x) / x
