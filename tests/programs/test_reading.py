"""Reports: JSON lines among other output, and TensorBoard's event files."""

import math
import sys
from types import ModuleType

import pytest

from surefoot.core.errors import UsageError
from surefoot.programs.reading import Events, Lines, Look


def values(looks):
    return [look.value for look in looks]


def test_lines_come_in_pieces_and_the_last_may_lack_its_end():
    text = b'start\n{"epoch": 1, "acc": 0.5}\r\n  {"epoch": 2, "acc": 0.75}\n{"broken\n[1]\n{"epoch": 3, "acc": 1}'
    for size in (1, 7, len(text)):
        lines = Lines("acc")
        looks = [each for at in range(0, len(text), size) for each in lines.read(text[at : at + size], over=False)]
        looks += lines.read(b"", over=True)
        assert looks == [Look((1.0,), 0.5), Look((2.0,), 0.75), Look((3.0,), 1.0)]


def test_the_place_is_epoch_and_step_or_the_number_of_the_report():
    lines = Lines("a")
    said = b'{"a": 1}\n{"b": 1}\n{"a": 2}\n'
    assert [look.place for look in lines.read(said, over=False)] == [(1.0,), (2.0,)]
    said = b'{"a": 1, "epoch": 0, "step": 9}\n{"a": 1, "epoch": 1, "step": 0}\n{"a": 1, "epoch": 1.5}\n'
    assert [look.place for look in lines.read(said, over=False)] == [(0.0, 9.0), (1.0, 0.0), (1.5,)]


def test_what_is_not_finite_is_a_look_and_what_is_no_number_is_none():
    said = b'{"a": NaN}\n{"a": null}\n{"a": Infinity}\n{"a": "nan"}\n{"a": "good"}\n{"a": [1]}\n{"a": true}\n'
    looks = Lines("a").read(said, over=False)
    assert len(looks) == 4
    assert not any(map(math.isfinite, values(looks)))


def test_a_line_without_an_end_does_not_fill_the_memory():
    lines = Lines("a")
    for _ in range(40):
        lines.read(b"x" * 100_000, over=False)
    assert len(lines.rest) <= 1 << 20
    assert values(lines.read(b'\n{"a": 1}\n', over=False)) == [1.0]


def test_what_was_heard_is_told():
    lines = Lines("val_loss")
    assert lines.heard() == "no JSON lines"
    lines.read(b'{"epoch": 1, "loss": 0.5}\n', over=False)
    assert lines.heard() == "JSON lines with: epoch, loss"


class Board:
    """A writer of event files, as TensorBoard itself has it."""

    def __init__(self, folder):
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.compat.proto.summary_pb2 import Summary
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        self.event, self.summary = Event, Summary
        self.file = EventFileWriter(str(folder))

    def add(self, tag, step, **value):
        value = self.summary.Value(tag=tag, **value)
        self.file.add_event(self.event(step=step, wall_time=1.0, summary=self.summary(value=[value])))
        self.file.flush()


@pytest.fixture
def board():
    made = []

    def make(folder):
        made.append(Board(folder))
        return made[-1]

    yield make
    for each in made:
        each.file.close()


def read(events):
    events.next = 0.0
    return events.read(b"", over=False)


def test_event_files_are_followed_while_they_grow(board, tmp_path):
    events = Events("val_loss", tmp_path)
    assert read(events) == []
    assert "no event files" in events.heard()
    first = board(tmp_path / "run")
    for step in range(3):
        first.add("val_loss", step, simple_value=1 / (step + 1))
        first.add("loss", step, simple_value=5.0)
        assert [look.place for look in read(events)] == [(float(step),)]
    assert read(events) == []
    again = board(tmp_path / "run")  # the program was started again, and writes all of it again
    again.add("val_loss", 0, simple_value=9.0)
    again.add("val_loss", 3, simple_value=0.125)
    assert [(look.place, look.value) for look in read(events)] == [((0.0,), 9.0), ((3.0,), 0.125)]
    assert "run/val_loss" in events.heard()


def test_a_tag_in_two_folders_is_asked_for_with_its_folder(board, tmp_path):
    for name, value in (("train", 0.5), ("validation", 0.25)):
        board(tmp_path / name).add("epoch_loss", 1, simple_value=value)
    with pytest.raises(UsageError, match="Ask for one: train/epoch_loss, validation/epoch_loss"):
        read(Events("epoch_loss", tmp_path))
    assert values(read(Events("validation/epoch_loss", tmp_path))) == [0.25]


def test_an_older_and_a_newer_kind_of_scalar_are_the_same(board, tmp_path):
    from tensorboard.util.tensor_util import make_tensor_proto

    both = board(tmp_path)
    both.add("a", 1, tensor=make_tensor_proto(0.5))
    both.add("b", 1, simple_value=0.5)
    assert values(read(Events("a", tmp_path))) == values(read(Events("b", tmp_path))) == [0.5]
