"""A cluster of two nodes trains what one process would; nodes and workers that die cost nothing but time."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from attrs import evolve
from torch import nn
from training.test_pool import RECIPES, WILD, Folder, entries_of, notes, numbers, task_of

import surefoot
from surefoot.cli.main import run
from surefoot.core.errors import RecipeError, TaskError, UsageError
from surefoot.core.recipe import Recipe
from surefoot.core.record import Diverged, Failed, Losses, Observed, Paused, Progress, Saved
from surefoot.core.task import Metric
from surefoot.training import Checkpoint, Plan, Saving, Wanted, choose, train
from surefoot.training.cluster import Needs, answers, connected, slots
from surefoot.training.layout import layout_of
from surefoot.training.on_ray import on_ray
from surefoot.training.place import Work, here
from surefoot.training.tile import Pause, Tile

ray = pytest.importorskip("ray")
from ray.cluster_utils import Cluster  # noqa: E402

# Ray leaves sockets and processes to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
STORE = 100 << 20  # bytes of a node's object store


@pytest.fixture(scope="module")
def cluster():
    """Two nodes with a processor each, to which this process is connected."""
    made = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": STORE}
    )
    made.add_node(num_cpus=1, object_store_memory=STORE)
    ray.init(made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()


def ran(task, place, recipes=RECIPES, seeds=(0, 1), tiles=None, trainer="loop", past=None, on=None, **options):
    """Everything that training says; `on` hears it too."""
    events, thread = [], threading.current_thread()

    def sink(event):
        assert threading.current_thread() is thread
        events.append(event)
        if on:
            on(event)

    entries = entries_of(task, recipes, seeds)
    entries = [evolve(entry, past=(past or {}).get(entry.run.index, ())) for entry in entries]
    tiles = [[[k] for k in tile] for tile in tiles or [[k] for k in range(len(entries))]]
    train(task, entries, Plan(trainer, place, False, 1, len(tiles[0]), tiles), sink, **options)
    return events


def slow_task(seconds=0.01, **options):
    """Whose looks take a while, on the nodes."""
    parent = os.getpid()

    def slow(outputs, targets):
        if os.getpid() != parent:
            time.sleep(seconds)
        return float((outputs.argmax(1) == targets).double().mean())

    return task_of(metrics=[Metric("accuracy", slow)], **options)


# What comes before the first use of the fixture above finds no connection.


@pytest.fixture
def silent():
    """An address where something listens that is no head."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.invalid:6379", "nonsense", "127.0.0.1:99999", "silent"])
def test_an_address_where_no_cluster_answers_is_refused_within_seconds(address, silent):
    began = time.monotonic()
    with pytest.raises(UsageError, match="no head of a Ray cluster answers there within 5 s") as caught:
        slots(silent if address == "silent" else address, Needs(1))
    assert "ray start --head" in caught.value.remedy
    assert time.monotonic() - began < 10


def test_the_address_of_a_client_is_refused():
    with pytest.raises(UsageError, match="--address auto"):
        slots("ray://127.0.0.1:10001", Needs(1))


def test_the_command_says_what_is_wrong_with_an_address(tmp_path, capsys):
    given = ["compare", "--epochs", "1", "--seeds", "1", "--out", str(tmp_path), "--address", "127.0.0.1:1"]
    assert run([*given, "--place", "ray"]) == 2
    said = capsys.readouterr().err
    assert "error: no head of a Ray cluster answers there within 5 s; received '127.0.0.1:1'. Start one" in said
    assert "Traceback" not in said
    assert run([*given, "--place", "pool"]) == 2
    assert "error: only a Ray cluster has an address" in capsys.readouterr().err


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'surefoot\[ray\]'"), connected(None):
        pass


