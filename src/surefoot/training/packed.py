"""Any state of an optimizer as tensors alone, for files that hold nothing else: what is no tensor travels as text."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten, treespec_dumps, treespec_loads

from surefoot.core.errors import TaskError

TEXT = "text"


def packed(value: Any) -> dict[str, Tensor]:
    """Nested dicts, lists and tuples of tensors, numbers, texts and None as tensors by name.

    Raises TaskError for anything else.

    >>> unpacked(packed({"state": {0: {"step": torch.tensor(3.0)}}, "betas": (0.9, None)}))
    {'state': {0: {'step': tensor(3.)}}, 'betas': (0.9, None)}
    """
    leaves, shape = tree_flatten(value)
    plain = [None if isinstance(leaf, Tensor) else [leaf] for leaf in leaves]
    try:
        text = json.dumps([plain, treespec_dumps(shape)])
    except (TypeError, NotImplementedError, ValueError) as wrong:
        raise TaskError(
            f"the state of this optimizer cannot be kept in a checkpoint ({wrong})",
            remedy="it may hold tensors, numbers and texts",
        ) from None
    tensors = {str(i): leaf.detach() for i, leaf in enumerate(leaves) if isinstance(leaf, Tensor)}
    return {TEXT: torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8), **tensors}


def unpacked(tensors: Mapping[str, Tensor]) -> Any:
    """What was packed; the tensors are copies."""
    plain, shape = json.loads(bytes(tensors[TEXT].tolist()))
    leaves = [tensors[str(i)].clone() if leaf is None else leaf[0] for i, leaf in enumerate(plain)]
    return tree_unflatten(leaves, treespec_loads(shape))
