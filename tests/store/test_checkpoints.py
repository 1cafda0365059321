"""Checkpoints are kept as they are, named by what they hold, and there whole or not at all."""

import errno
import os
import subprocess
import sys

import pytest
import safetensors.torch
import torch

from surefoot.core.errors import StoreError
from surefoot.store import Checkpoints


@pytest.fixture
def kept(tmp_path):
    return Checkpoints(tmp_path / "deep" / "checkpoints")


def some(seed=0):
    return {"weights": torch.randn(300, 20, generator=torch.Generator().manual_seed(seed))}


def test_all_kinds_of_tensors_come_back(kept):
    base = torch.arange(24.0).reshape(4, 6)
    tensors = {
        "turned": base.t(),
        "every other": base[:, ::2],
        "a row": base[1],
        "the same row": base[1],
        "one for all": torch.ones(1).expand(5),
        "no rows": torch.zeros(0, 3),
        "nothing": torch.zeros(0, dtype=torch.int64),
        "scalar": torch.tensor(-3),
        "double": torch.tensor([1 / 3, float("nan"), float("inf"), 5e-324], dtype=torch.float64),
        "flags": torch.tensor([True, False]),
        "bytes": torch.arange(256, dtype=torch.uint8),
        "half": torch.tensor([0.1], dtype=torch.bfloat16),
        "complex": torch.tensor([1 - 2j, 3j], dtype=torch.complex64),
        "more complex": torch.tensor([[1 / 3 - 2j, 3j]], dtype=torch.complex128),
        "turned and mirrored": torch.tensor([[1 / 3 - 2j, 3j]], dtype=torch.complex128).conj().t(),
        "no complex": torch.zeros(0, 2, dtype=torch.complex128),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "": torch.zeros(1),
    }
    about = '{"step": 3, "ü": "★ \\u0000"}'
    name = kept.write(tensors, about)
    found, text = kept.read(name)
    assert text == about
    assert found.keys() == tensors.keys()
    for key, tensor in tensors.items():
        assert (found[key].dtype, found[key].shape) == (tensor.dtype, tensor.shape), key
        assert torch.equal(found[key].nan_to_num(7), tensor.detach().nan_to_num(7)), key
        assert found[key].is_contiguous()
    found["a row"] += 1  # what was read is the reader's own
    assert torch.equal(found["the same row"], base[1])
    assert kept.fault(name) is None


def test_nothing_but_a_text(kept):
    assert kept.read(kept.write({}, "only this")) == ({}, "only this")


def test_the_name_is_the_content(kept):
    first = kept.write(some(), "a")
    assert kept.write(some(), "a") == first
    assert len({first, kept.write(some(1), "a"), kept.write(some(), "b")}) == 3
    assert kept.write(*kept.read(first)) == first
    assert kept.names() == sorted(kept.names())
    assert len(kept.names()) == 3


@pytest.mark.parametrize("change", ["flip", "cut", "grow", "empty", "other"])
def test_a_damaged_file_is_refused(kept, change):
    name, other = kept.write(some(), "a"), kept.write(some(1), "a")
    path = kept.folder / name
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    changed = {"flip": bytes(flipped), "cut": whole[:-1], "grow": whole + b"x", "empty": b""}
    path.write_bytes(changed.get(change) or (kept.folder / other).read_bytes() * (change == "other"))
    with pytest.raises(
        StoreError, match=r"is damaged: its content is not what its name says\. Run the same command with --resume"
    ):
        kept.read(name)


def test_what_is_no_checkpoint_is_refused(kept):
    with pytest.raises(StoreError, match="is missing"):
        kept.read("0" * 32 + ".safetensors")
    (kept.folder.parent).mkdir()
    (kept.folder.parent / "secret").write_text("")
    with pytest.raises(StoreError, match="a name that no checkpoint has"):
        kept.read("../secret")


def test_sweeping_leaves_what_is_named(kept):
    kept.sweep({"nothing yet"})
    one, two = kept.write(some(), "a"), kept.write(some(1), "a")
    (kept.folder / ".half.tmp").write_bytes(b"left by a process that was killed")
    kept.sweep({one})
    assert kept.names() == [one]
    kept.remove(one)
    kept.remove(two)
    assert kept.names() == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_disk_leaves_nothing(kept, monkeypatch, call):
    def fail(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(StoreError, match=r"cannot write a checkpoint to .*: No space left on device. Free some space"):
        kept.write(some(), "a")
    assert kept.names() == []


def test_a_file_that_ends_early_without_a_word_is_not_kept(kept, monkeypatch):
    save = safetensors.torch.save_file

    def short(tensors, path, metadata):
        save(tensors, path, metadata)
        os.truncate(path, path.stat().st_size - 1)

    monkeypatch.setattr(safetensors.torch, "save_file", short)
    with pytest.raises(StoreError, match="cannot write a checkpoint to"):
        kept.write(some(), "a")
    assert kept.names() == []


LIMITED = """
import resource, sys, torch
from pathlib import Path
from surefoot.core.errors import StoreError
from surefoot.store import Checkpoints
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    Checkpoints(Path(sys.argv[1])).write({"a": torch.zeros(100_000)}, "a")
except StoreError as wrong:
    print(wrong)
"""


def test_a_file_that_the_system_cuts_short(kept):
    found = subprocess.run(
        [sys.executable, "-c", LIMITED, str(kept.folder)], capture_output=True, text=True, check=True
    )
    assert "File too large" in found.stdout
    assert "ulimit -f" in found.stdout
    assert kept.names() == []


def test_a_folder_that_cannot_be(kept):
    kept.folder.parent.mkdir()
    kept.folder.write_text("in the way")
    with pytest.raises(StoreError, match="cannot write a checkpoint to"):
        kept.write(some(), "a")


def test_what_the_format_cannot_hold_is_told(kept):
    with pytest.raises(StoreError, match="cannot keep these tensors in a checkpoint"):
        kept.write({"a": torch.zeros(8, dtype=torch.uint8).view(torch.bits8)}, "a")
    assert kept.names() == []


def test_the_store_loads_no_torch():
    code = "import sys, surefoot.store; sys.exit('torch' in sys.modules or 'safetensors' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