def test_without_an_address_a_ray_of_this_machine_trains_and_ends(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    task = task_of()
    told = ran(task, "ray", RECIPES[:1])
    assert numbers(told) == numbers(ran(task, "here", RECIPES[:1]))
    (note,) = notes(told)
    assert "no address of a cluster was given: a Ray of this machine's" in note
    assert not ray.is_initialized()


@pytest.mark.parametrize("trainer", ["loop", "fused"])
def test_the_numbers_are_those_of_one_process_from_the_start_and_from_a_checkpoint(cluster, tmp_path, trainer):
    """Bit for bit. Tile 0 goes on from a checkpoint that has seen some epochs: its plateau remembers them."""
    task, folder = slow_task(0.05), Folder(tmp_path)  # so that there is time for checkpoints
    tiles = None if trainer == "loop" else [[0, 1, 2], [3, 4, 5]]
    given = {"recipes": [*RECIPES, WILD], "tiles": tiles, "trainer": trainer}
    whole = ran(task, "ray", saving=Saving(folder.save, 0.0), **given)
    assert numbers(whole) == numbers(ran(task, "here", **given))
    saved = next(e for e in whole if isinstance(e, Saved) and e.tile == 0 and e.step > task.steps_per_epoch)
    before = whole[: whole.index(saved)]
    past = {run: [e.observation for e in before if isinstance(e, Observed) and e.run == run] for run in range(6)}
    start = {0: folder.read(saved.checkpoint)}
    rest = ran(task, "ray", past=past, starts=start, **given)
    assert numbers(rest) == numbers(ran(task, "here", past=past, starts=start, **given))
    assert len(numbers(rest)[0]) < len(numbers(whole)[0])
    assert {event.run for event in rest if isinstance(event, Diverged)} == {4, 5}
    assert notes(whole) == notes(rest) == []
    last = [event for event in rest if isinstance(event, Progress)][-1]
    assert (last.done, last.alive, last.rows) == (last.total, 4, 6)


def raced(place, folder):
    """Runs that pause, each kept; the first and the last go on together, from both checkpoints, in one tile."""
    task, recipe = task_of(), RECIPES[1]
    entries = entries_of(task, [evolve(recipe, name=str(lr), lr=lr) for lr in (0.01, 0.03, 0.1)], (0,))
    saving, layout = Saving(folder.save, 1e9), layout_of([entry.row() for entry in entries])
    plan = Plan("loop", place.__name__, False, 1, 1, [])
    tiles = [
        Tile(0, [entries[:1], entries[1:2]], None, {0: Pause(20, samples=10), 1: Pause(9, keep=False)}),
        Tile(1, [entries[2:]], None, {2: Pause(20)}),
    ]
    events = []
    place(Work(task, plan, layout, tiles, saving), events.append)
    paused = {event.run: event for event in events if isinstance(event, Paused)}
    assert {run: event.step for run, event in paused.items()} == {0: 20, 1: 9, 2: 20}
    assert paused[1].checkpoint is None
    kept = [(folder.read(paused[run].checkpoint), run, [run]) for run in (0, 2)]
    seen = {run: [e.observation for e in events if isinstance(e, Observed) and e.run == run] for run in (0, 2)}
    on = [[evolve(entries[run], past=[o for o in seen[run] if o.step % task.steps_per_epoch == 0])] for run in (0, 2)]
    place(Work(task, plan, layout, [Tile(0, on, Checkpoint.joined(kept))], saving), events.append)
    return events


def test_tiles_that_pause_and_go_on_from_joined_checkpoints_have_the_numbers_of_one_process(cluster, tmp_path):
    ours, theirs = Folder(tmp_path / "ray"), Folder(tmp_path / "here")
    for folder in (ours, theirs):
        folder.path.mkdir()
    assert numbers(raced(on_ray, ours)) == numbers(raced(here, theirs))
    assert len([*ours.path.iterdir()]) == len([*theirs.path.iterdir()]) == 2


@pytest.mark.parametrize(("trainer", "kept"), [("loop", True), ("fused", False)])
def test_a_killed_worker_costs_no_number_and_nothing_is_told_twice(cluster, tmp_path, trainer, kept):
    """The first to look for the fifth time is killed, before it has told what it saw."""
    marker, folder, parent = tmp_path / "killed", Folder(tmp_path / "checkpoints"), os.getpid()
    folder.path.mkdir()
    looks = []

    def deadly(outputs, targets):
        looks.append(1)
        if len(looks) == 5 * rows and os.getpid() != parent:
            try:
                marker.touch(exist_ok=False)  # only one process of all can make it
            except FileExistsError:
                return 0.5
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGKILL)
        return 0.5

    tiles, rows = (None, 1) if trainer == "loop" else ([[0, 1], [2, 3]], 2)
    task = task_of(metrics=[Metric("made", deadly)])
    looks.clear()
    saving = Saving(folder.save, 0.0) if kept else None
    told = ran(task, "ray", tiles=tiles, trainer=trainer, saving=saving)
    assert marker.exists()
    assert numbers(told) == numbers(ran(task, "here", tiles=tiles, trainer=trainer))
    (note,) = notes(told)
    assert "its worker died (the process ended unexpectedly)" in note
    step = int(note.rpartition(" ")[2])
    saved = {event.step for event in told if isinstance(event, Saved)}
    assert step in saved if kept else (step, saved) == (0, set())


