"""The contract of a reactive piece: a pure reducer over observations, so that its value replays exactly."""

from typing import Any, Protocol, TypeVar

from surefoot.core.record import Observation

S = TypeVar("S")


class Reducer(Protocol[S]):
    """`state' = update(state, observation)`; the value depends on the state alone."""

    @property
    def initial(self) -> S:
        """The state before anything was observed."""
        ...

    def update(self, state: S, observation: Observation, /) -> S:
        """The state after one more observation."""
        ...

    def value(self, state: S, /) -> float:
        """The factor that the piece contributes now."""
        ...


States = tuple[Any, ...]  # one state for each reactive piece of a schedule, in the order they are written
