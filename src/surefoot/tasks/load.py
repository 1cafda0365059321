"""Tasks by name, or from a user's Python file."""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from surefoot.core.errors import DataError, SurefootError, TaskError, did_you_mean
from surefoot.core.keys import key
from surefoot.core.task import Task
from surefoot.tasks import diabetes, digits, text
from surefoot.tasks.images import CONV, SOURCES, conv, images

_REMEDY = "define: def task(): return surefoot.Task(...)"
_COMPLETE = {  # the tasks whose data comes with Python or a library
    "digits": (digits.ABOUT, digits.digits),
    "diabetes": (diabetes.ABOUT, diabetes.diabetes),
    "char-lm": (text.ABOUT, text.text),
}
_neighbours: dict[str, Path] = {}  # modules that task files brought in from their own folders


def names() -> dict[str, str]:
    """The built-in tasks, each with a line about it.

    >>> list(names())
    ['digits', 'diabetes', 'char-lm', 'fashion-mnist', 'mnist', 'conv']
    """
    with_data = {name: source.about for name, source in SOURCES.items()} | {"conv": CONV}
    return {name: about for name, (about, _) in _COMPLETE.items()} | with_data


def load(name: str | Path | Task, data: Path | str | None = None) -> Task:
    """A task: a built-in one by name, or what `task()` returns in a Python file.

    Parameters: `name`, a built-in name, the path of a .py file, or a task, which is returned as it is; `data`, a
    folder for tasks that take one: the image collections, and files whose `task` has a parameter `data`.
    Raises TaskError for an unknown name and for a file without a usable `task`; the file's own exception is its cause.
    Raises DataError for data that is absent or damaged.

    >>> load("digits").train[0].shape
    torch.Size([1079, 64])
    """
    folder = None if data is None else Path(data).expanduser()
    if folder is not None and not folder.exists():
        raise DataError("there is no such data folder", received=str(data))
    if not isinstance(name, Task | str | Path):
        raise TaskError("a task is a name, a file or a Task", received=name, remedy=did_you_mean("", names()))
    if isinstance(name, Task):
        _no_data(name.name, folder)
        return name
    if name in SOURCES:
        return images(SOURCES[str(name)], folder)
    if name == "conv":
        return conv(folder)
    if name in _COMPLETE:
        _no_data(str(name), folder)
        return _COMPLETE[str(name)][1]()
    return _from_file(Path(name).expanduser(), folder)


def _no_data(name: str, data: Path | None) -> None:
    if data is not None:
        raise TaskError(f"the task {name!r} takes no data folder", received=str(data), remedy="leave --data out")


def _from_file(path: Path, data: Path | None) -> Task:
    if not path.is_file():
        remedy = did_you_mean(str(path), names()) + "; or give the path of a Python file"
        raise TaskError("there is no built-in task and no file of this name", received=str(path), remedy=remedy)
    if path.suffix != ".py":
        raise TaskError("a task file is a Python file, its name ends in .py", received=str(path))
    path = path.resolve()
    with _beside(path.parent):
        module = _run(path)
        make = getattr(module, "task", None)
        if not callable(make):
            raise TaskError(f"{path} has no function named task", received=_kind(make), remedy=_REMEDY)
        made = _call(make, path, data)
    if not isinstance(made, Task):
        raise TaskError(f"task() in {path} must return a Task", received=_kind(made), remedy=_REMEDY)
    return made


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    # Task files of two folders may each have a neighbour `model.py`: the first must not answer for the second.
    for name in [name for name, home in _neighbours.items() if home != folder]:
        sys.modules.pop(name, None)
        del _neighbours[name]
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        new = {name: module for name, module in sys.modules.items() if name not in before}
        _neighbours.update({name: folder for name, module in new.items() if _lies_in(folder, name, module)})


def _lies_in(folder: Path, name: str, module: ModuleType) -> bool:
    # Not merely somewhere below: a virtual environment may stand in the same folder.
    top = name.partition(".")[0]
    file = Path(getattr(module, "__file__", None) or "")
    return file == folder / f"{top}.py" or file.is_relative_to(folder / top)


def _run(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"surefoot_task_{key(str(path))}", path)
    assert spec is not None  # a .py file always has a spec, and that a loader
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # as for any import: pickle, dataclasses and torch.compile look it up there
    with _blamed_on(path):
        spec.loader.exec_module(module)
    return module


def _call(make: Callable[..., object], path: Path, data: Path | None) -> object:
    parameters = inspect.signature(make).parameters
    takes = "data" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if not takes:
        _no_data(str(path), data)
    elif data is None and "data" in parameters and parameters["data"].default is inspect.Parameter.empty:
        raise TaskError(f"the task in {path} needs a data folder", remedy="give it with --data DIR")
    with _blamed_on(path):
        return make() if data is None else make(data=data)


@contextmanager
def _blamed_on(path: Path) -> Iterator[None]:
    try:
        yield
    except SurefootError as wrong:
        raise TaskError(f"the task file {path}: {wrong}") from None
    except (Exception, SystemExit) as wrong:  # a stray sys.exit() would otherwise end the caller without a word
        raise TaskError(f"the task file {path} raised {type(wrong).__name__}: {wrong}") from wrong


def _kind(thing: object) -> str:
    return "nothing" if thing is None else type(thing).__name__
