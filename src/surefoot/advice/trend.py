"""A loss curve made ready for judging: one scale, not too many points, and the robust statistics of its parts."""

import math
import sys
from typing import Literal

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray
from scipy import stats

BLOCKS = 60  # points a curve is judged by: enough to test each third, few enough to average the noise of batches
SIGNIFICANT = 0.05  # one-sided p of the trend test; every finding asks for a size as well
FEWEST = 4  # points of a part: fewer cannot reach p < 0.05 in Kendall's test
Numbers = NDArray[np.float64]


@frozen(eq=False)
class Curve:
    """A finite loss over training, scaled so that its largest value is about 1.

    `unit` is what the values are to be multiplied with; `first` is where training began to be seen, `fall` what was
    gained at the best moment.
    """

    x: Numbers
    y: Numbers
    unit: float
    first: float = field(init=False)
    least: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "first", float(self.y[0]))
        object.__setattr__(self, "least", float(smooth(self.y).min()))

    @classmethod
    def of(cls, x: Numbers, y: Numbers) -> "Curve":
        """The curve of finite values; a long one in block medians.

        The scale is a power of two, so that scaling changes no digit of what follows.
        """
        unit = 2.0 ** min(math.frexp(float(np.abs(y).max()))[1], sys.float_info.max_exp - 1)
        scaled = y / unit
        size = max(1, len(y) // BLOCKS)
        blocks = np.array_split(np.arange(len(y)), len(y) // size)
        if size == 1:
            return cls(x, scaled, unit)
        return cls(
            np.array([np.median(x[block]) for block in blocks]),
            np.array([np.median(scaled[block]) for block in blocks]),
            unit,
        )

    def __len__(self) -> int:
        return len(self.y)

    @property
    def tail(self) -> slice:
        """The last third, at least four points."""
        return slice(max(0, len(self) - max(FEWEST, math.ceil(len(self) / 3))), len(self))

    @property
    def end(self) -> float:
        """The level at the end: the median of the last tenth, at least three points."""
        return float(np.median(self.y[-max(3, len(self) // 10) :]))

    @property
    def fall(self) -> float:
        """What was gained from the beginning to the best moment; 0 where nothing was."""
        return max(0.0, self.first - self.least)


def smooth(y: Numbers) -> Numbers:
    """Running median of three: a single spike or dip goes, a level stays.

    >>> smooth(np.array([3.0, 2.0, 9.0, 2.0, 1.0])).tolist()
    [3.0, 3.0, 2.0, 2.0, 1.0]
    """
    if len(y) < 3:
        return y
    inner = np.median(np.stack([y[:-2], y[1:-1], y[2:]]), axis=0)
    return np.concatenate([y[:1], inner, y[-1:]])


def noise(y: Numbers) -> float:
    """The standard deviation about a smooth course, from second differences, which a straight line leaves at 0.

    >>> noise(np.arange(9.0))
    0.0
    """
    return float(stats.median_abs_deviation(np.diff(y, 2), scale="normal") / math.sqrt(6)) if len(y) > 3 else 0.0


def trend(y: Numbers) -> tuple[float, float, float]:
    """What the values change by over their length: Theil and Sen's slope with its 95 % interval.

    >>> trend(np.array([5.0, 4.0, 3.0, 9.0, 1.0]))[0]
    -4.0
    """
    slope, _, low, high = stats.theilslopes(y, alpha=0.95)
    return tuple(float(part) * (len(y) - 1) for part in (slope, low, high))  # type: ignore[return-value]


def moves(y: Numbers, direction: Literal["greater", "less"]) -> bool:
    """Whether values rise ("greater") or fall ("less") beyond chance: Mann and Kendall's test.

    >>> moves(np.arange(5.0), "greater"), moves(np.array([1.0, 3.0, 2.0, 3.0, 1.0]), "greater")
    (True, False)
    """
    if len(y) < FEWEST or np.ptp(y) == 0:
        return False
    found = stats.kendalltau(np.arange(len(y)), y, alternative=direction)
    return bool(found.pvalue < SIGNIFICANT)


def stray(y: Numbers) -> float:
    """How far values lie from their own line: the distance that four of five keep within."""
    slope, intercept, *_ = stats.theilslopes(y)
    away = np.abs(y - intercept - slope * np.arange(len(y)))
    return float(np.quantile(away, 0.8))


def turns(y: Numbers) -> int:
    """How often values turn from up to down or back.

    >>> turns(np.array([3.0, 1.0, 2.0, 2.0, 1.0]))
    2
    """
    signs = np.sign(np.diff(y))
    signs = signs[signs != 0]
    return int((signs[1:] != signs[:-1]).sum())
