"""Noise that multiplies into any schedule: a number drawn for every step, the same one for the same seed and step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from surefoot.core.errors import ScheduleError
from surefoot.core.units import Length, length, length_or_none
from surefoot.schedules.leaf import Leaf, Value, periods
from surefoot.schedules.named import named, number_in, one_of
from surefoot.schedules.span import Span

Array = NDArray[np.float64]
whole = number_in(0, 2**63, whole=True)
positive = number_in(0, math.inf)


@frozen
class PhiloxDraw:
    """Independent numbers of mean 0: number k is made of block k of the counter-based generator Philox.

    So any of them takes the same short time, and a range of them is one call.
    """

    std: float
    seed: int
    kind: str
    limit: float | None

    def __call__(self, step: float) -> float:
        return float(self._range(max(int(step), 0), 1)[0])

    def many(self, steps: Array) -> Array:
        return _looked_up(steps, self._range)

    def _range(self, start: int, count: int) -> Array:
        raw = np.random.Philox(key=self.seed, counter=start).random_raw(4 * count).reshape(count, 4)
        u, v = ((raw[:, i].copy() >> np.uint64(11)) * 2.0**-53 for i in (0, 1))
        if self.kind == "uniform":
            drawn = math.sqrt(3) * (2 * u - 1)
        else:
            drawn = np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * math.pi * v)  # Box and Muller
        limit = math.inf if self.limit is None else self.limit
        return (self.std * drawn).clip(-limit, limit)


@frozen
class TimmDraw:
    """timm's numbers: for each k the first that a torch generator with the seed `seed + k` gives within `pct`."""

    pct: float
    std: float
    seed: int
    kind: str

    def __call__(self, step: float) -> float:
        return float(self._range(max(int(step), 0), 1)[0])

    def many(self, steps: Array) -> Array:
        return _looked_up(steps, self._range)

    def _range(self, start: int, count: int) -> Array:
        words = np.random.MT19937(0)
        generator = np.random.RandomState(words)  # whose seeding is torch's
        drawn = np.empty(count)
        for i in range(count):
            generator.seed((self.seed + start + i) % 2**32)
            drawn[i] = self._first(words)
        return drawn

    def _first(self, words: np.random.MT19937) -> float:
        if self.kind == "uniform":
            return 2 * (words.random_raw() % 2**24 * 2.0**-24 - 0.5) * self.pct
        return next(noise for z in _normals(words) if abs(noise := z * self.std) < self.pct)


@named
@frozen(repr=False)
class Noise(Leaf):
    """Random factors round 1, drawn anew every so often, the same ones for the same seed.

    Equation: s(t) = 1 + ε_k, k = ⌊t / every⌋, ε_k independent, of mean 0 and standard deviation `std`.

    Parameters: `std`; `seed`, a whole number; `kind`, "normal" or "uniform" (on ±√3 · std); `limit`, numbers beyond
    ±limit become ±limit (None: no limit); `every`, a length. The generator is Philox with `seed` as its key and k as
    its counter: numbers do not depend on where evaluation begins.

    >>> curve = (0.1 * Noise(0.2, seed=1)).bind(steps=100)
    >>> curve.values(start=3).tolist()[4] == curve(7) != curve(8)
    True
    """

    std: float = field(default=0.1, validator=positive)
    seed: int = field(default=0, kw_only=True, validator=whole)
    kind: Literal["normal", "uniform"] = field(default="normal", kw_only=True, validator=one_of("normal", "uniform"))
    limit: float | None = field(default=None, kw_only=True, validator=number_in(0, math.inf, or_none=True))
    every: Length = field(default=length(1), kw_only=True, converter=length)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def formula(self, span: Span) -> Value:
        passed = periods(span.period(self.every, "noise's every"), staircase=True)
        draw = PhiloxDraw(self.std, self.seed, self.kind, self.limit)
        return lambda t, xp: 1 + xp.drawn(draw, passed(t, xp))


@named
@frozen(repr=False)
class TimmNoise(Leaf):
    """timm's noise on the learning rate, the same numbers as torch draws there.

    Equation: s(t) = 1 + ε_k for start ≤ k < stop, k = ⌊t / every⌋, else 1. ε_k is the first number of
    torch.Generator().manual_seed(seed + k) with |ε_k| < pct, times `std` ("normal"), or uniform on ±pct ("uniform").

    Parameters: `pct`; `std`; `seed`; `kind`; `start` and `stop` (None: no end) in periods; `every`, a length ('1ep'
    where timm counts epochs). The defaults are timm's.

    Raises ScheduleError where `pct` is so small beside `std` that hardly a number lies within it.

    >>> curve = TimmNoise(start=2).bind(steps=10)
    >>> curve(1), round(curve(2), 6)
    (1.0, 1.058945)
    """

    pct: float = field(default=0.67, validator=positive)
    std: float = field(default=1.0, kw_only=True, validator=positive)
    seed: int = field(default=42, kw_only=True, validator=whole)
    kind: Literal["normal", "uniform"] = field(default="normal", kw_only=True, validator=one_of("normal", "uniform"))
    start: float = field(default=0, kw_only=True, validator=positive)
    stop: float | None = field(default=None, kw_only=True, validator=number_in(0, math.inf, or_none=True))
    every: Length = field(default=length(1), kw_only=True, converter=length)
    over: Length | None = field(default=None, kw_only=True, converter=length_or_none)

    def __attrs_post_init__(self) -> None:
        if self.kind == "normal" and (self.pct == 0 or self.pct < self.std / 1000):
            raise ScheduleError(
                "timm_noise draws until a number lies within pct, which would take thousands of draws",
                received=f"pct={self.pct}, std={self.std}",
                remedy="give a pct of at least std / 1000",
            )

    def formula(self, span: Span) -> Value:
        passed = periods(span.period(self.every, "timm_noise's every"), staircase=True)
        draw = TimmDraw(self.pct, self.std, self.seed, self.kind)

        def value(t: Any, xp: Any) -> Any:
            k = passed(t, xp)
            noisy = 1 + xp.drawn(draw, k)
            until = noisy if self.stop is None else xp.where(k >= self.stop, 1.0, noisy)
            return xp.where(k >= self.start, until, 1.0)

        return value


def _looked_up(steps: Array, made: Callable[[int, int], Array]) -> Array:
    """Numbers for steps of any shape: `made(start, count)` of the whole range they lie in, or of each where sparse."""
    k = np.maximum(steps, 0).astype(np.int64)  # before its own beginning a piece is evaluated but not used
    low, high = (int(k.min()), int(k.max())) if k.size else (0, 0)
    if high - low < 8 * k.size + 64:
        return made(low, high - low + 1)[k - low]
    different, where = np.unique(k, return_inverse=True)
    return np.concatenate([made(int(each), 1) for each in different])[where].reshape(k.shape)


def _normals(words: np.random.MT19937) -> Iterator[float]:
    """What torch.randn(1) gives call by call: Box and Muller in float64, two at a time, rounded to float32."""
    while True:
        a, b, c, d = words.random_raw(4).tolist()
        u, v = (((high << 32 | low) % 2**53) * 2.0**-53 for high, low in ((a, b), (c, d)))
        radius, angle = math.sqrt(-2 * math.log1p(-v)), 2 * math.pi * u
        for z in (radius * math.cos(angle), radius * math.sin(angle)):
            yield float(np.float32(z))


noise, timm_noise = Noise, TimmNoise
__all__ = ["Noise", "PhiloxDraw", "TimmDraw", "TimmNoise", "noise", "timm_noise"]
