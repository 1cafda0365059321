"""How a process of the pool begins: forked, which takes no time, or as a new program, which can do everything."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from attrs import frozen

from surefoot.tasks import Prepared

# Not `multiprocessing`: its new processes run the user's main module again, and with it a comparison that is not
# guarded by `if __name__ == "__main__"`.
BEGIN = "import sys; sys.path[:] = {path!r}; from surefoot.training.worker import main; main({handle}, {folder!r})"
THREADED = ("jax", "ray", "tensorflow")  # keep threads of their own, which a fork would cut off in the midst


@frozen(eq=False)
class Process:
    """A process of the pool and the pipe to it."""

    process: Any  # subprocess.Popen, or a process of multiprocessing
    connection: Connection

    def is_over(self) -> bool:
        if isinstance(self.process, subprocess.Popen):
            return self.process.poll() is not None
        return not self.process.is_alive()

    def kill(self) -> None:
        self.process.kill()

    def end(self) -> str:
        """End the process at once, if it is not over; what it died of."""
        self.process.kill()
        if isinstance(self.process, subprocess.Popen):
            code = self.process.wait()
        else:
            self.process.join()
            code = self.process.exitcode
        self.connection.close()  # not before: a living process would take it for the end of the pool
        if code >= 0:
            return f"exit code {code}"
        name = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
        return f"{name}, as when memory runs out" if code == -signal.SIGKILL else name


def can_fork(task: Prepared) -> bool:
    """Whether a copy of this process could train: on Linux, on the processor, with no threads of other frameworks.

    PyTorch's own data loaders begin their workers in the same way, and compute in them with one thread.
    """
    started: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    plain = sys.platform == "linux" and task.device.type == "cpu" and not started
    return plain and not any(name in sys.modules for name in THREADED)


def forked(work: Any, folder: Path, others: Sequence[Process]) -> Process:
    """A copy of this process that serves the pool; it needs nothing sent but its tiles."""
    from surefoot.training.worker import attend

    ours, theirs = multiprocessing.Pipe()
    # The end of the pool is told by its ends of the pipes being closed: no copy may stay open.
    inherited = [ours, *(each.connection for each in others)]

    def serve() -> None:
        for connection in inherited:
            connection.close()
        attend(theirs, folder, work)

    process = multiprocessing.get_context("fork").Process(target=serve)
    process.start()
    theirs.close()
    return Process(process, ours)


def spawned(folder: Path, threads: int) -> Process:
    """A new program that serves the pool; it reads the work that was packed."""
    ours, theirs = multiprocessing.Pipe()
    code = BEGIN.format(path=[*map(str, sys.path)], handle=theirs.fileno(), folder=str(folder))
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", code],  # unbuffered: it is killed when there is nothing left to do
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )
    return Process(process, ours)
