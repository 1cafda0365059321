"""Schedule-free gradient descent and AdamW: the average of the weights in the place of a falling rate."""

from typing import Any, ClassVar

import torch
from attrs import frozen
from torch import Tensor

from surefoot.core.errors import RecipeError
from surefoot.optimizers.ops import add, add_, add_square_, decay, decay_coefficients, scale_, wide, widest
from surefoot.optimizers.rule import Coefficients, Numbers, Rule, State, real


@frozen(kw_only=True)
class _ScheduleFree(Rule):
    """What both have: z makes the steps, x averages z, the model trains at y = (1 - β)·z + β·x and is measured at x."""

    elementwise: ClassVar[bool] = False  # the weights of the average belong to a row
    inner: ClassVar[str]  # β's name

    def check(self, name: str, value: float) -> None:
        super().check(name, value)
        if name == self.inner and not 0 < value < 1:
            what = f"{name} of {self.name} must lie between 0 and 1"
            raise RecipeError(what, received=value, remedy="the model trains between z and x: write 0.9")
        if name == "ema" and value:
            raise RecipeError(f"{self.name} averages the weights itself", received=value, remedy="leave out ema")

    def evaluated(self, p: Tensor, s: State, h: Coefficients) -> Tensor:
        """x, from y and z; before the first update they are one."""
        return p.lerp(s["z"], 1 - 1 / h[self.inner]) if "z" in s else p

    def _start(self, p: Tensor) -> State:
        # In float64, since they sum up over all updates; in the state, since rates may have moved in any way.
        zeros = {name: torch.zeros((), dtype=widest(p.device), device=p.device) for name in ("weight_sum", "lr_max")}
        return {"z": p.detach().clone(), **zeros}

    def _averaging(self, h: Numbers, t: Any) -> dict[str, Any]:
        c = {"lr": h["lr"], "-lr": -h["lr"], self.inner: h[self.inner]}
        return c | {"age": (t * 1.0) ** h["r"], "weight_lr_power": h["weight_lr_power"]}

    def _move(self, y: Tensor, g: Tensor, s: State, c: Coefficients) -> Tensor:
        """y and z after a step along g, and the average with it; x need not be held."""
        highest, total = s["lr_max"], s["weight_sum"]
        lr, beta = wide(c["lr"], highest), wide(c[self.inner], highest)
        highest.clamp_(min=lr)
        weight = wide(c["age"], highest) * highest ** c["weight_lr_power"]
        total.add_(weight)
        take = torch.where(total > 0, weight / total, torch.zeros_like(total))
        y.lerp_(s["z"], take.to(y.dtype))
        add_(y, g, (lr * (beta * (1 - take) - 1)).to(y.dtype))
        add_(s["z"], g, c["-lr"])
        return y


@frozen(kw_only=True)
class ScheduleFreeSGD(_ScheduleFree):
    """z ← z - lr·g(y), x ← (1 - c)·x + c·z, y = (1 - β)·z + β·x, with c = w_t/Σw and w_t = tʳ·(largest lr so far)^q.

    The rate needs no decay; a warm-up is a schedule as for any rule. The model holds y; it is measured at x.

    Parameters:
        lr: the step; momentum: β; weight_decay: λ. Coupled, g ← g + λ·y; `decoupled`, y ← (1 - lr·λ)·y first.
        r, weight_lr_power: r and q, what weighs late points and points of a high rate.

    Raises RecipeError out of range; momentum lies between 0 and 1, both excluded; `ema` has no place here.

    >>> str(ScheduleFreeSGD(lr=0.5))
    'schedule_free_sgd(lr=0.5)'

    Defazio et al. 2024, "The road less scheduled".
    """

    name: ClassVar[str] = "schedule_free_sgd"
    inner: ClassVar[str] = "momentum"
    lr: float = real(1.0)
    momentum: float = real(0.9)
    weight_decay: float = real(0)
    r: float = real(0)
    weight_lr_power: float = real(2)
    decoupled: bool = False

    def init(self, p: Tensor, h: Coefficients) -> State:
        return self._start(p)

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        return decay_coefficients(h, self.decoupled) | self._averaging(h, t)

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        return self._move(p, decay(p, g, c), s, c), s


@frozen(kw_only=True)
class ScheduleFreeAdamW(_ScheduleFree):
    """`ScheduleFreeSGD` along ĝ = g/(√v̂ + ε) + λ·y, with v̂ as Adam's.

    Parameters:
        lr: the step; beta1: β, what y holds of x; beta2: β₂; eps: ε.
        weight_decay: λ, beside the normalised gradient as above; `decoupled` (Keras), y ← (1 - lr·λ)·y first.
        r, weight_lr_power: w_t = tʳ·(largest lr so far)^q; Keras has q = 0.

    Raises RecipeError out of range; beta1 lies between 0 and 1, both excluded; `ema` has no place here.

    >>> str(ScheduleFreeAdamW(weight_decay=0.1))
    'schedule_free_adamw(weight_decay=0.1)'

    Defazio et al. 2024, "The road less scheduled".
    """

    name: ClassVar[str] = "schedule_free_adamw"
    inner: ClassVar[str] = "beta1"
    below_one: ClassVar[tuple[str, ...]] = ("beta2",)
    lr: float = real(2.5e-3)
    beta1: float = real(0.9)
    beta2: float = real(0.999)
    eps: float = real(1e-8)
    weight_decay: float = real(0)
    r: float = real(0)
    weight_lr_power: float = real(2)
    decoupled: bool = False

    def init(self, p: Tensor, h: Coefficients) -> State:
        return {"exp_avg_sq": torch.zeros_like(p)} | self._start(p)

    def coefficients(self, h: Numbers, t: Any) -> dict[str, Any]:
        beta2 = h["beta2"]
        c = decay_coefficients(h, self.decoupled) | self._averaging(h, t)
        return c | {"beta2": beta2, "1-beta2": 1 - beta2, "correction2": 1 - beta2**t, "eps": h["eps"]}

    def update(self, p: Tensor, g: Tensor, s: State, c: Coefficients) -> tuple[Tensor, State]:
        scale_(p, c["shrink"])
        v = add_square_(scale_(s["exp_avg_sq"], c["beta2"]), g, c["1-beta2"])
        g = g / v.div(c["correction2"]).sqrt_().add_(c["eps"])
        return self._move(p, add(g, p, c["l2"]), s, c), s
