"""A temporary folder that does not outlive its process for long, even where that is killed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from filelock import FileLock, Timeout

PREFIX, LOCK = "surefoot-", "lock"


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder of this process's own, removed in the end. What killed processes left behind is removed first."""
    for left in Path(gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        with suppress(OSError, Timeout), FileLock(left, timeout=0):  # the kernel frees the lock of who is dead
            shutil.rmtree(left.parent, ignore_errors=True)
    with TemporaryDirectory(prefix=PREFIX) as folder, FileLock(Path(folder) / LOCK):
        yield Path(folder)
