"""Steps compiled to machine code, where a C++ compiler is found.

A step is traced into one graph of tensor operations, as it runs under `vmap`, and TorchInductor makes C++ of it. What
was traced once is what runs: a step that is another one next time is found out by the trial of the stack.
"""

import shutil
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from surefoot.core.errors import brief
from surefoot.core.record import Doing, Note, Sink
from surefoot.training.layout import Layout, size
from surefoot.training.memory import keep_freed_memory

RUNGS = 2  # compilations of a comparison at most
UPDATES = 3  # of the trial of what was compiled
CLOSE = {torch.float64: 1e-8, torch.float32: 1e-3}  # relative

Step = Callable[..., Tensor]
Shapes = tuple[torch.Size, ...]


def compiler_found() -> bool:
    """Whether there is a C++ compiler that TorchInductor would take."""
    from torch._inductor import config

    return any(shutil.which(name) for name in (*_names(config.cpp.cxx), "g++", "clang++") if name)


class Compiler:
    """Compiles the steps of layouts, each once. Where that fails it says so once, and steps stay interpreted.

    Parameters: `sink`, who is told. `seconds` is the time that compiling took so far.
    """

    def __init__(self, sink: Sink) -> None:
        self.sink, self.seconds, self.failed = sink, 0.0, False
        self.steps: dict[tuple[Layout, Shapes], Step] = {}

    def of(self, layout: Layout, step: Step, example: Sequence[Tensor]) -> Step | None:
        """The compiled step of a layout, or None. `example`: tensors like those it will get; they are left alone."""
        key = layout, tuple(tensor.shape for tensor in example)
        if self.failed or (key not in self.steps and len(self.steps) == RUNGS):
            return None
        if key not in self.steps:
            self.sink(Doing(f"compiling the step of {size(layout)} rows (some ten seconds the first time)"))
            began = time.perf_counter()
            try:
                self.steps[key] = compiled(step, example)
            except Exception as failure:  # a compiler can fail in any way; the interpreted step cannot
                self.failed = True
                self.sink(Note(f"the compiler failed, so the fused trainer goes on without it ({brief(failure)})"))
                return None
            finally:
                self.seconds += time.perf_counter() - began
        return self.steps[key]


def compiled(step: Step, example: Sequence[Tensor]) -> Step:
    """The step as machine code. Raises whatever the compiler raises, and ArithmeticError where it gives other numbers.

    Parameters: `step`, a function of tensors that returns one tensor and may write into those it gets.
    """
    keep_freed_memory()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the compiler's own modules warn of is no concern of a user's
        from torch._inductor import compile as compile_graph
        from torch.fx.experimental.proxy_tensor import make_fx

        graph = make_fx(step)(*(tensor.clone() for tensor in example))
        try:
            fast: Any = compile_graph(graph, list(example), options=_options(probe=False))
        except Exception:
            fast = compile_graph(graph, list(example), options=_options(probe=True))
        _same(step, fast, example)
    return fast  # type: ignore[no-any-return]


def _options(probe: bool) -> dict[str, Any]:
    # Precompiled headers take 5 s and save nothing on a handful of kernels. Probing the compiler for every vector
    # extension takes 6 s: the processor's own list is believed first.
    # Shapes were checked when the step was tried.
    vectors = None if probe else True
    return {"cpp_cache_precompile_headers": False, "cpp.vec_isa_ok": vectors, "size_asserts": False}


def _same(step: Step, fast: Step, example: Sequence[Tensor]) -> None:
    """Some updates by both must have the same losses. Single weights may differ: where a gradient is nothing but
    rounding, an optimizer that divides by its size makes steps of it."""
    ours, theirs = ([tensor.clone() for tensor in example] for _ in range(2))
    for _ in range(UPDATES):
        got, expected = fast(*ours), step(*theirs)
        close = torch.allclose(got, expected, rtol=CLOSE.get(expected.dtype, 0.05), atol=1e-12, equal_nan=True)
        if not close:
            raise ArithmeticError("the compiled step gives other numbers than the interpreted one")


def _names(cxx: Any) -> list[str | None]:
    return list(cxx) if isinstance(cxx, tuple | list) else [cxx]
