"""Functions of tensors compiled to machine code by TorchInductor: traced once, as they run, into one graph.

What was traced is what runs: a function that takes other ways for other values is not one to compile.
"""

import shutil
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

UPDATES = 3  # of the trial of what was compiled
CLOSE = {torch.float64: 1e-8, torch.float32: 1e-3}  # relative

Function = Callable[..., Any]


def compiler_found(device: str = "cpu") -> bool:
    """Whether there is a compiler that TorchInductor would take: of C++ for a processor, Triton for CUDA."""
    if device == "cuda":
        from torch.utils._triton import has_triton

        return has_triton()
    from torch._inductor import config

    names = (*_names(config.cpp.cxx), "g++", "clang++")
    return device == "cpu" and any(shutil.which(name) for name in names if name)


def compiled(function: Function, example: Sequence[Tensor], written: int = 0) -> Any:
    """The function as machine code, for tensors of the example's shapes.

    Parameters: `function`, of tensors, which returns one or none and may write into those it gets; `example`, such
    tensors, which are left alone; `written`, how many of them, from the first on, are compared in the trial: of what it
    returns all is. Raises whatever the compiler raises, and ArithmeticError where other numbers come out.
    """
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the compiler's own modules warn of is no concern of a user's
        from torch._inductor import compile as compile_graph
        from torch.fx.experimental.proxy_tensor import make_fx

        graph = make_fx(function)(*(tensor.clone() for tensor in example))
        try:
            fast: Any = compile_graph(graph, list(example), options=_options(probe=False))
        except Exception:
            fast = compile_graph(graph, list(example), options=_options(probe=True))
        _same(function, fast, example, written)
    return fast


def _options(probe: bool) -> dict[str, Any]:
    # Precompiled headers take 5 s and save nothing on a handful of kernels. Probing the compiler for every vector
    # extension takes 6 s: the processor's own list is believed first.
    # Shapes were checked when the function was tried.
    vectors = None if probe else True
    return {"cpp_cache_precompile_headers": False, "cpp.vec_isa_ok": vectors, "size_asserts": False}


def _same(function: Function, fast: Function, example: Sequence[Tensor], written: int) -> None:
    """Some calls of both must give the same. Of a whole training step single weights may differ (`written` is 0): where
    a gradient is nothing but rounding, an optimizer that divides by its size makes steps of it."""
    ours, theirs = ([tensor.clone() for tensor in example] for _ in range(2))
    for _ in range(UPDATES):
        got, expected = fast(*ours), function(*theirs)
        pairs = [*zip(ours[:written], theirs[:written], strict=True)]
        pairs += [(got, expected)] if expected is not None else []
        if not all(_close(*pair) for pair in pairs):
            raise ArithmeticError("the compiled step gives other numbers than the interpreted one")


def _close(ours: Tensor, theirs: Tensor) -> bool:
    # A number that is what two large ones leave over has their rounding.
    finite = theirs[theirs.isfinite()].abs()
    rounding = 32 * torch.finfo(theirs.dtype).eps * float(finite.max()) if finite.numel() else 0.0
    return torch.allclose(ours, theirs, rtol=CLOSE.get(theirs.dtype, 0.05), atol=1e-12 + rounding, equal_nan=True)


def _names(cxx: Any) -> list[str | None]:
    return list(cxx) if isinstance(cxx, tuple | list) else [cxx]
