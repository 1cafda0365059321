"""Going on with a comparison: what is found again, what is not, and what else may have stopped it."""

import resource
import shutil
import subprocess
import sys

import pytest
import torch
from sittings import ENVIRONMENT, Server, ask, is_sound, numbers
from torch import nn

import surefoot as sf
from surefoot.cli.main import run
from surefoot.store import FILE, Store

RECIPES = [
    sf.Recipe("plateau", "sgd(momentum=0.9)", 0.3, sf.plateau(factor=0.5, patience=0)),
    sf.Recipe("lost", "sgd(weight_decay=1.0)", 0.01, sf.exponential(10, every="10%")),
]
TASK = """
import torch
import surefoot as sf

def task():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(3000, 4, generator=g, dtype=torch.float64)
    return sf.Task(name="long", model=lambda: torch.nn.Linear(4, 2).double(), loss="cross_entropy",
                   train=(x, (x.sum(1) > 0).long()), batch_size=4)
"""
COMMAND = ("compare", "long.py", "--lr", "0.1,0.01", "--recipes", "long.yaml", "--seeds", "1", "--trainer", "loop")
COMMAND = (*COMMAND, "--place", "here", "--epochs", "24", "--checkpoint-every", "0.2")


def made(shift=0.0, **options):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(240, 4, generator=generator) + shift
    given = {"name": "made", "model": lambda: nn.Sequential(nn.Linear(4, 9), nn.Dropout(0.2), nn.Linear(9, 2))}
    given |= {
        "loss": "cross_entropy",
        "epochs": 40,
        "train": (x, (x.sum(1) > 0).long()),
        "test": (x, (x[:, 0] > 0) * 1),
    }
    return sf.Task(**{**given, **options})


def compare(folder, task=None, **options):
    given = {"seeds": 2, "trainer": "loop", "place": "here", "checkpoint_every": 0, "progress": False, "out": folder}
    return sf.compare(task or made(), RECIPES, **{**given, **options})


def statuses(folder):
    with Store(folder / FILE, create=False) as store:
        return [study.status for study in store.studies()]


def notes(folder, study=None):
    with Store(folder / FILE, create=False) as store:
        return "\n".join(store.load(study).notes)


def test_where_nothing_was_begun_it_begins_and_says_so(tmp_path, capsys):
    found = compare(tmp_path, resume=True, progress=True)
    assert found.study.status == "done"
    assert "nothing to resume: nothing of these recipes" in capsys.readouterr().err
    assert "nothing to resume" in notes(tmp_path)
    compare(tmp_path / "plain")
    assert numbers(tmp_path) == numbers(tmp_path / "plain")


def test_a_finished_one_is_shown_and_not_trained(tmp_path, monkeypatch):
    first = compare(tmp_path)
    monkeypatch.setattr("surefoot.studies.session.train", None)
    again = compare(tmp_path, resume=True)
    assert again.to_json() == first.to_json()
    assert statuses(tmp_path) == ["done"]


@pytest.mark.parametrize(
    ("task", "options"),
    [
        (made(shift=1e-6), {}),
        (made(epochs=39), {}),
        (made(model=lambda: nn.Linear(4, 2)), {}),
        (made(), {"lr": 0.2}),
        (made(), {"seeds": [0, 2]}),
        (made(), {"batch_size": 30}),
    ],
    ids=["data", "epochs", "model", "rate", "seeds", "batch size"],
)
def test_another_comparison_is_begun_and_says_so(tmp_path, task, options):
    interrupt(tmp_path)
    compare(tmp_path, task, resume=True, **options)
    assert statuses(tmp_path) == ["interrupted", "done"]
    assert "nothing to resume" in notes(tmp_path)
    compare(tmp_path, resume=True)
    assert statuses(tmp_path) == ["done", "done"]


def interrupt(folder, looks=50, **options):
    """Ctrl-C after so many looks at the data, within the second run of the loop."""
    seen = []

    def accuracy(outputs, targets):
        seen.append(1)
        if len(seen) > looks:
            raise KeyboardInterrupt
        return (outputs.argmax(1) == targets).float().mean()

    with pytest.raises(KeyboardInterrupt):
        compare(folder, made(metrics=[sf.Metric("accuracy", accuracy)]), **options)
    assert statuses(folder) == ["interrupted"]


@pytest.mark.parametrize("trainer", ["loop", "fused"])
@pytest.mark.parametrize("looks", [5, 50, 81, 100])
def test_ctrl_c_costs_nothing(tmp_path, trainer, looks):
    options = {"trainer": trainer, "compile": False, "tile": 2}
    interrupt(tmp_path, looks, **options)
    with Store(tmp_path / FILE, create=False) as store:
        assert any(len(run.losses) for run in store.load().runs)
    compare(tmp_path, resume=True, **options)
    assert "go on from step" in notes(tmp_path) or "tiles were finished" in notes(tmp_path)
    compare(tmp_path / "undisturbed", **options)
    assert numbers(tmp_path) == numbers(tmp_path / "undisturbed")
    assert is_sound(tmp_path)