def test_a_node_that_is_killed_half_way_costs_no_number(cluster, tmp_path):
    node = cluster.add_node(num_cpus=1, object_store_memory=STORE)
    cluster.wait_for_nodes()
    folder, killed, parent, looks = Folder(tmp_path / "checkpoints"), [], os.getpid(), []
    folder.path.mkdir()

    def slow(outputs, targets):
        looks.append(1)
        if os.getpid() != parent:
            (tmp_path / f"{ray.get_runtime_context().get_node_id()} {len(looks)}").touch()
            time.sleep(0.2)
        return 0.5

    def kill(event):
        if not killed and (tmp_path / f"{node.node_id} 4").exists():
            killed.append(node)
            cluster.remove_node(node, allow_graceful=False)

    task = task_of(metrics=[Metric("made", slow)], epochs=10)
    looks.clear()
    given = {"seeds": (0, 1, 2)}
    told = ran(task, "ray", on=kill, saving=Saving(folder.save, 0.0), **given)
    assert killed
    assert numbers(told) == numbers(ran(task, "here", **given))
    lost = notes(told)
    assert lost
    assert all("its worker died (its node was lost); it starts again from step" in note for note in lost)
    assert any(int(note.rpartition(" ")[2]) > 0 for note in lost)
    assert not [event for event in told if isinstance(event, Failed)]


def test_a_tile_that_kills_its_workers_is_given_up_and_the_others_go_on(cluster):
    def deadly(outputs, targets):
        if outputs.abs().max() > 1e3:
            time.sleep(0.3)
            os._exit(3)
        return nn.functional.cross_entropy(outputs, targets)

    explosive = Recipe("explosive", "sgd", 1.0, "constant(1e-9, over='1ep') >> constant(1e9)")
    task = task_of(loss=deadly)
    told = ran(task, "ray", [explosive, *RECIPES], seeds=(0,))
    ours, theirs = numbers(told), numbers(ran(task, "here", RECIPES, seeds=(0,)))
    assert (ours[1], ours[2]) == (theirs[0], theirs[1])
    assert ours[0][-1] == ("failed",)
    (failed,) = [event for event in told if isinstance(event, Failed)]
    assert failed.reason == "its worker died twice after step 0 (the process ended unexpectedly)"
    last = [event for event in told if isinstance(event, Progress)][-1]
    assert (last.done, last.alive, last.rows) == (last.total, 2, 3)


class OnlyHere:
    """Is pickled, but cannot be unpickled in another process."""

    def __reduce__(self):
        return _only_in, (os.getpid(),)


