"""What every way of training must do: go on from any of its checkpoints with the very numbers."""

from unittest import mock

from attrs import evolve
from training.test_compiled import losses_of

from surefoot.core.record import Observed, Saved
from surefoot.training import Checkpoint, Compiler, Saving


def assert_goes_on(task, entries, plan, *, checkpoints=6, compiler=lambda: None):
    """From some of the checkpoints of a training, evenly spread, what comes is what came; the events of the whole."""
    kept = []

    def save(tensors, about):
        kept.append(({key: tensor.clone() for key, tensor in tensors.items()}, about))
        return str(len(kept) - 1)

    with mock.patch("surefoot.training.lockstep.SHARE", 0):  # a checkpoint whenever there could be one
        whole, events = losses_of(task, entries, plan, compiler(), saving=Saving(save, 0.0))
    seen = [event for event in events if isinstance(event, Observed)]
    saved = [event for event in events if isinstance(event, Saved)]
    assert len({event.step for event in saved}) > 1
    for event in saved[:: max(1, len(saved) // checkpoints)]:
        start = Checkpoint.of(*kept[int(event.checkpoint)])
        past = [
            evolve(
                entry,
                past=[o.observation for o in seen if o.run == entry.run.index and o.observation.step <= event.step],
            )
            for entry in entries
        ]
        others = [tile for tile in range(len(plan.tiles)) if tile != event.tile]
        rest, again = losses_of(task, past, plan, compiler(), starts={event.tile: start}, finished=others)
        for run in start.runs:
            assert rest[run] == whole[run][event.step :]
            expected = [o for o in seen if o.run == run and o.observation.step > event.step]
            assert [o for o in again if isinstance(o, Observed) and o.run == run] == expected
    return events


def silent_compiler():
    return Compiler(lambda event: None)
