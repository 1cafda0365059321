"""Every look, written down as it was made: JSON lines, in the folder of a search."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from surefoot.core.errors import StoreError, UsageError
from surefoot.programs.reading import Look
from surefoot.search import Arm
from surefoot.store.faults import told
from surefoot.store.lock import WriterLock

FILE = "journal.jsonl"
Key = tuple[Arm, int]  # and a seed


class Journal:
    """The looks of a search, by arm and seed. One process writes it at a time.

    Its first line says what all looks have in common. A last line without an end was being written when its writer
    died: it is taken away. Raises StoreError for a file that is damaged, cannot be written, or is being written.
    """

    def __init__(self, folder: Path, header: Mapping[str, Any]) -> None:
        self.folder, self.path = folder, folder / FILE
        self.lock = WriterLock(self.path)
        self.looks: dict[Key, list[Look]] = {}
        self.failed: dict[Key, str] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.lock.take()
            lines = whole_lines(self.path)
            for line in self._read(lines[1:]):
                self._take(line)
            self.file = self.path.open("r+b" if lines else "wb")
            self.file.truncate(sum(map(len, lines)))
            self.file.seek(0, 2)
            if not lines:
                self._write(header)
        except OSError as wrong:
            self.lock.release()
            raise told("write to", self.path, wrong) from None
        except BaseException:
            self.lock.release()
            raise

    @classmethod
    def begin(cls, out: Path, header: Mapping[str, Any]) -> Self:
        """The journal of a new search, in the next folder of its own."""
        number = max(numbered(out), default=0) + 1
        return cls(out / f"programs-{number}", header)

    @classmethod
    def resume(cls, out: Path, header: Mapping[str, Any]) -> Self:
        """The latest journal with this header. Raises UsageError where there is none."""
        for number in sorted(numbered(out), reverse=True):
            if header_of(out / f"programs-{number}") == json.loads(json.dumps(header)):
                return cls(out / f"programs-{number}", header)
        raise UsageError(
            f"there is nothing to resume in {out}: no search of this command, metric and number of looks",
            remedy="give them as they were, or begin without --resume",
        )

    def look(self, key: Key, look: Look) -> None:
        """Write a look down."""
        self.looks.setdefault(key, []).append(look)
        self._write(_named(key) | {"place": look.place, "value": look.value if math.isfinite(look.value) else None})

    def fail(self, key: Key, why: str) -> None:
        """Write down that a program failed, once and for all."""
        if key not in self.failed:
            self.failed[key] = why
            self._write(_named(key) | {"failed": why})

    def close(self) -> None:
        """Let others write."""
        self.file.close()
        self.lock.release()

    def _write(self, line: Mapping[str, Any]) -> None:
        try:
            self.file.write(json.dumps(line).encode() + b"\n")
            self.file.flush()  # to the system, which keeps it when this process dies
        except OSError as wrong:
            raise told("write to", self.path, wrong) from None

    def _read(self, lines: list[bytes]) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(lines, 2):
            try:
                yield json.loads(line)
            except ValueError:
                raise StoreError(f"{self.path} is damaged in line {number}. Take the line away, and resume") from None

    def _take(self, line: Mapping[str, Any]) -> None:
        try:
            key = Arm(line["lr"], tuple(line["choices"].items())), line["seed"]
            if "failed" in line:
                self.failed[key] = line["failed"]
            else:
                value = math.nan if line["value"] is None else line["value"]
                self.looks.setdefault(key, []).append(Look(tuple(line["place"]), value))
        except (LookupError, TypeError, AttributeError):
            raise StoreError(f"{self.path} is damaged: a line is no look: {line}. Take it away, and resume") from None


def whole_lines(path: Path) -> list[bytes]:
    """The lines of a file that have an end."""
    if not path.exists():
        return []
    return [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def numbered(out: Path) -> list[int]:
    """The numbers of the searches in a folder."""
    found = (path.name.removeprefix("programs-") for path in out.glob("programs-*") if path.is_dir())
    return [int(name) for name in found if name.isdecimal()]


def header_of(folder: Path) -> Any:
    """The first line of a journal; None where there is none that can be read."""
    try:
        return json.loads(whole_lines(folder / FILE)[0])
    except (OSError, ValueError, IndexError):
        return None


def _named(key: Key) -> dict[str, Any]:
    arm, seed = key
    return {"lr": arm.lr, "choices": dict(arm.choices), "seed": seed}
