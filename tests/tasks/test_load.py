"""Tasks by name and from files."""

import pickle
import subprocess
import sys

import pytest
import torch

from surefoot.core.errors import DataError, TaskError
from surefoot.core.task import Task
from surefoot.tasks import load, names, prepare

PLANE = """
import torch
import surefoot.core.task as core

def task():
    x = torch.ones(40, 3)
    model = lambda: torch.nn.Linear(3, 1)
    return core.Task(name="plane", model=model, loss="mse", train=(x, x[:, :1]), about=__file__)
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="mine.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def refusal(*args, error=TaskError):
    with pytest.raises(error) as refused:
        load(*args)
    return str(refused.value)


def test_the_names_cost_no_torch():
    code = "import sys; from surefoot.tasks import names; print(*names(), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["digits", "diabetes", "char-lm", "fashion-mnist", "mnist", "conv", "False"]


def test_every_built_in_task_says_what_it_is():
    assert all(about and "\n" not in about for about in names().values())
    for name in ("digits", "diabetes", "char-lm"):
        assert (load(name).name, load(name).about) == (name, names()[name])


def test_digits_are_real_disjoint_stratified_and_always_the_same():
    from sklearn.datasets import load_digits

    task, again = load("digits"), load("digits")
    parts = [task.train, task.validation, task.test]
    assert [tuple(x.shape) for x, _ in parts] == [(1079, 64), (359, 64), (359, 64)]
    assert (task.batch_size, task.epochs) == (32, 15)
    for (x, y), (same_x, same_y) in zip(parts, [again.train, again.validation, again.test], strict=True):
        assert torch.equal(x, same_x)
        assert torch.equal(y, same_y)
        assert x.dtype == torch.float32
        assert (x.min().item(), x.max().item()) == (0, 1)
    # Together the splits are the published samples, each once.
    images, labels = load_digits(return_X_y=True)
    rows = torch.cat([torch.cat([x, y[:, None]], 1) for x, y in parts])
    published = torch.cat([torch.from_numpy(images / 16).float(), torch.from_numpy(labels)[:, None]], 1)
    assert sorted(map(tuple, rows.tolist())) == sorted(map(tuple, published.tolist()))
    shares = torch.stack([y.bincount() / torch.from_numpy(labels).bincount() for _, y in parts])
    assert (shares - torch.tensor([[0.6], [0.2], [0.2]])).abs().max() < 0.01


def test_the_built_in_models_travel_to_other_processes():
    model = pickle.loads(pickle.dumps(load("digits").model))
    assert [tuple(parameter.shape) for parameter in model().parameters()] == [(64, 64), (64,), (10, 64), (10,)]


def test_a_task_is_returned_as_it_is():
    task = load("digits")
    assert load(task) is task


def test_a_file_gives_its_task(write):
    path = write(PLANE)
    for given in (path, str(path)):
        task = load(given)
        assert isinstance(task, Task)
        assert task.about == str(path)
    assert prepare(task).steps == 10


def test_a_file_imports_its_neighbours_and_not_those_of_another(write):
    text = PLANE.replace("import torch", "import torch, size_of_plane").replace("ones(40", "ones(size_of_plane.rows")
    first, second = write(text, "one/mine.py"), write(text, "two/mine.py")
    write("rows = 40", "one/size_of_plane.py")
    write("rows = 80", "two/size_of_plane.py")
    before = list(sys.path)
    assert [len(load(path).train[0]) for path in (first, second, first)] == [40, 80, 40]
    assert sys.path == before


def test_what_a_file_imports_from_elsewhere_is_kept(write):
    write("rows = 40", "venv/site/elsewhere_module.py")
    site = "import sys\nsys.path.append(__file__.replace('mine.py', 'venv/site'))\nimport elsewhere_module\n"
    try:
        load(write(site + PLANE, "mine.py"))
        load(write(PLANE, "two/mine.py"))
        assert "elsewhere_module" in sys.modules
    finally:
        sys.path[:] = [entry for entry in sys.path if not entry.endswith("venv/site")]


def test_a_file_with_dataclasses_and_a_picklable_model(write):
    model = "from dataclasses import dataclass\nimport torch\n\nclass Net(torch.nn.Linear):\n    pass\n"
    config = "from __future__ import annotations\n" + model + "\n@dataclass\nclass Config:\n    size: int = 3\n"
    task = load(write(config + PLANE.replace("torch.nn.Linear(3", "Net(Config().size")))
    net = task.model()
    assert torch.equal(pickle.loads(pickle.dumps(net)).weight, net.weight)


def test_a_file_is_given_the_data_folder_if_it_takes_one(write, tmp_path):
    takes = PLANE.replace("def task():", "def task(data=None):").replace("about=__file__", "about=str(data)")
    assert load(write(takes)).about == "None"
    assert load(write(takes), tmp_path).about == str(tmp_path)
    any_keyword = PLANE.replace("def task():", "def task(**options):").replace("about=__file__", "about=str(options)")
    assert load(write(any_keyword, "other.py"), tmp_path).about == str({"data": tmp_path})


def test_data_for_a_task_that_takes_none(write, tmp_path):
    assert "takes no data folder" in refusal("digits", tmp_path)
    assert "takes no data folder" in refusal(load("digits"), tmp_path)
    assert "mine.py' takes no data folder" in refusal(write(PLANE), tmp_path)


def test_data_that_is_missing(write, tmp_path):
    needs = write(PLANE.replace("def task():", "def task(data):"))
    assert "needs a data folder. Give it with --data DIR" in refusal(needs)
    assert "no such data folder" in refusal("mnist", tmp_path / "absent", error=DataError)


def test_an_unknown_name_is_answered_with_the_nearest():
    message = refusal("fashon-mnist")
    assert "received 'fashon-mnist'. Did you mean 'fashion-mnist'?" in message
    assert "path of a Python file" in message


def test_a_path_that_is_no_python_file(write, tmp_path):
    assert "no file of this name" in refusal(tmp_path / "absent.py")
    assert "no file of this name" in refusal(tmp_path)
    assert "ends in .py" in refusal(write("x", "notes.txt"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "has no function named task; received 'nothing'. Define: def task()"),
        ("task = 3", "has no function named task; received 'int'"),
        ("def task(): return 3", "must return a Task; received 'int'"),
        ("def task(): pass", "must return a Task; received 'nothing'"),
    ],
)
def test_a_file_without_a_usable_task(write, text, said):
    assert said in refusal(write(text))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1 / 0", ZeroDivisionError),
        ("def task(): return 1 / 0", ZeroDivisionError),
        ("def task(:", SyntaxError),
        ("import no_such_module_anywhere", ModuleNotFoundError),
        ("import sys; sys.exit(3)", SystemExit),
        ("def task(size): pass", TypeError),
    ],
)
def test_the_files_own_exception_is_the_cause(write, text, kind):
    path, before = write(text), list(sys.path)
    with pytest.raises(TaskError) as refused:
        load(path)
    assert f"the task file {path} raised {kind.__name__}" in str(refused.value)
    assert isinstance(refused.value.__cause__, kind)
    if kind is ZeroDivisionError:
        traceback = refused.value.__cause__.__traceback__
        while traceback.tb_next is not None:
            traceback = traceback.tb_next
        assert traceback.tb_frame.f_code.co_filename == str(path)
    assert sys.path == before
