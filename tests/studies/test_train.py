"""`surefoot train`: what it leaves is what a plain PyTorch script goes on with, to the very numbers."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sittings import Server, is_sound, numbers
from studies.test_kill import TASK

import surefoot as sf
from surefoot.core.errors import UsageError
from surefoot.store import FILE, Store
from surefoot.studies import winner

# Only torch, safetensors and the scheduler: the optimizer is torch's own. The order of the samples is Surefoot's, so
# that the losses can be compared with those of a training that was not interrupted.
SCRIPT = """
import json, sys
import torch
from safetensors.torch import load_file
from surefoot.adapters.torch import Scheduler
from surefoot.tasks import load, prepare
from surefoot.training.trainer import order

task = prepare(load("small.py"), epochs=6)
model = task.model()
model.load_state_dict(load_file("last/weights.safetensors"))
{optimizer}
optimizer.load_state_dict(torch.load("last/optimizer.pt", weights_only=True))
scheduler = Scheduler.from_state(optimizer, json.load(open("last/schedule.json")))
losses, step = [], scheduler.last_epoch
for epoch in range(step // task.steps_per_epoch, task.epochs):
    model.train()
    for batch in order(task, 5, epoch).split(task.batch_size):
        loss = torch.nn.functional.cross_entropy(model(task.train.x[batch]), task.train.y[batch])
        optimizer.zero_grad()
        loss.backward()
        {clip}
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        seen = torch.nn.functional.cross_entropy(model(task.watched.x), task.watched.y).item()
    {observe}
print(json.dumps([step, losses]))
"""
PARAMETERS = "list(model.parameters())"
GROUPS = """
vectors = [p for p in model.parameters() if p.ndim < 2]
matrices = [p for p in model.parameters() if p.ndim > 1]
optimizer = torch.optim.AdamW([{"params": matrices}, {"params": vectors}], foreach=False)
"""
CASES = {
    "one cycle": (
        sf.Recipe("r", "sgd(momentum=0.9)", 0.1, "one_cycle()", {"momentum": "one_cycle_momentum()"}),
        f"optimizer = torch.optim.SGD({PARAMETERS}, lr=1.0, foreach=False)",
        "",
    ),
    "plateau": (
        sf.Recipe("r", "adam(clip_norm=0.5)", 0.01, "plateau(0.5, patience=0, threshold=0.1)"),
        f"optimizer = torch.optim.Adam({PARAMETERS}, foreach=False)",
        "torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5, foreach=False)",
    ),
    "groups": (
        sf.Recipe("r", "adamw(weight_decay=0.1)", 0.01, "linear()", {"weight_decay@vectors": 0, "lr@vectors": 0.02}),
        GROUPS,
        "",
    ),
    "average-first": (
        sf.Recipe("r", "sgd(form='average-first')", 0.1, "cosine()", {"momentum": "0.9 * linear(end=0.5)"}),
        f"optimizer = torch.optim.SGD({PARAMETERS}, lr=1.0, foreach=False)",
        "",
    ),
    "a rule that torch has not": (
        sf.Recipe("r", "keras.Adam()", 0.01, "cosine()"),
        "import surefoot as sf\n"
        f"optimizer = sf.optimizers.torch_optimizer(sf.optimizers.parse('keras.Adam()'), {PARAMETERS})",
        "",
    ),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "small.py").write_text(TASK.replace("WIDTH", "24").replace(", torch.nn.Dropout(0.3)", ""))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class StoppedError(Exception):
    """What a user's own code raises in the midst of a training."""


@pytest.mark.parametrize("case", CASES)
def test_a_plain_script_goes_on_to_the_very_numbers(case, here, monkeypatch):
    recipe, optimizer, clip = CASES[case]
    whole = sf.train("small.py", recipe, 5, epochs=6, out="whole", progress=False).run
    from surefoot.studies.exports import Exports

    looked = Exports.__call__

    def stop(self, run, best, trainer, row, observation):
        if observation.step > 3 * whole.observations[0].step:
            raise StoppedError
        looked(self, run, best, trainer, row, observation)

    monkeypatch.setattr(Exports, "__call__", stop)
    with pytest.raises(StoppedError):
        sf.train("small.py", recipe, 5, epochs=6, out="part", progress=False)
    (folder,) = Path("part").glob("train-*")
    shutil.copy("small.py", folder)
    observe = "scheduler.observe(loss=seen)" if case == "plateau" else ""
    script = SCRIPT.format(optimizer=optimizer, clip=clip, observe=observe)
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, cwd=folder, check=False
    )
    assert run.returncode == 0, run.stderr
    step, losses = json.loads(run.stdout)
    assert step == 3 * whole.observations[0].step
    assert torch.tensor(losses, dtype=torch.float32).tolist() == whole.losses[step:].tolist()


def test_the_best_weights_are_those_of_the_best_look(here):
    from surefoot.tasks import load, prepare

    recipe = sf.Recipe("r", "adam(ema=0.9)", 0.1, "constant()")
    done = sf.train("small.py", recipe, epochs=8, patience=3, out="out", progress=False)
    task = prepare(load("small.py"))
    model = task.model().eval()
    step, values = done.best
    model.load_state_dict(done.weights())
    with torch.no_grad():
        assert float(torch.nn.functional.cross_entropy(model(task.watched.x), task.watched.y)) == values["loss"]
    assert step == max(done.run.observations, key=lambda seen: seen.values["accuracy"]).step
    assert done.weights("last").keys() == done.weights().keys()  # plain names, without the average's own


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
        self.b.weight = self.a.weight

    def forward(self, x):
        return self.b(self.a(x))