def _only_in(process):
    assert os.getpid() == process, "not here"
    return OnlyHere()


@pytest.mark.parametrize(
    ("burden", "why"), [(threading.Lock, "cannot be sent to a cluster .*_thread.lock"), (OnlyHere, "node .*not here")]
)
def test_a_task_that_cannot_be_sent_is_refused(cluster, burden, why):
    burden = burden()
    task = task_of(lambda: nn.Linear(6, 3).double() if burden else None)
    with pytest.raises(TaskError, match=why) as caught:
        ran(task, "ray", RECIPES[:1])
    assert "--place here" in caught.value.remedy


def test_what_training_raises_is_raised_here_with_where_it_was(cluster):
    parent = os.getpid()

    def broken(outputs, targets):
        if os.getpid() != parent:
            raise LookupError("there")
        return 1.0

    with pytest.raises(LookupError, match="there") as caught:
        ran(task_of(metrics=[Metric("broken", broken)]), "ray", RECIPES[:1])
    (note,) = caught.value.__notes__
    assert note.startswith("On a node of the cluster:\nTraceback")
    assert "in broken" in note


class Overwriting(nn.Linear):
    def forward(self, x):
        return super().forward(x.mul_(1.0))


def test_a_task_that_writes_into_the_data_is_refused(cluster):
    with pytest.raises(TaskError, match="changes the data that it is given") as caught:
        ran(task_of(lambda: Overwriting(6, 3).double()), "ray", RECIPES[:1], seeds=(0,))
    assert "x.clone()" in caught.value.remedy


class Cubes(torch.utils.data.Dataset):
    def __len__(self):
        return 90

    def __getitem__(self, k):
        x = torch.randn(6, generator=torch.Generator().manual_seed(k), dtype=torch.float64)
        return x, torch.tensor(k % 3)


def test_data_on_demand_is_read_on_the_nodes(cluster):
    task = task_of(train=Cubes(), test=None, in_memory=False)
    assert numbers(ran(task, "ray", RECIPES[:1])) == numbers(ran(task, "here", RECIPES[:1]))


def test_an_interruption_ends_the_tasks(cluster):
    def interrupt(event):
        if isinstance(event, Losses):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ran(slow_task(1.0, epochs=1000), "ray", on=interrupt)
    deadline = time.monotonic() + 20
    while ray.available_resources().get("CPU") != 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert ray.available_resources()["CPU"] == 2


def test_a_node_with_another_surefoot_is_refused_by_name(cluster, tmp_path):
    shutil.copytree(Path(surefoot.__file__).parent, tmp_path / "surefoot")
    with (tmp_path / "surefoot/training/loop.py").open("a") as file:
        file.write("# another version\n")
    node = cluster.add_node(num_cpus=3, object_store_memory=STORE, env_vars={"PYTHONPATH": str(tmp_path)})
    cluster.wait_for_nodes()
    try:
        with pytest.raises(UsageError, match=r"node .+ of the cluster would compute with other code") as caught:
            ran(slow_task(), "ray", seeds=range(3))
    finally:
        cluster.remove_node(node)
    assert "surefoot's code" in str(caught.value)
    assert "torch" not in caught.value.what
    assert "same version" in caught.value.remedy


def test_the_plan_knows_the_cluster_and_can_be_moved_from_it(cluster):
    task, events = task_of(), []
    entries = entries_of(task, seeds=(0, 1, 2))
    plan = choose(task, entries, events.append, Wanted(place="ray", address=cluster.address))
    assert (plan.trainer, plan.place, plan.threads, len(plan.tiles)) == ("loop", "ray", 1, 6)
    assert Plan(**plan.to_json()) == plan
    fused = choose(task, entries, events.append, Wanted("fused", "ray"))
    assert str(fused) == "fused, ray"
    assert len(fused.tiles) == 2  # one for each processor
    assert plan.moved(Wanted()) == plan
    assert plan.moved(Wanted(place="ray", address="b:1")) == evolve(plan, address="b:1")
    assert plan.moved(Wanted(place="pool")) == evolve(plan, place="pool", address=None)
    here = evolve(plan, place="here", address=None)
    assert here.moved(Wanted(place="pool")) == here
    with pytest.raises(RecipeError, match="--place ray"):
        Wanted(address="a:1")


