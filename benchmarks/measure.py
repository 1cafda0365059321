"""What the benchmarks share: medians with their spread, and the shapes that are measured."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

Times = Mapping[str, Sequence[float]]


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Median, lowest, highest."""
    return f"{statistics.median(values):.{digits}g} [{min(values):.{digits}g}, {max(values):.{digits}g}]"


def ratio(slow: Sequence[float], fast: Sequence[float]) -> str:
    """How many times faster, round by round."""
    return spread([a / b for a, b in zip(slow, fast, strict=True)])


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