def test_tied_weights_are_written_under_both_names(tmp_path):
    x = torch.randn(40, 4)
    task = sf.Task(name="tied", model=Tied, loss="mse", train=(x, x.flip(1)), epochs=2)
    done = sf.train(task, sf.Recipe("sgd", "sgd", 0.1), out=tmp_path, progress=False)
    weights = load_file(done.files()["best"])
    assert torch.equal(weights["a.weight"], weights["b.weight"])
    Tied().load_state_dict(weights)


def test_a_killed_training_goes_on_to_the_very_files(here):
    """`kill -9` three times on the way; the numbers and every file are those of a training that nothing disturbed."""
    server = Server()
    arguments = ("train", "small.py", "--optimizer", "sgd(momentum=0.9, ema=0.9)", "--lr", "0.05", "--epochs", "60")
    arguments += ("--schedule", "plateau(0.5, patience=4)", "--checkpoint-every", "0.05", "--seed", "3")
    assert server.begin(here, *arguments, "--out", "whole").end() == 0
    kills = 0
    for share in (0.2, 0.5, 0.8):
        sitting = server.begin(here, *arguments, "--resume", "--out", "killed")
        steps = share * 60 * 14
        sitting.until(lambda steps=steps: reached(here / "killed") > steps)
        sitting.kill()
        kills += sitting.end() != 0
    assert server.begin(here, "train", "--resume", "--out", "killed").end() == 0
    server.close()
    assert kills == 3
    assert numbers(here / "killed") == numbers(here / "whole")
    assert is_sound(here / "killed")
    ours, theirs = (next((here / name).glob("train-*")) for name in ("killed", "whole"))
    for file in ("best.safetensors", "last/weights.safetensors", "last/schedule.json"):
        assert (ours / file).read_bytes() == (theirs / file).read_bytes(), file
    one, other = (torch.load(each / "last/optimizer.pt", weights_only=True) for each in (ours, theirs))
    assert str(one) == str(other)
    assert sorted(each.name for each in ours.iterdir()) == sorted(each.name for each in theirs.iterdir())


def reached(folder):
    from sittings import ask

    found = ask(folder, "SELECT max(step) FROM observations")
    return (found and found[0][0]) or 0


def test_a_kill_between_two_renames_loses_nothing(here):
    from surefoot.studies.exports import Exports

    done = sf.train("small.py", sf.Recipe("r", "sgd", 0.1), epochs=1, out="out", progress=False)
    before = {name: path.read_bytes() for name, path in done.files().items()}
    (done.folder / "last").rename(done.folder / ".last-old")
    assert done.files().keys() == {"best"}
    Exports(done.folder, shadow=None)  # as when it goes on
    assert {name: path.read_bytes() for name, path in done.files().items()} == before


def test_the_winner_of_a_comparison(here):
    recipes = [sf.Recipe("good", "adam", 0.02), sf.Recipe("bad", "sgd", 1e-6)]
    with pytest.raises(UsageError, match="nothing was compared"), Store(Path("out") / FILE) as store:
        winner(store)
    sf.compare("small.py", recipes, seeds=2, epochs=3, out="out", progress=False)
    sf.train("small.py", recipes[1], epochs=1, out="out", progress=False)
    with Store(Path("out") / FILE) as store:
        study, recipe = winner(store)
        assert (study.id, recipe) == (1, recipes[0])
        with pytest.raises(UsageError, match="study 2 is no comparison"):
            winner(store, 2)


def test_a_run_that_diverges_says_so(here):
    done = sf.train("small.py", sf.Recipe("wild", "sgd(weight_decay=1e30)", 1e30), epochs=2, out="out", progress=False)
    assert done.run.status == "diverged"
    assert done.best is None
    assert "It diverged at step" in str(done)
    assert done.to_json()["best"] is None


def test_the_average_is_handed_on(here):
    done = sf.train("small.py", sf.Recipe("r", "adam(ema=0.9)", 0.1), epochs=2, out="out", progress=False)
    named = {
        name: torch.nn.Parameter(value) for name, value in done.weights("last").items() if value.is_floating_point()
    }
    average = sf.optimizers.Average(p for name, p in named.items() if "running" not in name)
    average.load_state_dict(torch.load(done.files()["average"], weights_only=True))
    assert average.updates == len(done.run.losses)


def test_what_torch_could_not_go_on_with_is_refused_before_training(here):
    recipe = sf.Recipe("r", "adafactor", 0.1, hyper={"eps2": "0.001 * linear(end=0.5)"})
    with pytest.raises(UsageError, match="recipe 'r': a script could not go on with this schedule in torch"):
        sf.train("small.py", recipe, epochs=1, out="out", progress=False)
    assert not Path("out").exists()


@pytest.mark.parametrize("wrong", ["epoch", "lr", "target"])
def test_an_option_that_train_has_not_is_named(here, wrong):
    with pytest.raises(UsageError, match=f"train has no option '{wrong}'"):
        sf.train("small.py", sf.Recipe("r", "sgd", 0.1), out="out", progress=False, **{wrong: 3})
