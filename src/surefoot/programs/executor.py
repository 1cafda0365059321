"""Where programs run: the contract, and processes on this machine."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from surefoot.core.errors import UsageError
from surefoot.programs.watchdog import Watchdog

OUTPUT, ERRORS = "output.txt", "errors.txt"  # what a run printed
CHUNK = 1 << 20  # bytes read at a time
END = 1 << 16  # bytes of the end of what was printed that are looked at
LINES = 12  # of the end of what was printed, to show what went wrong


class Handle(Protocol):
    """A program that was launched. Nothing here waits for it."""

    def read(self) -> tuple[bytes, int | None]:
        """What it printed on standard output since the last time; its exit status once it has ended and no output is
        left (a signal's number below 0)."""
        ...

    def pause(self) -> None:
        """Let it do nothing until it is resumed. It keeps its memory."""
        ...

    def resume(self) -> None:
        """Let it go on."""
        ...

    def stop(self) -> None:
        """Ask it to end; a paused one too."""
        ...

    def kill(self) -> None:
        """End it and all processes that it began."""
        ...

    def tail(self) -> str:
        """The last lines of what it wrote on standard error, or of its output where it wrote none."""
        ...


class Executor(Protocol):
    """Launches programs.

    `workers`: how many run at once; `room`: how many there may be, paused ones among them, None for as many as are
    asked for; `interval`: seconds between two looks at a program.
    """

    workers: int
    room: int | None
    interval: float

    def launch(self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> Handle:
        """Start a program, with these variables beside the usual ones; what it prints is kept in the folder."""
        ...

    def close(self) -> None:
        """Nothing that was launched is left."""
        ...


class Local:
    """Processes on this machine, each the head of a process group that is paused and stopped as a whole."""

    interval = 0.02
    room: int | None = None

    def __init__(self, workers: int | None = None) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.workers = workers or cores
        # Programs that run side by side share the cores; each would take all of them for its own threads.
        self.threads = str(max(1, cores // self.workers))
        self.watchdog: Watchdog | None = None

    def launch(self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> Handle:
        if self.watchdog is None:
            self.watchdog = Watchdog()
        usual = {"OMP_NUM_THREADS": self.threads} | dict(os.environ)
        return Process(arguments, usual | dict(environment), folder, self.watchdog)

    def close(self) -> None:
        if self.watchdog is not None:
            self.watchdog.close()
            self.watchdog = None


class Process:
    """A process and its group."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, watchdog: Watchdog
    ) -> None:
        self.watchdog, self.folder, self.status = watchdog, folder, None
        with (folder / OUTPUT).open("ab") as output, (folder / ERRORS).open("ab") as errors:
            self.output = (folder / OUTPUT).open("rb")
            self.output.seek(0, os.SEEK_END)
            self.before = errors.seek(0, os.SEEK_END)
            try:
                self.process = subprocess.Popen(
                    list(arguments),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    env=dict(environment),
                    start_new_session=True,
                )
            except OSError as wrong:
                self.output.close()
                raise UsageError(
                    f"the program cannot be started: {wrong.strerror or wrong}", received=arguments[0]
                ) from None
        watchdog.watch(self.process.pid)

    status: int | None

    def read(self) -> tuple[bytes, int | None]:
        if self.output.closed:
            return b"", self.status
        over = self._has_ended()  # asked before reading, so that nothing it printed is missed
        printed = self.output.read(CHUNK)
        if over and len(printed) < CHUNK:
            self._bury()
        return printed, self.status

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.status is None:
            self._signal(signal.SIGKILL)
            self._bury()

    def tail(self) -> str:
        return last_lines(end_of(self.folder / ERRORS, self.before) or end_of(self.folder / OUTPUT))

    def _has_ended(self) -> bool:
        """Whether it has; it stays unburied, so that its number, which is that of its group, is not given to others."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _bury(self) -> None:
        """End what is left of its group, and the process itself, which has ended or was killed."""
        self._signal(signal.SIGKILL)
        self.status = self.process.wait()
        self.watchdog.forget(self.process.pid)
        self.output.close()

    def _signal(self, number: int) -> None:
        if self.status is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


def end_of(path: Path, start: int = 0) -> bytes:
    """The end of a file, of what stands behind `start`."""
    with path.open("rb") as file:
        file.seek(max(start, file.seek(0, os.SEEK_END) - END))
        return file.read()


def last_lines(said: bytes, lines: int = LINES) -> str:
    """The end of what was printed."""
    return "\n".join(said.decode(errors="replace").rstrip().splitlines()[-lines:])


def ended_with(status: int) -> str:
    """How a program ended, in words.

    >>> ended_with(1), ended_with(-9)
    ('exit status 1', 'signal 9 (SIGKILL)')
    """
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {-status} ({signal.Signals(-status).name})"
    except ValueError:
        return f"signal {-status}"
