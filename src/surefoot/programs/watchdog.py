"""No program survives the end of this process, however it ends."""

import subprocess
import sys
from contextlib import suppress

# It reads until the other end of its pipe is gone, as it is when the kernel buries the process that held it; then it
# kills the process groups that were still there. A stopped process is killed as well.
CODE = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    group = int(line)
    groups.add(group) if group > 0 else groups.discard(-group)
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""


class Watchdog:
    """A small process that outlives this one by a moment, and kills the process groups it was told of."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-S", "-c", CODE]
        # In a session of its own: what is typed at the terminal (Ctrl-C) does not reach it.
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)

    def watch(self, group: int) -> None:
        """Kill this group when this process ends."""
        self._tell(group)

    def forget(self, group: int) -> None:
        """This group has ended; its number may be another's soon."""
        self._tell(-group)

    def close(self) -> None:
        """Kill what is left, and end."""
        with suppress(OSError):
            self.process.communicate()

    def _tell(self, number: int) -> None:
        assert self.process.stdin is not None
        with suppress(OSError):  # someone killed it: programs then end with this process where it ends them
            self.process.stdin.write(f"{number}\n")
            self.process.stdin.flush()
