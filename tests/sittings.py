"""Sittings of the command as processes that tests can kill, and what they leave behind."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress

import psutil

from surefoot.store import FILE, Store

MARK = "SUREFOOT_TESTS"  # in the environment of all processes of a test
PATIENCE = 180.0  # seconds
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}

# Every sitting is forked from one process that has loaded all it needs, so that none waits for that.
SERVE = """
import json, os, sys
from contextlib import suppress
import filelock, psutil, safetensors.torch
import torch._dynamo  # which torch.optim loads
import surefoot.studies
from surefoot.cli.main import main

for line in sys.stdin:
    arguments, folder, said = json.loads(line)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.chdir(folder)
        for stream, name in ((1, os.devnull), (2, said)):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
        main(arguments)
    with suppress(OSError):
        os.setpgid(child, child)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Server:
    """Begins one sitting after another."""

    def __init__(self, **environment):
        self.mark = os.urandom(8).hex()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | ENVIRONMENT | environment | {MARK: self.mark},
        )  # fmt: skip

    def begin(self, folder, *arguments):
        """A sitting in a folder."""
        return Sitting(self, folder, arguments)

    def close(self):
        """End the server; all processes that came of it must be gone."""
        left = self.others()
        self.process.communicate(timeout=PATIENCE)
        for each in left:
            each.kill()
        assert not left

    def others(self):
        """The processes that were begun by this server and are still at work, once they had the time to end."""
        end = time.monotonic() + 20
        while (found := self._marked()) and time.monotonic() < end:
            time.sleep(0.05)
        return found

    def _marked(self):
        found = []
        for each in psutil.process_iter():
            with suppress(psutil.Error):
                if each.environ().get(MARK) == self.mark and each.status() != psutil.STATUS_ZOMBIE:
                    found.append(each)
        return [each for each in found if each.pid != self.process.pid]


class Sitting:
    """A process of the command. `said`: what it said on standard error."""

    def __init__(self, server, folder, arguments):
        self.server, self.path = server, folder / f"said {time.monotonic_ns()}"
        self.path.touch()
        server.process.stdin.write(json.dumps([arguments, str(folder), str(self.path)]) + "\n")
        server.process.stdin.flush()
        self.pid = int(server.process.stdout.readline())

    @property
    def said(self):
        return self.path.read_text()

    def is_over(self):
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def until(self, condition, pause=0.003):
        """Wait until a condition holds; False where the process ended before."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if self.is_over():
                return False
            assert time.monotonic() < end, self.said
            time.sleep(pause)
        return True

    def kill(self, *, group=True, how=signal.SIGKILL):
        """Send a signal to the process, or to all processes of its group."""
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, how)

    def end(self):
        """The exit code, once it is over; negative for a signal."""
        return int(self.server.process.stdout.readline())


def ask(folder, query):
    """A query to the record file, whoever writes to it; nothing where there is none. Leaves the file as it is."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()
    return []


def numbers(folder):
    """All that is recorded of the runs of the latest study, but for times; floats to the last bit."""
    with Store(folder / FILE, create=False) as store:
        study = store.load()
    assert study.status == "done"
    return [
        (run.run, run.status, run.diverged, run.observations, run.losses.tobytes(), dict(run.final))
        for run in study.runs
    ]


def is_sound(folder):
    """Whether nothing is wrong with the records, and no checkpoint is left beside them."""
    with Store(folder / FILE, create=False) as store:
        return store.check().findings == () and store.checkpoints.names() == []
