"""One SQLite file: what was planned, what was seen."""

from surefoot.store.store import Store

__all__ = ["Store"]
