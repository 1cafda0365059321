"""Steps compiled to machine code, where a C++ compiler is found.

A step is traced into one graph of tensor operations, as it runs under `vmap`, and TorchInductor makes C++ of it. What
was traced once is what runs: a step that is another one next time is found out by the trial of the stack.
"""

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from surefoot.core.errors import brief
from surefoot.core.record import Doing, Note, Sink
from surefoot.optimizers.inductor import compiled, compiler_found
from surefoot.training.layout import Layout, size
from surefoot.training.memory import keep_freed_memory

__all__ = ["Compiler", "compiler_found"]

RUNGS = 2  # compilations of a comparison at most

Step = Callable[..., Tensor]
Shapes = tuple[torch.Size, ...]


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
            keep_freed_memory()
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
