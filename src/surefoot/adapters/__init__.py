"""Schedules in other libraries' training loops. A library is imported when its adapter is first used."""

from importlib import import_module
from types import ModuleType

__all__ = ["keras", "lightning", "optax", "torch", "transformers"]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"surefoot.adapters.{name}")
    raise AttributeError(f"module 'surefoot.adapters' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
