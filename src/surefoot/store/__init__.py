"""One SQLite file: what was planned, what was seen; and the checkpoints beside it."""

from surefoot.store.check import Checked, Finding
from surefoot.store.checkpoints import Checkpoints
from surefoot.store.reopen import Reopened
from surefoot.store.store import Store

FILE = "surefoot.sqlite"  # in the folder of results

__all__ = ["FILE", "Checked", "Checkpoints", "Finding", "Reopened", "Store"]
