"""IDX files: what is written comes back; what is broken is named."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from surefoot.core.errors import DataError
from surefoot.tasks.idx import read_idx

arrays = npst.arrays(
    dtype=st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]),
    shape=npst.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4),
)


@given(array=arrays, zipped=st.booleans())
@settings(deadline=None, max_examples=50)
def test_a_written_array_comes_back(array, zipped, as_idx, tmp_path_factory):
    path = tmp_path_factory.mktemp("idx") / "a-ubyte.gz"
    raw = as_idx(array)
    path.write_bytes(gzip.compress(raw) if zipped else raw)
    back = read_idx(path)
    assert back.dtype == array.dtype
    assert back.dtype.isnative
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_what_is_read_can_be_written_to(as_idx, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(as_idx(np.zeros(3, np.uint8)))
    assert read_idx(path).flags.writeable


GOOD = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "wrong magic number; received 'an empty file'"),
        (b"PK\x03\x04junk", "wrong magic number; received '50 4b 03 04'"),
        (b"\0\0\x07\x01" + GOOD[4:], "wrong magic number"),
        (GOOD[:9], "ends inside its header; received '9 bytes of 12'"),
        (GOOD[:-1], "is cut short; received '17 bytes instead of 18'"),
        (GOOD + b"\0", "goes on after its last value; received '19 bytes instead of 18'"),
        (b"\0\0\x0e\x04" + b"\xff" * 16, "is cut short"),
        (gzip.compress(GOOD)[:-9], "is damaged"),
        (gzip.compress(GOOD)[:3], "is damaged"),
        (gzip.compress(GOOD)[:-1] + b"x", "is damaged"),
        (gzip.compress(GOOD)[:12] + b"\xff\xff" + gzip.compress(GOOD)[14:], "is damaged"),
        (gzip.compress(GOOD[:-2]), "is cut short"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(content, said, tmp_path):
    path = tmp_path / "broken-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(DataError) as refusal:
        read_idx(path)
    assert said in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_idx(tmp_path)
