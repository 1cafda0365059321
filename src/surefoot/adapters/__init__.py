"""Schedules in other libraries' training loops. A library is imported when its adapter is first used."""

from importlib import import_module
from types import ModuleType

__all__ = ["keras", "lightning", "optax", "torch", "transformers"]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module 'surefoot.adapters' has no attribute {name!r}")
    try:
        return import_module(f"surefoot.adapters.{name}")
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"sf.adapters.{name} needs {missing.name}, which is not installed: pip install 'surefoot[{name}]'",
            name=missing.name,
        ) from None


def __dir__() -> list[str]:
    return __all__
