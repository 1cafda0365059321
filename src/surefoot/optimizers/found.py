"""Classes of optimizers, and the text that says where a class is: "package.Class" or "module:Class"."""

import importlib
import sys
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from surefoot.core.errors import RecipeError, brief, did_you_mean

_handed: dict[str, type[Optimizer]] = {}
REMEDY = "give a subclass of torch.optim.Optimizer that is made with Class(params, lr=..., ...)"


def path_of(kind: object) -> str:
    """Where a class is. Raises RecipeError for what could not be found again."""
    if not isinstance(kind, type):
        raise RecipeError("this is not a class", received=kind, remedy=REMEDY)
    path = f"{kind.__module__}:{kind.__qualname__}"
    if "<" in kind.__qualname__:
        what = f"{kind.__name__} is made inside a function, where it cannot be found again"
        raise RecipeError(what, received=path, remedy="define the class at the top of a module")
    if imported(path) is not kind:
        raise RecipeError(f"{path} is another class of that name", received=kind, remedy="give each class its own name")
    return path


def hand_on(classes: Mapping[str, type[Optimizer]]) -> None:
    """Make known classes that came from another process, where their modules cannot be imported here."""
    _handed.update(classes)


def imported(path: str) -> type[Optimizer]:
    """The class that a path names. Raises RecipeError where there is none, or where its module cannot be imported."""
    if path in _handed:
        return _handed[path]
    module, colon, names = path.partition(":")
    if not colon:
        module, _, names = path.rpartition(".")
    if not all(part.isidentifier() for part in (*module.split("."), *names.split("."))):
        raise RecipeError("this names no class", received=path, remedy="write it like: prodigyopt.Prodigy")
    found: Any = sys.modules.get(module) or _module(module, path)
    for name in names.split("."):
        if not hasattr(found, name):
            raise RecipeError(f"{module} has no {names}", remedy=did_you_mean(names, _optimizers(module)))
        found = getattr(found, name)
    if not isinstance(found, type) or not issubclass(found, Optimizer):
        raise RecipeError(f"{path} is no subclass of torch.optim.Optimizer", received=type(found), remedy=REMEDY)
    return found


def _module(name: str, path: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception as wrong:  # whatever a module does when it is imported
        package = name.partition(".")[0]
        if isinstance(wrong, ModuleNotFoundError) and wrong.name == package:
            raise RecipeError(f"{package} is not installed", received=path, remedy=f"pip install {package}") from None
        raise RecipeError(f"importing {name} failed: {brief(wrong)}", received=path) from wrong


def _optimizers(module: str) -> list[str]:
    every = vars(sys.modules[module]).items()
    return [name for name, value in every if isinstance(value, type) and issubclass(value, Optimizer)]
