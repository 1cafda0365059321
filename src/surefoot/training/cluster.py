"""A Ray cluster: reaching it, the room it has, what its workers say, and whether its head is there."""

import logging
import os
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias
from uuid import uuid4

import torch
from attrs import define, field, frozen

from surefoot.core.errors import SurefootError, UsageError, brief
from surefoot.training.place import cores
from surefoot.training.plan import Plan

REACH = 5.0  # seconds for a head to answer
GONE = 15.0  # seconds without an answer until a head counts as lost; Ray itself ends this process after 60
LOOK = 3.0  # seconds between two looks at the cluster
FETCH = 120.0  # seconds to bring one message from a node
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # how gRPC begins: HTTP/2, settings
AGAIN = "what was recorded is kept. Go on with --resume"

_PLACED: list[tuple[object, str, Any]] = []  # what, its name, and where it lies: the last, while connected

Stream: TypeAlias = Any  # ray.ObjectRefGenerator: what a task says, message by message
Ref: TypeAlias = Any  # ray.ObjectRef


class DiedError(Exception):
    """A worker or its node died."""


@frozen
class Needs:
    """What a task needs of a node."""

    cpus: int
    gpus: int = 0

    @classmethod
    def of(cls, device: torch.device, threads: int) -> "Needs":
        """Raises UsageError for a device that a task could not be given."""
        if device.type not in ("cpu", "cuda") or device.index:
            raise UsageError(
                "a cluster gives tasks processors or a GPU, and says itself which",
                received=str(device),
                remedy="--device cpu or --device cuda",
            )
        return cls(threads, int(device.type == "cuda"))

    def fit(self, resources: Mapping[str, float]) -> int:
        """How many such tasks a node has room for.

        >>> Needs(2).fit({"CPU": 5.0}), Needs(1, 1).fit({"CPU": 4.0}), Needs(1, 1).fit({"CPU": 4.0, "GPU": 2.0})
        (2, 0, 2)
        """
        room = int(resources.get("CPU", 0) // self.cpus)
        return min(room, int(resources.get("GPU", 0) // self.gpus)) if self.gpus else room


@define(eq=False)
class Cluster:
    """A connection. Parameters: `ray`, the module; `head`, its address; `local`, whether it was started for this."""

    ray: Any
    head: str
    local: bool
    heard: float = field(factory=time.monotonic)  # when the head last answered

    def room(self, needs: Needs) -> int:
        """How many tasks the nodes that are alive have room for."""
        return sum(needs.fit(node["Resources"]) for node in self.ray.nodes() if node["Alive"])

    def check(self) -> bool:
        """Whether the head answers. Raises SurefootError when it has not for some time."""
        if answers(self.head, REACH):
            self.heard = time.monotonic()
            return True
        if time.monotonic() - self.heard > GONE:
            raise SurefootError(f"the head of the Ray cluster at {self.head} no longer answers; {AGAIN}")
        return False

    def put(self, thing: object) -> Ref:
        """Place something in the object store of this machine, from where nodes fetch it once each."""
        with self._speaking():
            return self.ray.put(thing)

    def placed(self, what: object, make: Callable[[], object]) -> tuple[str, Ref]:
        """A thing in the object store under a name of its own, made where the last one was of something else: a search
        trains many times."""
        if not _PLACED or _PLACED[0][0] != what:
            _PLACED[:] = [(what, uuid4().hex, self.put(make()))]
        return _PLACED[0][1:]

    def task(self, function: Callable[..., Iterator[object]], needs: Needs) -> Any:
        """A task that says something again and again; one that dies is not begun again by Ray, which would begin at the
        start."""
        options = {"num_returns": "streaming", "max_retries": 0, "scheduling_strategy": "SPREAD"}
        return self.ray.remote(function).options(num_cpus=needs.cpus, num_gpus=needs.gpus, **options)

    def ready(self, streams: Collection[Stream]) -> list[Stream]:
        """Those that have said something or are over; none where none has for a while."""
        with self._speaking():
            first, _ = self.ray.wait([*streams], num_returns=1, timeout=LOOK)
            return self.ray.wait([*streams], num_returns=len(streams), timeout=0)[0] if first else []

    def message(self, stream: Stream) -> object:
        """What it says next. Raises StopIteration where it is over, DiedError where its worker is."""
        errors = self.ray.exceptions
        deaths = {
            errors.WorkerCrashedError: "the process ended unexpectedly",
            errors.NodeDiedError: "its node was lost",
            errors.ObjectLostError: "what it said was lost with its node",
            errors.OutOfMemoryError: "memory ran out on its node",
            errors.GetTimeoutError: "its node did not send what it said",
        }
        with self._speaking():
            try:
                return self.ray.get(next(stream), timeout=FETCH)
            except tuple(deaths) as failure:
                how = next(how for kind, how in deaths.items() if isinstance(failure, kind))
                raise DiedError(how) from failure

    def cancel(self, stream: Stream) -> None:
        """End its task, whatever that is in the midst of."""
        with suppress(Exception):  # it may be over, or the cluster gone
            self.ray.cancel(stream, force=True)

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            yield
        except self.ray.exceptions.RayError as failure:
            raise SurefootError(f"the Ray cluster failed ({brief(failure)}); {AGAIN}") from failure


@contextmanager
def reached(plan: Plan) -> Iterator[None]:
    """Within, a plan that trains on a cluster is connected with it, however often it trains."""
    if plan.place != "ray":
        yield
        return
    with connected(plan.address):
        yield


@contextmanager
def connected(address: str | None) -> Iterator[Cluster]:
    """Within, Ray is connected: as it is already, to this address, or else to a Ray of this machine's processors that
    ends with this.

    Raises UsageError where Ray is not installed, or nothing answers there.
    """
    ray = _ray()
    if ray.is_initialized():
        yield Cluster(ray, ray.get_runtime_context().gcs_address, local=False)
        return
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    if address.startswith("ray://"):
        raise UsageError(
            "this is the address of a Ray client, which streams nothing",
            received=address,
            remedy="run the command on a machine of the cluster, with --address auto",
        )
    if address not in ("auto", "local") and not answers(address, REACH):
        raise UsageError(f"no head of a Ray cluster answers there within {REACH:g} s", received=address, remedy=REMEDY)
    _connect(ray, address)
    try:
        yield Cluster(ray, ray.get_runtime_context().gcs_address, local=address == "local")
    finally:
        _PLACED.clear()
        ray.shutdown()


REMEDY = (
    "start one with `ray start --head --port=6379`, give its HOST:6379, and look whether `ray status` shows it from "
    "this machine"
)


def slots(address: str | None, needs: Needs) -> int:
    """How many tasks can be trained at a time. Raises UsageError where there is room for none."""
    if address is None and not os.environ.get("RAY_ADDRESS") and not _ray().is_initialized():
        room = needs.fit({"CPU": cores(), "GPU": torch.cuda.device_count()})
    else:
        with connected(address) as cluster:
            room = cluster.room(needs)
    if room == 0:
        wanted = f"{needs.cpus} free processors" if needs.cpus > 1 else "a processor"
        raise UsageError(
            f"no node of the cluster has {'a GPU' if needs.gpus else wanted} for a task",
            remedy="see `ray status`; start nodes with `ray start --address=HOST:PORT`, or take --place pool",
        )
    return room


def answers(address: str, seconds: float) -> bool:
    """Whether a gRPC server, as the head of a cluster is one, answers at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds) as connection:
            if os.environ.get("RAY_USE_TLS", "0") != "0":
                return True
            connection.sendall(PREFACE)
            return connection.recv(9)[3:4] == PREFACE[-6:-5]  # its settings
    except (OSError, ValueError, OverflowError):
        return False


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ModuleNotFoundError as missing:
        raise UsageError(
            f"a cluster needs {missing.name}, which is not installed", remedy="run pip install 'surefoot[ray]'"
        ) from None
    return ray


def _connect(ray: Any, address: str) -> None:
    options = {"num_cpus": cores(), "include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as why:
        ray.shutdown()
        raise UsageError(f"Ray did not connect ({brief(why)})", received=address, remedy=REMEDY) from None
