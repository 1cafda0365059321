"""Memory: what a row of a population takes, how many fit the cache, and what is done when it runs out."""

import ctypes
import gc
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch

from surefoot.tasks import Prepared
from surefoot.tasks.tree import call, leaves, nbytes
from surefoot.training.device import room_on
from surefoot.training.forward import in_precision
from surefoot.training.trainer import Row, initial_model

SHARE = 0.5  # of the last-level cache, for what a step touches
CACHE = 16 << 20  # bytes, where the system does not say
MOST = 1024  # rows: beyond it nothing is gained
SIGNS = ("can't allocate memory", "cannot allocate memory", "out of memory")  # as torch and the C library say it


def rows_that_fit(task: Prepared, rows: Sequence[Row]) -> int:
    """How many rows a tile should have: weights, gradients, states and a batch of all of them in half the cache.

    On a device of its own, in a share of the memory that is free there.
    """
    room = SHARE * cache_bytes() if task.device.type == "cpu" else room_on(task.device)
    return int(min(MOST, max(1, room // bytes_of_row(task, rows))))


def bytes_of_row(task: Prepared, rows: Sequence[Row]) -> int:
    """What an update of one row touches: weights, gradient, optimizer state, batch, and what backward keeps."""
    model = initial_model(task, rows[0].seed)
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    states = max(_buffers(row) for row in rows)
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    portion = -(-task.batch_size // task.accumulate)
    x, y = task.train.take(torch.arange(portion, device=task.device))
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with torch.random.fork_rng(devices=[]), hooks, in_precision(task):
        task.loss(call(model.train(), x), y)
    data = {t.untyped_storage().data_ptr() for t in leaves((x, y))}
    activations = sum(size for place, size in kept.items() if place not in own | data)
    batch = nbytes((x, y)) * task.batch_size // portion
    return (2 + states) * weights + batch + activations


def _buffers(row: Row) -> int:
    """How many numbers the rule keeps for every weight."""
    averaged = row.hyper["ema"] > 0 or "ema" in row.moving
    return averaged + len(row.rule.init(torch.zeros(1), {**row.hyper, **dict.fromkeys(row.moving, torch.ones(1))}))


def cache_bytes() -> int:
    """The size of the last-level cache."""
    sizes = []
    for file in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = file.read_text().strip()
        unit = {"K": 1 << 10, "M": 1 << 20}.get(text[-1:], 1)
        sizes.append(int(text.rstrip("KM")) * unit)
    return max(sizes, default=CACHE)


def is_out_of_memory(failure: BaseException | None) -> bool:
    """Whether this, or what caused it, is a lack of memory."""
    while failure is not None:
        text = str(failure).lower()
        if isinstance(failure, MemoryError | torch.OutOfMemoryError) or any(sign in text for sign in SIGNS):
            return True
        failure = failure.__cause__
    return False


def keep_freed_memory() -> None:
    """Let the C library keep the memory that a step frees: the next step takes it again.

    Without this glibc gives large blocks back to the system and faults every page in again, thousands in each step.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        for option in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
            library.mallopt(option, 1 << 30)


def give_back_memory() -> None:
    """Let go of what a failed attempt left behind."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
