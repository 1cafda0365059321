"""A step as one CUDA graph: the host launches it once, not kernel by kernel.

A step of a small model is hundreds of kernels of a few microseconds each, and launching one from Python takes longer
than that. Recorded once, they are launched together.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from surefoot.core.errors import brief
from surefoot.core.record import Note, Sink

WARM = 3  # calls before recording: libraries and allocators settle in them
CLOSE = 1e-3  # relative, between the losses of the graph and of the step

Step = Callable[..., Tensor]
Replay = tuple[Callable[[], Any], Tensor]  # what makes the step, and where its result is then
Record = Callable[[Callable[[], Tensor], Callable[[], Tensor]], Replay]


class Graphs:
    """The graphs of a trainer's step, one for each size of batch.

    Where recording fails it says so once, and the step runs as it is.

    Parameters: `sink`, who is told; `record`, what records: `cuda` where it is None.
    """

    def __init__(self, sink: Sink, record: Record | None = None) -> None:
        self.sink, self.record, self.failed = sink, record, False
        self.places: list[int] = []  # of what is held
        self.graphs: dict[Any, Graph] = {}  # by the shapes of the arguments

    def of(self, step: Step, held: Sequence[Tensor], arguments: Sequence[Tensor]) -> Step:
        """The step as a graph, or as it is where there is no CUDA or where recording failed.

        It is called like the step, with the tensors of `held`, these very ones, and others like `arguments`.
        """
        device = held[0].device
        if self.failed or (self.record is None and device.type != "cuda"):
            return step
        if self.places != (places := [tensor.data_ptr() for tensor in held]):
            self.places, self.graphs = places, {}  # a graph keeps the memory that it works on: let go of the old
        key = tuple((tensor.shape, tensor.dtype) for tensor in arguments)
        if key not in self.graphs:
            try:
                self.graphs[key] = Graph(step, held, arguments, self.record or partial(cuda, device))
            except Exception as failure:  # a step may do what cannot be recorded; running it as it is always works
                self.failed, self.graphs = True, {}
                self.sink(Note(f"the step cannot be recorded as a CUDA graph and runs without ({brief(failure)})"))
                return step
        return self.graphs[key]


class Graph:
    """One recorded step.

    Parameters: `step`, which writes into what is held and returns a tensor; `held`, on which the graph works in place,
    at these places in memory; `arguments`, tensors like those of each call, which are copied into the graph's own.
    Raises whatever recording raises, and ArithmeticError where the graph gives other numbers than the step.
    """

    def __init__(self, step: Step, held: Sequence[Tensor], arguments: Sequence[Tensor], record: Record) -> None:
        self.held, self.inputs = list(held), [tensor.clone() for tensor in arguments]
        copies = [tensor.clone() for tensor in held]
        self.replay, self.result = record(
            lambda: step(*copies, *self.inputs),
            lambda: step(*self.held, *self.inputs),
        )
        self._try(step, copies)

    def __call__(self, *tensors: Tensor) -> Tensor:
        for own, given in zip(self.inputs, tensors[len(self.held) :], strict=True):
            own.copy_(given, non_blocking=True)
        self.replay()
        return self.result.clone()  # the next call writes there

    def _try(self, step: Step, copies: Sequence[Tensor]) -> None:
        """One update by the graph must have the losses of one by the step; what is held is then as it was before."""
        before = [tensor.clone() for tensor in self.held]
        _copy(copies, before)
        expected = step(*copies, *self.inputs)
        _copy(self.held, before)
        got = self(*self.held, *self.inputs)
        _copy(self.held, before)
        if not torch.allclose(got, expected, rtol=CLOSE, atol=1e-12, equal_nan=True):
            raise ArithmeticError("the graph gives other numbers than the step")


def cuda(device: torch.device, warm: Callable[[], Tensor], function: Callable[[], Tensor]) -> Replay:
    """Record what a function does on a CUDA device. `warm`, the same on other tensors, is run before."""
    with torch.cuda.device(device):
        main, side = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(main)
        with torch.cuda.stream(side):
            for _ in range(WARM):
                warm()
        main.wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = function()
    return graph.replay, result


def _copy(into: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for place, value in zip(into, values, strict=True):
        place.copy_(value)