def test_a_gpu_is_asked_for_where_the_device_is_one(cluster):
    with pytest.raises(UsageError, match="no node of the cluster has a GPU for a task"):
        slots(cluster.address, Needs.of(torch.device("cuda"), 1))
    node = cluster.add_node(num_cpus=8, num_gpus=3, object_store_memory=STORE)  # so it says
    cluster.wait_for_nodes()
    try:
        assert slots(cluster.address, Needs.of(torch.device("cuda"), 1)) == 3
        assert slots(cluster.address, Needs.of(torch.device("cpu"), 1)) == 10
    finally:
        cluster.remove_node(node)
    for device in ("cuda:1", "mps"):
        with pytest.raises(UsageError, match="--device cuda"):
            Needs.of(torch.device(device), 1)


def test_a_head_answers_and_nothing_else_does(cluster, silent):
    assert answers(cluster.address, 5.0)
    assert not answers(silent, 0.2)


LOST = """
import sqlite3, sys, threading, time
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
import surefoot as sf
from surefoot.core.errors import SurefootError
from surefoot.training import cluster

sys.path.insert(0, sys.argv[1])
from training.test_ray import RECIPES, STORE, slow_task

def task():
    x, y = slow_task().train.x, slow_task().train.y
    def slow(outputs, targets):
        time.sleep(0.4 if ray.is_initialized() else 0)
        return float((outputs.argmax(1) == targets).double().mean())
    return sf.Task(name="made", model=slow_task().model, loss="cross_entropy", train=(x, y), batch_size=8,
                   epochs=8, metrics=[sf.Metric("accuracy", slow)])

nodes = Cluster(initialize_head=True, head_node_args={
    "num_cpus": 1, "include_dashboard": False, "object_store_memory": STORE})
nodes.add_node(num_cpus=1, object_store_memory=STORE)
cluster.GONE, cluster.REACH, cluster.LOOK = 1.0, 1.0, 0.5
out = Path(sys.argv[2])

def kill():
    database = out / "surefoot.sqlite"
    while True:
        time.sleep(0.1)
        if database.exists():
            with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as reading:
                try:
                    (seen,) = reading.execute("SELECT count(*) FROM observations").fetchone()
                except sqlite3.OperationalError:
                    continue
            if seen > 4:
                nodes.head_node.kill_gcs_server(False)
                return

threading.Thread(target=kill, daemon=True).start()
given = dict(recipes=RECIPES, seeds=2, trainer="loop", progress=False, checkpoint_every=0)
try:
    sf.compare(task(), **given, out=out, place="ray", address=nodes.address)
except SurefootError as lost:
    print(lost)
assert not ray.is_initialized()
again = sf.compare(task(), **given, out=out, place="here", resume=True)
whole = sf.compare(task(), **given, out=None, place="here")
for a, b in zip(again.study.runs, whole.study.runs, strict=True):
    assert a.observations == b.observations
    assert (a.losses == b.losses).all()
print(*again.study.notes, sep="\\n")
nodes.shutdown()
"""


def test_a_cluster_that_loses_its_head_says_so_and_its_study_goes_on_elsewhere(tmp_path):
    (tmp_path / "lost.py").write_text(LOST)
    script = [sys.executable, str(tmp_path / "lost.py"), str(Path(__file__).parent.parent), str(tmp_path / "out")]
    found = subprocess.run(script, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stderr
    assert "no longer answers; what was recorded is kept. Go on with --resume" in found.stdout
    assert "resumed: " in found.stdout
    assert "resumed: nothing" not in found.stdout
