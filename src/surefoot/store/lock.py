"""One writer: a lock that the kernel frees when its process dies, and a note of who holds it."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from surefoot.core.errors import StoreError

if TYPE_CHECKING:
    from filelock import BaseFileLock

GLANCE = 1.0  # seconds: a reader that asks whether someone writes holds the lock for a moment


class WriterLock:
    """The lock of a store, `<store>.lock`; who holds it is said in `<store>.writer`."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.path = store.with_name(f"{store.name}.lock")
        self.side = store.with_name(f"{store.name}.writer")
        self.lock: BaseFileLock | None = None

    def take(self) -> None:
        """Become the writer. Raises StoreError where another process is."""
        from filelock import FileLock, Timeout

        if self.lock is not None:
            return
        # Without locks of the kernel's a file would stand for the lock, and stay behind when its process is killed.
        lock = FileLock(self.path, thread_local=False, fallback_to_soft=False)
        try:
            lock.acquire(timeout=GLANCE, poll_interval=0.02)
        except Timeout:
            raise StoreError(
                f"{self.store} is being written by {self.holder()}. "
                "Wait until that is done, or use another folder (--out)"
            ) from None
        self.lock = lock
        with suppress(OSError):  # it only informs
            self.side.unlink(missing_ok=True)
            self.side.write_text(json.dumps(_self()))

    def release(self) -> None:
        """Let others write."""
        if self.lock is not None:
            with suppress(OSError):
                self.side.unlink(missing_ok=True)
            self.lock.release()
            self.lock = None

    def held(self) -> bool:
        """Whether anyone holds it now. Asks without the right to write, and without getting in another reader's way."""
        import fcntl

        try:
            with self.path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:  # taken, or not to be known
            return True
        return False

    def holder(self) -> str:
        """Who holds it, as far as that is known."""
        try:
            given = json.loads(self.side.read_text())
            return "process {pid} on {host} since {since}: {command}".format_map(given)
        except (OSError, ValueError, LookupError, TypeError):
            return "another process"


def _self() -> dict[str, object]:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv else ""
    since = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": platform.node(), "since": since, "command": command}
