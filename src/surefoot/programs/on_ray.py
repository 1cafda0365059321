"""Programs on a Ray cluster: each is the child of an actor, on whatever machine Ray puts that."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from surefoot.core.errors import UsageError
from surefoot.programs.executor import Handle, Local

ANSWER = 0.5  # seconds to wait for an answer before others are listened to
PATIENCE = 10.0  # seconds for an actor to kill its program, before the actor itself is killed


class OnRay:
    """An executor on Ray. A program whose machine is lost has died, and is started again as any that died.

    Parameters: `workers`, programs that run at once, by default one for each core of the cluster, or as its GPUs allow;
    `gpus`, of each program: a program that waits keeps its own, so only as many wait as the cluster has GPUs for;
    `address`, of a cluster that is running, as `ray.init` takes it.

    Where event files or checkpoints are used, folders must be the same on all machines. Surefoot is installed on each.

    Raises UsageError where Ray is not installed, or the cluster lacks the GPUs.
    """

    interval = 0.1

    def __init__(self, workers: int | None = None, gpus: float = 0.0, address: str | None = None) -> None:
        self.ray = _ray()
        self.is_mine = not self.ray.is_initialized()
        if self.is_mine:
            self.ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        there = self.ray.cluster_resources()
        self.room = int(there.get("GPU", 0) // gpus) if gpus else None
        if self.room == 0:
            raise UsageError(
                "the cluster has too few GPUs for a single program",
                received=gpus,
                remedy=f"it has {there.get('GPU', 0)}",
            )
        self.workers = workers or self.room or max(1, int(there.get("CPU", 1)))
        # No cores are asked for: those of a program that waits would be kept from the others.
        options = {"num_cpus": 0, "num_gpus": gpus, "scheduling_strategy": "SPREAD", "max_concurrency": 1}
        self.actor = self.ray.remote(**options)(_Child)

    def launch(self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> Handle:
        child = self.actor.remote(list(arguments), dict(environment), str(folder.absolute()), str(Path.cwd()))
        return _Remote(self.ray, child)

    def close(self) -> None:
        if self.is_mine:
            self.ray.shutdown()


class _Child:
    """The actor: a process on its machine, as on this."""

    def __init__(self, arguments: list[str], environment: dict[str, str], folder: str, here: str) -> None:
        with suppress(OSError):  # a cluster that keeps files elsewhere says so itself (working_dir)
            os.chdir(here)
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.local = Local(1)
        self.handle = self.local.launch(arguments, environment, Path(folder))

    def read(self) -> tuple[bytes, int | None, str]:
        printed, status = self.handle.read()
        return printed, status, "" if status is None else self.handle.tail()

    def tell(self, what: str) -> None:
        getattr(self.handle, what)()


class _Remote:
    """A handle of a program behind an actor."""

    def __init__(self, ray: Any, child: Any) -> None:
        self.ray, self.child = ray, child
        self.asked: Any = None  # what was asked and not answered yet: an actor may have to wait for its place
        self.status: int | None = None
        self.said = ""

    def read(self) -> tuple[bytes, int | None]:
        if self.status is not None:
            return b"", self.status
        self.asked = self.asked or self.child.read.remote()
        if not self.ray.wait([self.asked], timeout=ANSWER)[0]:
            return b"", None
        try:
            printed, self.status, self.said = self.ray.get(self.asked)
        except self.ray.exceptions.RayActorError as lost:
            printed, self.status, self.said = b"", -signal.SIGKILL, f"the actor of the program was lost: {lost}"
        self.asked = None
        if self.status is not None:
            self._release()
        return printed, self.status

    def pause(self) -> None:
        self._tell("pause")

    def resume(self) -> None:
        self._tell("resume")

    def stop(self) -> None:
        self._tell("stop")

    def kill(self) -> None:
        if self.status is None:
            with suppress(self.ray.exceptions.RayError):
                self.ray.get(self.child.tell.remote("kill"), timeout=PATIENCE)
            self.status = -signal.SIGKILL
            self._release()

    def tail(self) -> str:
        return self.said

    def _tell(self, what: str) -> None:
        if self.status is None:
            self.child.tell.remote(what)  # in turn with what else the actor is asked

    def _release(self) -> None:
        with suppress(self.ray.exceptions.RayError):
            self.ray.kill(self.child)


def _ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ModuleNotFoundError as missing:
        raise UsageError(
            f"this needs Ray, which is not installed (no module {missing.name!r})",
            remedy="run pip install 'surefoot[ray]'",
        ) from None
    return ray
