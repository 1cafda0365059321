"""IDX, the file format of MNIST: a magic number, the sizes, the values, all big-endian; often gzipped.

Source: LeCun, Cortes and Burges, The MNIST database of handwritten digits, section "File formats".
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from surefoot.core.errors import DataError

_GZIP = b"\x1f\x8b"
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path) -> npt.NDArray[Any]:
    """The array in an IDX file, plain or gzipped (told by the content, not by the name).

    Returns an array of the file's own type and sizes, in the machine's byte order.
    Raises DataError for a file that cannot be read, is not IDX, is short, or goes on after its last value.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "three-idx1-ubyte")
    >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
    >>> read_idx(path)
    array([7, 8, 9], dtype=uint8)
    """
    raw = _content(path)
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _TYPES:
        raise DataError(f"{path} is not an IDX file: wrong magic number", received=raw[:4].hex(" ") or "an empty file")
    kind, start = np.dtype(_TYPES[raw[2]]), 4 + 4 * raw[3]
    if len(raw) < start:
        raise DataError(f"{path} ends inside its header", received=f"{len(raw)} bytes of {start}")
    shape = struct.unpack(f">{raw[3]}I", raw[4:start])
    expected = start + math.prod(shape) * kind.itemsize
    if len(raw) != expected:
        wrong = "is cut short" if len(raw) < expected else "goes on after its last value"
        raise DataError(f"{path} {wrong}", received=f"{len(raw)} bytes instead of {expected}", remedy=_AGAIN)
    return np.frombuffer(raw, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))


_AGAIN = "get the file again"


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == _GZIP else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as broken:
        raise DataError(f"{path} is damaged: its gzip data cannot be unpacked ({broken})", remedy=_AGAIN) from None
    except OSError as wrong:
        raise DataError(f"{path} cannot be read: {wrong.strerror or wrong}") from None