def test_the_plan_is_the_one_it_was_begun_with(tmp_path):
    interrupt(tmp_path, trainer="fused", compile=False, tile=2)
    found = compare(tmp_path, resume=True, trainer="loop")
    assert found.study.trainer == "fused"


def test_other_versions_are_told(tmp_path, monkeypatch):
    interrupt(tmp_path)
    monkeypatch.setattr(sys.modules["surefoot.studies.setting"], "version", lambda name: "0.0.1")
    compare(tmp_path, resume=True)
    assert "resumed with torch 0.0.1 what was begun with" in notes(tmp_path)


def prepared(folder):
    (folder / "long.py").write_text(TASK)
    (folder / "long.yaml").write_text("- {name: a, optimizer: sgd, lr: 0.1}\n")
    return folder


@pytest.fixture
def here(tmp_path):
    return prepared(tmp_path)


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def undisturbed(server, tmp_path_factory):
    here = prepared(tmp_path_factory.mktemp("undisturbed"))
    assert server.begin(here, *COMMAND, "--out", "alone").end() == 0
    return numbers(here / "alone")


def test_a_second_process_is_told_who_is_at_it(here, server, undisturbed, monkeypatch, capsys):
    monkeypatch.chdir(here)
    first = server.begin(here, *COMMAND, "--out", "both")
    assert first.until(lambda: ask(here / "both", "SELECT 1 FROM observations LIMIT 1"))
    for more in ([], ["--resume"]):
        assert run([*COMMAND, "--out", "both", *more]) == 1
        assert f"is being written by process {first.pid} on" in capsys.readouterr().err
    assert not first.is_over()
    assert first.end() == 0
    assert numbers(here / "both") == undisturbed
    assert is_sound(here / "both")


def limited(here):
    """The command where no file may be larger than 120 kB: as on a full disk, in the midst of training."""
    return subprocess.run(
        [sys.executable, "-c", "from surefoot.cli import main; main()", *COMMAND, "--out", "full"],
        cwd=here, env=ENVIRONMENT, text=True, capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000)),
    )  # fmt: skip


def small_disk(here):
    """The command on a disk of 240 kB. The disk goes when it is over, so what it holds is brought away."""
    command = f"{sys.executable} -c 'from surefoot.cli import main; main()' {' '.join(COMMAND)} --out full"
    script = (
        f"mount -t tmpfs -o size=240k none full && {{ {command}; code=$?; cp -a full brought; exit $code; }}; exit 99"
    )
    (here / "full").mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("no unshare: a small disk cannot be mounted")
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=here, env=ENVIRONMENT, text=True, capture_output=True,
    )  # fmt: skip
    if done.returncode == 99 or not (here / "brought").exists():
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    (here / "full").rmdir()
    (here / "brought").rename(here / "full")
    return done


@pytest.mark.parametrize("full", [limited, small_disk])
def test_a_full_disk_ends_it_clearly_and_loses_nothing(here, server, undisturbed, full):
    done = full(here)
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert "error: cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    before = ask(here / "full", "SELECT count(*) FROM observations")[0][0]
    assert before > 0
    resumed = server.begin(here, *COMMAND, "--out", "full", "--resume")
    assert resumed.end() == 0, resumed.said
    assert numbers(here / "full") == undisturbed
    assert is_sound(here / "full")


def test_a_run_that_ended_early_keeps_its_end_when_others_go_on(tmp_path, monkeypatch):
    """Patience ends one before the checkpoint from which the others are gone on with."""
    monkeypatch.setattr("surefoot.training.lockstep.SHARE", 0)
    calls = []

    def looked(outputs, targets):
        calls.append(1)
        if len(calls) == stop:
            raise KeyboardInterrupt
        return (outputs.argmax(1) == targets).double().mean()

    task = made(metrics=[sf.Metric("accuracy", looked)], epochs=12, patience=2)
    recipes = [sf.Recipe("still", "sgd", 1e-12), sf.Recipe("falling", "sgd", 0.02)]
    given = {"seeds": 1, "progress": False, "trainer": "fused", "checkpoint_every": 0.0, "compile": False}
    stop = 0
    whole = sf.compare(task, recipes, out=tmp_path / "whole", **given)
    looks = len(calls)
    calls.clear()
    stop = looks - 2
    with pytest.raises(KeyboardInterrupt):
        sf.compare(task, recipes, out=tmp_path / "part", **given)
    stop = 0
    resumed = sf.compare(task, recipes, out=tmp_path / "part", resume=True, **given)
    early, late = (run.observations for run in whole.study.runs)
    assert len(early) == 3 < len(late)
    for ours, theirs in zip(resumed.study.runs, whole.study.runs, strict=True):
        assert (ours.status, ours.observations, dict(ours.final)) == ("done", theirs.observations, dict(theirs.final))
    with Store(tmp_path / "part" / FILE) as store:
        assert store.check().findings == ()
