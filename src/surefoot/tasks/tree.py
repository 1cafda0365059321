"""Trees of tensors: a tensor, or tuples, lists and dicts of trees; what models take and give.

Anything that PyTorch knows as a tree counts: named tuples, and the outputs of Transformers' models too. What is no
tensor in a tree (None, a number) stays as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils._pytree import keystr, tree_flatten, tree_flatten_with_path, tree_map_only, tree_unflatten

Tree: TypeAlias = Any


def leaves(tree: Tree) -> list[Tensor]:
    """Its tensors, in a fixed order.

    >>> leaves({"a": torch.ones(1), "b": (torch.zeros(1), None)})
    [tensor([1.]), tensor([0.])]
    """
    return [leaf for leaf in tree_flatten(tree)[0] if isinstance(leaf, Tensor)]


def parted(tree: Tree) -> tuple[list[Tensor], Callable[[Sequence[Tensor]], Tree]]:
    """Its tensors, and a function that puts others in their places.

    >>> tensors, rebuilt = parted({"a": torch.ones(1), "b": None})
    >>> rebuilt([2 * tensor for tensor in tensors])
    {'a': tensor([2.]), 'b': None}
    """
    if isinstance(tree, Tensor):
        return [tree], lambda tensors: tensors[0]
    found, spec = tree_flatten(tree)
    is_tensor = [isinstance(leaf, Tensor) for leaf in found]
    others = [None if tensor else leaf for leaf, tensor in zip(found, is_tensor, strict=True)]

    def rebuilt(tensors: Sequence[Tensor]) -> Tree:
        given = iter(tensors)
        return tree_unflatten(
            [next(given) if tensor else leaf for leaf, tensor in zip(others, is_tensor, strict=True)], spec
        )

    return [leaf for leaf in found if isinstance(leaf, Tensor)], rebuilt


def named(tree: Tree) -> list[tuple[str, Tensor]]:
    """Its tensors, each with where it stands; a tensor that stands alone has no place to name.

    >>> [where for where, tensor in named({"a": torch.ones(1), "b": [torch.ones(1)]})]
    ["['a']", "['b'][0]"]
    """
    found = tree_flatten_with_path(tree)[0]
    return [(keystr(path), leaf) for path, leaf in found if isinstance(leaf, Tensor)]


def mapped(function: Callable[[Tensor], Any], tree: Tree) -> Tree:
    """The tree with `function` of every tensor in its place."""
    return function(tree) if isinstance(tree, Tensor) else tree_map_only(Tensor, function, tree)


def length(tree: Tree) -> int:
    """The samples of a tree of tensors that have them first."""
    return len(leaves(tree)[0])


def take(tree: Tree, index: Tensor) -> Tree:
    """The samples `index`, of any shape: leaves `[*index.shape, ...]`.

    >>> take((torch.arange(3), torch.arange(3) * 10), torch.tensor([[2, 0]]))
    (tensor([[2, 0]]), tensor([[20,  0]]))
    """

    def gathered(tensor: Tensor) -> Tensor:
        return tensor.index_select(0, index.flatten().to(tensor.device)).view(*index.shape, *tensor.shape[1:])

    return mapped(gathered, tree)


def part(tree: Tree, start: int, stop: int) -> Tree:
    """The samples from `start` until before `stop`, as views."""
    return mapped(lambda tensor: tensor[start:stop], tree)


def cat(trees: Sequence[Tree], dim: int = 0) -> Tree:
    """Trees of one form, joined tensor by tensor.

    >>> cat([{"a": torch.ones(1)}, {"a": torch.zeros(2)}])
    {'a': tensor([1., 0., 0.])}
    """
    if len(trees) == 1:
        return trees[0]
    _, rebuilt = parted(trees[0])
    return rebuilt([torch.cat(tensors, dim) for tensors in zip(*map(leaves, trees), strict=True)])


def nbytes(tree: Tree) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in leaves(tree))


def arguments(x: Tree) -> tuple[tuple[Tree, ...], dict[str, Tree]]:
    """How a model is called with inputs: `model(x)`, `model(*x)` for a tuple or list, `model(**x)` for a dict."""
    if isinstance(x, Mapping):
        return (), dict(x)
    return (tuple(x), {}) if isinstance(x, tuple | list) else ((x,), {})


def call(model: nn.Module, x: Tree) -> Tree:
    """What the model gives for these inputs.

    >>> call(nn.Bilinear(2, 2, 1), (torch.ones(3, 2), torch.ones(3, 2))).shape
    torch.Size([3, 1])
    """
    args, kwargs = arguments(x)
    return model(*args, **kwargs)
