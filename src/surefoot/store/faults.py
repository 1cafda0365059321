"""What can go wrong with files, in plain words and with what to do about it."""

import sqlite3
from pathlib import Path

from surefoot.core.errors import StoreError

HOW = "surefoot show --check"

# What is raised where a file does not do what is asked of it: text that is none comes of damage too.
RAISED = (sqlite3.Error, OSError, UnicodeDecodeError)

# What SQLite, the system or safetensors say, and the remedy that fits.
REMEDIES = (
    (
        ("is locked", "table is locked"),
        "another program holds it: wait until that is done, or use another folder (--out)",
    ),
    (
        ("is full", "no space left", "quota exceeded"),
        "free some space, then run the same command with --resume: what was recorded before is kept",
    ),
    (
        ("disk i/o error", "input/output error"),
        "the disk does not do what it is asked: look into the system's log, then copy the folder to another disk and "
        "go on there (--out)",
    ),
    (
        ("file too large",),
        "the system limits the size of files (ulimit -f): raise the limit and run the same command with --resume",
    ),
    (
        ("malformed", "not a database", "decode"),
        f"the file is damaged, or no store: keep it as it is, see what is left of it with {HOW}, and start in another "
        "folder (--out)",
    ),
    (
        ("readonly", "read-only", "permission denied", "unable to open", "not permitted"),
        "check the permissions of the file and its folder, or use another folder (--out)",
    ),
    (
        ("no locks available", "locking protocol", "not implemented", "not supported"),
        "this file system has no locks: use a folder on a local disk (--out)",
    ),
)


def told(doing: str, path: Path, wrong: Exception) -> StoreError:
    """The error to raise for one of SQLite, the system or safetensors, met while `doing` ("write to the store")."""
    said = wrong.strerror if isinstance(wrong, OSError) and wrong.strerror else str(wrong)
    return StoreError(f"cannot {doing} {path}: {said}. {_capital(remedy(said))}")


def remedy(said: str) -> str:
    """What to do about an error."""
    for signs, todo in REMEDIES:
        if any(sign in said.lower() for sign in signs):
            return todo
    return "check the disk and the permissions, or use another folder (--out)"


class DamagedError(StoreError):
    """Records that SQLite can read, but that make no sense."""

    def __init__(self, path: Path, what: str) -> None:
        self.what = what
        super().__init__(f"{path} is damaged: {what}. {_capital(remedy('malformed'))}")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
