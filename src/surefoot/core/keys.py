"""Keys: a short name for a value, the same in every process; and seeds derived from keys."""

import hashlib
import json
from typing import Any

FORMAT_VERSION = 1  # of everything stored; part of every key


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spare space: equal values have equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def key(*parts: Any) -> str:
    """Sixteen hexadecimal digits that name `parts` under this format version.

    >>> key("digits", {"a": 1}) == key("digits", {"a": 1}), len(key("digits"))
    (True, 16)
    """
    return _digest(parts).hex()[:16]


def seed_of(*parts: Any) -> int:
    """A 63-bit seed from any words and numbers: `seed_of(seed, "order", epoch)`.

    >>> seed_of(0, "order", 1) == seed_of(0, "order", 2)
    False
    """
    return int.from_bytes(_digest(parts)[:8], "big") >> 1


def _digest(parts: tuple[Any, ...]) -> bytes:
    return hashlib.sha256(canonical([FORMAT_VERSION, *parts]).encode()).digest()
