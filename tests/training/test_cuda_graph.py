"""Recorded steps, with a fake in the place of CUDA: the same numbers, nothing trained by recording, one note where it
fails."""

import pytest
import torch
from training.test_compiled import entries_of
from training.test_trainers import MODELS, RECIPES, task_of

from surefoot.core.record import Note
from surefoot.training.cuda_graph import Graph, Graphs
from surefoot.training.fused import FusedTrainer
from surefoot.training.trainer import Updates, order


def recorder(said=None):
    """Like CUDA: recording runs nothing, and each replay writes its result to the same place."""

    def record(warm, function):
        result = torch.empty_like(warm())
        if said is not None:
            said.append("recorded")
        return lambda: result.copy_(function()), result

    return record


def falling(w, x):
    """Writes into the first, returns the loss before."""
    loss = ((w - x) ** 2).sum(1)
    w.sub_(0.1 * 2 * (w - x))
    return loss


def arguments(i, size=3):
    return [torch.arange(2.0 * size).reshape(2, size) + i]


def test_a_recorded_step_has_the_steps_numbers_and_recording_trains_nothing():
    said = []
    held, plain = [torch.ones(2, 3)], [torch.ones(2, 3)]
    graphs = Graphs(said.append, recorder(said))
    seen = []
    for i in range(4):
        step = graphs.of(falling, held, arguments(i))
        seen.append((step(*held, *arguments(i)), falling(*plain, *arguments(i))))
    assert all(torch.equal(ours, theirs) for ours, theirs in seen)  # earlier results are not written over
    assert torch.equal(held[0], plain[0])
    assert said == ["recorded"]


def test_other_batches_have_graphs_of_their_own_and_other_weights_take_their_place():
    said = []
    graphs = Graphs(said.append, recorder(said))

    def grown(w, x):
        return falling(w, x.sum(1, keepdim=True).expand_as(w))

    held = [torch.ones(2, 3)]
    for size in (3, 2, 3, 2):
        graphs.of(grown, held, arguments(0, size))
    assert said == ["recorded"] * 2
    other = [torch.zeros(2, 3)]
    step = graphs.of(grown, other, arguments(0))
    assert len(graphs.graphs) == 1
    step(*other, *arguments(0))
    assert torch.equal(held[0], torch.ones(2, 3))
    assert not torch.equal(other[0], torch.zeros(2, 3))


def test_what_cannot_be_recorded_runs_as_it_is_and_that_is_told_once():
    def refusing(warm, function):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    said = []
    graphs = Graphs(said.append, refusing)
    for i in range(3):
        assert graphs.of(falling, [torch.ones(2, 3)], arguments(i)) is falling
    (note,) = said
    assert isinstance(note, Note)
    assert note.text.endswith("(RuntimeError: operation not permitted when stream is capturing)")


def test_a_graph_that_gives_other_numbers_is_not_trusted():
    """A step that counts its calls on the host: recorded, it would stand still."""
    calls = []

    def counting(w, x):
        calls.append(1)
        return falling(w, x) + len(calls)

    held = [torch.ones(2, 3)]
    with pytest.raises(ArithmeticError, match="the graph gives other numbers"):
        Graph(counting, held, arguments(0), recorder())
    assert torch.equal(held[0], torch.ones(2, 3))


def test_on_a_processor_nothing_is_recorded():
    assert Graphs(lambda event: None).of(falling, [torch.ones(2, 3)], arguments(0)) is falling


def test_a_population_trains_to_the_same_numbers_recorded():
    """The fused trainer's own step, dropout and all."""
    task = task_of(MODELS["dropout"])
    rows = [entry.row() for entry in entries_of(task, RECIPES[:3])]
    ours, theirs = FusedTrainer(task, rows), FusedTrainer(task, rows)
    graphs = Graphs(lambda event: None, recorder())
    given = given_to(theirs, rows)
    for _ in range(2):
        step = graphs.of(ours._step, ours.held(), given)
        with torch.no_grad():
            assert torch.equal(step(*ours.held(), *given), theirs._step(*theirs.held(), *given))
    assert not graphs.failed
    assert all(torch.equal(a, b) for a, b in zip(ours.held(), theirs.held(), strict=True))


def given_to(trainer, rows):
    """The arguments of a trainer's first update."""
    caught = []

    def catching(arguments):
        caught.extend(tensor.clone() for tensor in arguments)
        return lambda *tensors: torch.zeros(len(rows), dtype=torch.float64)

    task = trainer.task
    samples = {row.seed: order(task, row.seed, 0)[None, : task.batch_size] for row in rows}
    chosen, trainer._chosen = trainer._chosen, catching
    trainer.advance(Updates(0, samples, [dict(row.hyper) for row in rows]))
    trainer._chosen = chosen
    return caught
