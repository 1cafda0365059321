"""Checkpoints: files of tensors, each named by its content, each there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from attrs import frozen

from surefoot.core.errors import StoreError
from surefoot.store.faults import told

if TYPE_CHECKING:
    from torch import Tensor

PAIRS = " as pairs"  # of complex128, which the file format does not know: two float64 each
NAME = re.compile(r"[0-9a-f]{32}\.safetensors")


@frozen
class Checkpoints:
    """A folder of checkpoints."""

    folder: Path

    def write(self, tensors: Mapping[str, Tensor], about: str) -> str:
        """Keep tensors and a text; the file's name. Raises StoreError, and leaves nothing, where that fails."""
        from safetensors import SafetensorError, safe_open
        from safetensors.torch import save_file

        held = _plain(tensors)
        temporary = self.folder / f".{uuid4().hex}.tmp"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            save_file(held, temporary, metadata={"about": about})
            with safe_open(temporary, framework="pt"):  # refuses a file that ends early
                pass
            _to_disk(temporary)
            name = f"{_content(temporary)}.safetensors"
            os.replace(temporary, self.folder / name)
            _to_disk(self.folder)
        except (OSError, SafetensorError) as wrong:
            raise told("write a checkpoint to", self.folder, wrong) from wrong
        except (KeyError, ValueError) as wrong:
            raise StoreError(f"cannot keep these tensors in a checkpoint: {wrong}") from wrong
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        return name

    def read(self, name: str) -> tuple[dict[str, Tensor], str]:
        """The tensors, on the CPU, and the text. Raises StoreError for a file that is missing or damaged."""
        from safetensors import SafetensorError, safe_open

        path = self.folder / name
        try:
            if wrong := self.fault(name):
                raise StoreError(f"the checkpoint {path} {wrong}. {AGAIN}")
            with safe_open(path, framework="pt") as file:
                kept = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
                return _whole(kept), file.metadata()["about"]
        except (OSError, SafetensorError) as cause:
            raise told("read the checkpoint", path, cause) from cause

    def fault(self, name: str) -> str | None:
        """What is wrong with a checkpoint: its content must be what its name says. Raises OSError where it is not to be
        read for reasons that are not its own."""
        if not NAME.fullmatch(name):
            return "has a name that no checkpoint has"
        try:
            whole = _content(self.folder / name) == name.partition(".")[0]
        except FileNotFoundError:
            return "is missing"
        return None if whole else "is damaged: its content is not what its name says"

    def names(self) -> list[str]:
        """All files there are, left-over temporary ones too."""
        return sorted(each.name for each in self.folder.iterdir() if each.is_file()) if self.folder.is_dir() else []

    def remove(self, name: str) -> None:
        """Remove one, if it is there."""
        (self.folder / name).unlink(missing_ok=True)

    def sweep(self, keep: Collection[str]) -> None:
        """Remove all others, and what an interrupted `write` left."""
        for name in self.names():
            if name not in keep:
                self.remove(name)


AGAIN = "Run the same command with --resume: the runs it belongs to start over"


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, in one piece each, and none in another's memory: what the file format asks for."""
    import torch

    held: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
        where = plain.untyped_storage().data_ptr()
        plain = plain.clone() if where in seen else plain
        if plain.dtype == torch.complex128:
            name, plain = name + PAIRS, torch.view_as_real(plain)
        held[name] = plain
        seen.add(where)
    return held


def _whole(held: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as they were before `_plain`."""
    import torch

    return {
        name.removesuffix(PAIRS): torch.view_as_complex(tensor) if name.endswith(PAIRS) else tensor
        for name, tensor in held.items()
    }


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def _to_disk(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
