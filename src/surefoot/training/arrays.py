"""Tensors as arrays of bytes, which travel without being pickled: other processes read them where they lie."""

import warnings
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array: TypeAlias = tuple[NDArray[np.uint8], torch.dtype, tuple[int, ...]]


def array_of(tensor: Tensor) -> Array:
    """The bytes of a tensor, its type and its shape.

    >>> array_of(torch.tensor([[1, 2]], dtype=torch.uint8))
    (array([1, 2], dtype=uint8), torch.uint8, (1, 2))
    """
    plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous()
    return plain.reshape(-1).view(torch.uint8).numpy(), tensor.dtype, tuple(tensor.shape)


def tensor_of(array: Array) -> Tensor:
    """The tensor, in the array's own memory: where that can only be read, so can the tensor.

    >>> tensor_of(array_of(torch.tensor([[0.5], [2.0]], dtype=torch.bfloat16)))
    tensor([[0.5000],
            [2.0000]], dtype=torch.bfloat16)
    """
    held, dtype, shape = array
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(held).view(dtype).reshape(shape)


def arrays_of(tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    return {name: array_of(tensor) for name, tensor in tensors.items()}


def copies_of(arrays: Mapping[str, Array]) -> dict[str, Tensor]:
    """Tensors that can be written to."""
    return {name: tensor_of(array).clone() for name, array in arrays.items()}
