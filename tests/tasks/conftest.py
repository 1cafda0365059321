import struct

import numpy as np
import pytest
import torch

from surefoot.core.task import Task
from surefoot.tasks import prepare

_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def as_idx(array):
    """The IDX file of an array: the writer that the reader is tested against."""
    header = bytes([0, 0, _CODES[array.dtype.str[1:]], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture(name="as_idx", scope="session")
def _as_idx():
    return as_idx


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory):
    """The four files of an image collection, unzipped, with made-up pictures."""
    folder = tmp_path_factory.mktemp("images")
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        pictures = np.zeros((count, 28, 28), np.uint8)
        pictures[:, 0, 0] = np.arange(count) % 251
        pictures[:, 27, 27] = 255
        (folder / f"{part}-images-idx3-ubyte").write_bytes(as_idx(pictures))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(as_idx((np.arange(count) % 10).astype(np.uint8)))
    return folder


@pytest.fixture(scope="session")
def refused():
    """What `prepare` raises for a good task with the given changes."""
    x = torch.linspace(-1, 1, 300).reshape(100, 3)
    good = {"name": "t", "loss": "cross_entropy", "train": (x, torch.arange(100) % 4), "batch_size": 8}
    good["model"] = lambda: torch.nn.Linear(3, 4)

    def refused(error, watch="validation", **changes):
        with pytest.raises(error) as refusal:
            prepare(Task(**(good | changes)), watch=watch)
        return refusal.value

    return refused
