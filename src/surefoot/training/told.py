"""A tile that starts again says again what it said before: every record is let through once."""

from attrs import define, evolve, field

from surefoot.core.record import Diverged, Event, Failed, Finished, Losses, Observation, Observed, Paused, Sink


@define(eq=False)
class Told:
    """A sink that hands on what is new."""

    sink: Sink
    reached: dict[int, int] = field(factory=dict)  # how far the losses of each run go
    seen: dict[int, list[Observation]] = field(factory=dict)  # of each run
    diverged: set[int] = field(factory=set)
    over: set[int] = field(factory=set)  # runs that finished, paused or failed

    def __call__(self, event: Event) -> None:
        new = self._new(event)
        if new is not None:
            self.sink(new)

    def _new(self, event: Event) -> Event | None:
        match event:
            case Losses(run=run, start=start, values=values):
                known, end = max(self.reached.get(run, start), start), start + len(values)
                if end <= known:
                    return None
                self.reached[run] = end
                return event if known == start else evolve(event, start=known, values=values[known - start :])
            case Observed(run=run, observation=observation):
                seen = self.seen.setdefault(run, [])
                if seen and observation.step <= seen[-1].step:
                    return None
                seen.append(observation)
            case Diverged(run=run):
                return _first(self.diverged, run, event)
            case Finished(run=run) | Paused(run=run) | Failed(run=run):
                return _first(self.over, run, event)
        return event


def _first(known: set[int], run: int, event: Event) -> Event | None:
    if run in known:
        return None
    known.add(run)
    return event
