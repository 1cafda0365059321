"""Training histories: what each writer writes is read back; what is broken is named."""

import contextlib
import csv
import json
import os
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.advice import history as reading
from surefoot.advice.columns import recognise
from surefoot.advice.history import read_history
from surefoot.core.errors import DataError
from surefoot.core.language import words

LOSS = [2.3, 1.6, 1.1, 0.8, 0.7, 0.65]
VAL = [2.0, 1.5, 1.2, 1.0, 0.95, 0.97]


@pytest.fixture
def given_text(tmp_path):
    """Reads a text as a file of some name."""

    def read(text, name="log.csv", **options):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_history(path, **options)

    return read


def holds(history, key, y, unit=None, x=None, name=None):
    series = history.series[key]
    np.testing.assert_array_equal(series.y, y)
    assert series.x.dtype == series.y.dtype == np.float64
    assert unit is None or series.unit == unit
    assert x is None or series.x.tolist() == list(x)
    assert name is None or series.name == name


# What writers write ---------------------------------------------------------------------------------------------------


def test_keras_csv_logger(given_text):
    rows = [f"{i},{0.1 * i},{a},{0.2 * i},{b}" for i, (a, b) in enumerate(zip(LOSS, VAL, strict=True))]
    history = given_text("epoch,accuracy,loss,val_accuracy,val_loss\n" + "\n".join(rows) + "\n")
    holds(history, "loss", LOSS, "epoch", range(6), "loss")
    holds(history, "val_loss", VAL, "epoch", range(6), "val_loss")
    assert history.series["metric"].name == "accuracy"
    assert history.series["val_metric"].name == "val_accuracy"
    assert history.assumptions == ()


def test_lightning_csv_logger(given_text):
    lines = ["epoch,lr-SGD,step,train_loss_epoch,train_loss_step,val_acc,val_loss"]
    for i, (a, b) in enumerate(zip(LOSS, VAL, strict=True)):
        lines += [f",{0.1 / (i + 1)},{20 * i},,,,", f"{i},,{20 * i + 9},,{a + 0.1},,"]
        lines += [f"{i},,{20 * i + 19},,,{0.1 * i},{b}", f"{i},,{20 * i + 19},{a},,,"]
    history = given_text("\n".join(lines), "metrics.csv")
    holds(history, "loss", LOSS, "epoch", range(6), "train_loss_epoch")
    holds(history, "val_loss", VAL, "epoch", range(6))
    holds(history, "lr", [0.1 / (i + 1) for i in range(6)], "epoch", range(6))
    assert "Rows without a value are left out: 18 of 24 for val_loss." in history.assumptions
    assert any("train_loss_step" in note for note in history.assumptions)


def test_lightning_csv_logger_with_losses_by_step(given_text):
    lines = ["epoch,lr-Adam,step,train_loss,val_loss"]
    for i, b in enumerate(VAL):
        lines += [f"{i},,{10 * i + 4},{LOSS[i]},", f"{i},,{10 * i + 9},{LOSS[i]},", f"{i},,{10 * i + 9},,{b}"]
        lines += [f",0.1,{10 * i + 9},,"]
    history = given_text("\n".join(lines), "metrics.csv")
    holds(history, "loss", np.repeat(LOSS, 2), "step", [s for i in range(6) for s in (10 * i + 4, 10 * i + 9)])
    holds(history, "val_loss", VAL, "step", [10 * i + 9 for i in range(6)])
    holds(history, "lr", [0.1] * 6, "step")


def test_transformers_trainer_state(given_text):
    log = []
    for i, (a, b) in enumerate(zip(LOSS, VAL, strict=True)):
        at = {"epoch": (i + 1) / 2, "step": 50 * (i + 1)}
        log += [{"loss": a, "grad_norm": 1.0, "learning_rate": 1e-4, **at}, {"eval_loss": b, "eval_runtime": 2.0, **at}]
    log.append({"train_loss": 1.1, "train_runtime": 60.0, "epoch": 3.0, "step": 300, "total_flos": 1e9})
    text = json.dumps({"best_metric": None, "epoch": 3.0, "log_history": log, "max_steps": 300})
    history = given_text(text, "trainer_state.json")
    holds(history, "loss", LOSS, "step", range(50, 301, 50), "loss")
    holds(history, "val_loss", VAL, "step", range(50, 301, 50), "eval_loss")
    holds(history, "lr", [1e-4] * 6, "step")


@pytest.mark.parametrize(
    "wrap", [lambda d: d, lambda d: {"history": d, "epoch": list(range(6)), "params": {"epochs": 6}}]
)
def test_keras_history(given_text, wrap):
    history = given_text(json.dumps(wrap({"loss": LOSS, "val_loss": VAL, "accuracy": VAL})), "history.json")
    holds(history, "loss", LOSS, "epoch", range(1, 7))
    holds(history, "val_loss", VAL, "epoch", range(1, 7))
    assert history.assumptions == ("Each value is taken as one epoch, counted from 1.",)


@pytest.mark.parametrize("lost", ["NaN", "null", "Infinity", "-Infinity"])
def test_a_loss_that_was_not_finite_in_json(given_text, lost):
    history = given_text('{"loss": [2.3, 9.1, L, L], "val_loss": [2.0, L, L, L]}'.replace("L", lost), "h.json")
    assert np.isfinite(history.series["loss"].y).tolist() == [True, True, False, False]
    assert np.isfinite(history.series["val_loss"].y).tolist() == [True, False, False, False]


def test_a_loss_that_was_not_finite_as_a_data_frame_leaves_it(given_text):
    """pandas writes NaN as an empty cell; what is empty to the end, where nothing else stands, was lost."""
    history = given_text("epoch,loss,val_loss,accuracy\n0,2.3,2.1,.1\n1,9,9,.1\n2,,,.1\n3,,,.1\n")
    assert np.isfinite(history.series["loss"].y).tolist() == [True, True, False, False]


def test_what_stands_after_the_last_loss_does_not_make_it_lost(given_text):
    history = given_text("step,loss,test_acc\n1,2,\n2,1.5,\n3,1.2,\n4,1.1,\n4,,0.9\n")
    holds(history, "loss", [2, 1.5, 1.2, 1.1])


def test_nan_that_alternates_with_values_was_not_measured(given_text):
    rows = [r for i, (a, b) in enumerate(zip(LOSS, VAL, strict=True)) for r in (f"{i},{a},NaN", f"{i},NaN,{b}")]
    history = given_text("epoch,train_loss,val_loss\n" + "\n".join(rows))
    holds(history, "loss", LOSS, "epoch", range(6))
    holds(history, "val_loss", VAL, "epoch", range(6))


def test_never_finite_is_a_result(given_text):
    assert np.isnan(given_text("epoch,loss\n0,nan\n").series["loss"].y).all()
    assert np.isnan(given_text('{"loss": [null, null]}', "h.json").series["loss"].y).all()


def test_other_shapes_of_json(given_text):
    records = [{"step": i, "train": {"loss": a}, "lr": "0.1"} for i, a in enumerate(LOSS)]
    holds(given_text(json.dumps(records), "r.json"), "loss", LOSS, "step", range(6), "train/loss")
    frame = {"loss": {str(i): a for i, a in enumerate(LOSS)}, "val_loss": {str(i): b for i, b in enumerate(VAL)}}
    holds(given_text(json.dumps(frame), "frame.json"), "val_loss", VAL)
    holds(given_text(json.dumps(LOSS), "list.json"), "loss", LOSS, "row", range(1, 7))
    huge = given_text('{"loss": [1' + "0" * 400 + ", 1, 1, 1]}", "huge.json")
    assert huge.series["loss"].y[0] == np.inf


def test_a_last_line_cut_by_a_kill_is_left_out(given_text):
    lines = "\n".join(json.dumps({"loss": a, "step": i}) for i, a in enumerate(LOSS))
    history = given_text(lines + '\n{"loss": 0.6, "st', "log.jsonl")
    holds(history, "loss", LOSS, "step")
    assert history.assumptions == ("The last line, 7, is cut short and left out.",)
    assert "7" in given_text(lines + '\n{"loss": 0.6, "st', "log.jsonl", _=words("zh")).assumptions[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_spreadsheets(given_text, encoding):
    text = "Epoch;Training Loss;Validation Loss\r\n" + "".join(
        f"{i};{a};{b}\r\n".replace(".", ",") for i, (a, b) in enumerate(zip(LOSS, VAL, strict=True))
    )
    history = given_text(text.encode(encoding))
    holds(history, "loss", LOSS, "epoch", range(6))
    holds(history, "val_loss", VAL)
    assert "The column “Training Loss” is taken as the training loss." in history.assumptions


losses = st.lists(st.floats(-1e300, 1e300), min_size=4, max_size=12)


@given(
    loss=losses, val=losses, lost=st.integers(0, 3), form=st.sampled_from(["csv", "tsv", "json", "jsonl", "records"])
)
@settings(deadline=None, max_examples=80)
def test_what_was_written_is_read(loss, val, lost, form, tmp_path_factory):
    n = min(len(loss), len(val))
    table = {"epoch": list(range(n + lost)), "loss": loss[:n] + [float("nan")] * lost}
    table["val_loss"] = val[:n] + [float("inf")] * lost
    records = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    path = tmp_path_factory.mktemp("log") / f"log.{form}"
    with path.open("w", newline="") as file:
        if form in ("csv", "tsv"):
            writer = csv.DictWriter(file, list(table), delimiter="," if form == "csv" else "\t")
            writer.writeheader()
            writer.writerows(records)
        elif form == "jsonl":
            file.writelines(json.dumps(record) + "\n" for record in records)
        else:
            json.dump(table if form == "json" else records, file)
    history = read_history(path)
    holds(history, "loss", table["loss"], "epoch", table["epoch"])
    holds(history, "val_loss", table["val_loss"], "epoch", table["epoch"])


# Names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "names"),
    [
        (
            "loss",
            "loss Loss train_loss training_loss train/loss loss/train Train/Loss_epoch trainLoss epoch_loss 训练损失",
        ),
        ("val_loss", "val_loss valid_loss validation_loss eval_loss test_loss loss/val valLoss eval/loss 验证损失"),
        ("metric", "accuracy acc train_acc sparse_categorical_accuracy Accuracy/train"),
        ("val_metric", "val_accuracy val_acc eval_accuracy valid/acc test_f1"),
        ("lr", "lr learning_rate lr-Adam lr-SGD/pg1 learningRate train/lr learning-rate"),
        ("epoch", "epoch Epoch epochs train/epoch"),
        ("step", "step Step global_step iteration iter trainer/global_step"),
        (None, "loss_scale loss__MIN grad_norm wall_time name epoch_time best_val_loss"),
    ],
)
def test_columns_are_recognised_in_any_spelling(key, names):
    for name in names.split():
        found = recognise([name])
        kinds = {**found.series, "epoch": found.epoch, "step": found.step}
        assert [kind for kind, each in kinds.items() if each] == ([key] if key else []), name


def test_of_several_the_likeliest_is_read(given_text):
    history = given_text("epoch,loss_cls,total_loss,test_loss,val_loss\n" + "".join(f"{i},1,2,3,4\n" for i in range(5)))
    assert (history.series["loss"].name, history.series["val_loss"].name) == ("total_loss", "val_loss")


def test_an_error_stands_in_where_no_loss_is_named(given_text):
    assert given_text("epoch,mse\n0,4\n1,3\n2,2\n3,1\n").series["loss"].name == "mse"
    assert given_text("Wall time,Step,Value\n9,0,4\n9,1,3\n9,2,2\n9,3,1\n").series["loss"].unit == "step"


# Places ---------------------------------------------------------------------------------------------------------------


def test_of_two_runs_in_a_file_the_last_is_read(given_text):
    history = given_text("step,loss\n1,9\n2,8\n3,7\n4,6\n1,5\n2,4\n3,3\n4,2\n5,1\n")
    holds(history, "loss", [5, 4, 3, 2, 1], "step", range(1, 6))
    assert history.assumptions == ("Places begin anew at row 5: of 2 runs in the file the last is read.",)


def test_a_run_that_has_only_begun_is_passed_over(given_text):
    history = given_text("epoch,loss\n0,9\n1,8\n2,7\n3,6\n4,5\n0,9\n")
    holds(history, "loss", [9, 8, 7, 6, 5], "epoch", range(5))


def test_what_a_resumed_run_repeats_is_left_out(given_text):
    history = given_text("step,loss,val_loss\n1,9,\n2,8,\n3,7,\n3,,1\n4,6,\n5,5,\n4,6.5,\n5,5.5,\n6,4,\n6,,2\n7,3,\n")
    holds(history, "loss", [9, 8, 7, 6.5, 5.5, 4, 3], "step", range(1, 8))
    said = "At row 7 the training goes on from 4; what it repeats is left out."
    assert said in history.assumptions
    holds(history, "val_loss", [1, 2], "step", [3, 6])


def test_rows_from_the_last_to_the_first(given_text):
    holds(given_text("step,loss\n4,1\n3,2\n2,3\n1,4\n"), "loss", [4, 3, 2, 1], "step", range(1, 5))


def test_places_in_no_order_are_not_used(given_text):
    rows = "".join(f"{step},{i}\n" for i, step in enumerate([1, 9, 2, 8, 3, 7, 4, 6, 5, 9, 2]))
    history = given_text("step,loss\n" + rows)
    holds(history, "loss", range(11), "row", range(1, 12))
    assert "back and forth" in history.assumptions[0]


# What is broken -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "", "is empty"),
        ("a.json", " \n ", "is empty"),
        ("a.csv", "step,loss\n", "holds no value of the loss. At least 4 points"),
        ("a.csv", "step,loss\n1,2\n", "holds one value of the loss. At least 4 points"),
        ("a.json", '{"loss": 0.5}', "holds one value"),
        ("a.csv", "a,b\n1,2\n3,4\n", "the columns are: a, b. Call them loss and val_loss"),
        ("a.json", "[]", "the columns are: none"),
        ("a.json", "{}", "the columns are: none"),
        ("a.csv", "step,loss\n1,2\n2,oops\n", "line 3: loss is not a number; received 'oops'"),
        ("a.json", '[{"loss": 1}, {"loss": [1, 2]}]', r"row 2: loss is not a number; received \[1, 2\]"),
        ("a.json", '[{"loss": 1}, 2]', "row 2: not a record; received 2"),
        ("a.jsonl", '{"loss": 1}\n3\n', "line 2: not a record"),
        ("a.csv", "1,2\n3,4\n5,6\n", "has no header; received '1,2'"),
        ("a.csv", "loss,loss\n1,2\n", "the column loss stands there twice"),
        ("a.csv", "step,loss\n1,2\n1,2,3\n", "line 3: 3 values under 2 column names"),
        ("a.json", '{"loss": [1,\n 2,, 3]}', "in line 2, column 4"),
        ("a.jsonl", '{"loss": 1}\n{"loss": }\n{"loss": 2}\n', "in line 2, column 10"),
        ("a.json", '{"loss": [1, 2, 3], "val_loss": [1]}', "not equally long; received 'loss: 3, val_loss: 1'"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\0\0", "is not text; received '89 50 4e 47"),
        ("a.csv", b"\xff\xfeab\x00", "is not text"),
        ("events.out.tfevents.1", b"junk" * 99, "holds no scalars"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(given_text, name, text, said):
    with pytest.raises(DataError, match=said):
        given_text(text, name)


def test_files_that_are_not_there(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="there is no file"):
        read_history(tmp_path / "none.csv")
    with pytest.raises(DataError, match="holds no TensorBoard event files"):
        read_history(tmp_path)
    with pytest.raises(DataError, match="no regular file"):
        read_history("/dev/null")
    (tmp_path / "large.csv").write_text("step,loss\n1,2\n")
    monkeypatch.setattr(reading, "LARGEST", 5)
    with pytest.raises(DataError, match="is larger than"):
        read_history(tmp_path / "large.csv")


@given(junk=st.one_of(st.text(), st.binary()), name=st.sampled_from(["a.csv", "a.json", "a.jsonl"]))
@settings(deadline=None, max_examples=200)
def test_junk_is_a_data_error_or_a_history(junk, name, tmp_path_factory):
    path = tmp_path_factory.mktemp("junk") / name
    path.write_bytes(junk if isinstance(junk, bytes) else junk.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(DataError):
        read_history(path)


cells = st.sampled_from(["", "1", "2.5", "nan", "inf", "-", "x", "null", "1,5", "1e400"])
heads = st.lists(st.sampled_from(["loss", "val_loss", "epoch", "step", "lr", "acc", "other"]), min_size=1, max_size=4)


@given(head=heads, rows=st.lists(st.lists(cells, max_size=4), max_size=8), delimiter=st.sampled_from(";\t"))
@settings(deadline=None, max_examples=200)
def test_any_table_is_a_data_error_or_a_history(head, rows, delimiter, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "a.csv"
    path.write_text("\n".join(delimiter.join(row) for row in [head, *rows]))
    try:
        history = read_history(path)
    except DataError:
        return
    for series in history.series.values():
        assert len(series.x) == len(series.y) > 0
        assert (np.diff(series.x) > 0).all()


# TensorBoard ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def writer(monkeypatch):
    """torch's SummaryWriter, kept from loading TensorFlow, which other tests of this process must not meet."""
    name = "tensorboard.compat.notf"
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter


@pytest.mark.parametrize("tensors", [False, True])
def test_summary_writer(writer, tmp_path, tensors):
    with writer(str(tmp_path)) as log:
        log.add_text("config", "lr: 0.1")
        for i, (a, b) in enumerate(zip(LOSS, VAL, strict=True)):
            log.add_scalar("Loss/train", a, 10 * i, new_style=tensors)
            log.add_scalar("Loss/val", b, 10 * i, new_style=tensors)
            log.add_scalar("lr", 0.5, 10 * i, new_style=tensors)
        log.add_scalar("Loss/train", float("nan"), 60, new_style=tensors)
    for path in (tmp_path, next(tmp_path.iterdir())):
        history = read_history(path)
        holds(history, "loss", np.float32([*LOSS, np.nan]), "step", range(0, 61, 10), "Loss/train")
        holds(history, "val_loss", np.float32(VAL), "step", range(0, 51, 10), "Loss/val")
        holds(history, "lr", [0.5] * 6)


def test_a_folder_for_training_and_one_for_validation(writer, tmp_path):
    """As Keras's callback writes them: the same tag, one after the other."""
    for folder, values in (("train", LOSS), ("validation", VAL)):
        with writer(str(tmp_path / folder)) as log:
            for i, value in enumerate(values):
                log.add_scalar("epoch_loss", value, i, new_style=True)
    history = read_history(tmp_path)
    holds(history, "loss", np.float32(LOSS), "step", range(6), "train/epoch_loss")
    holds(history, "val_loss", np.float32(VAL), "step", range(6), "validation/epoch_loss")


def test_of_several_runs_in_a_folder_the_newest_is_read(writer, tmp_path):
    for age, (name, values) in enumerate([("version_1", VAL), ("version_0", LOSS)]):
        with writer(str(tmp_path / name)) as log:
            for i, value in enumerate(values):
                log.add_scalar("train_loss", value, i)
        for file in (tmp_path / name).iterdir():
            os.utime(file, (1e9 - age, 1e9 - age))
    history = read_history(tmp_path)
    holds(history, "loss", np.float32(VAL), "step")
    assert "The folder holds 2 runs; the newest, “version_1”, is read." in history.assumptions


def test_a_cut_event_file_is_read_as_far_as_it_goes(writer, tmp_path):
    with writer(str(tmp_path)) as log:
        for i, value in enumerate(LOSS):
            log.add_scalar("loss", value, i)
    file = next(tmp_path.iterdir())
    file.write_bytes(file.read_bytes()[:-5])
    holds(read_history(tmp_path), "loss", np.float32(LOSS[:-1]))


def test_tensorflow_is_not_loaded_and_a_missing_tensorboard_is_named(writer, tmp_path):
    with writer(str(tmp_path)) as log:
        for i, value in enumerate(LOSS):
            log.add_scalar("loss", value, i)
    code = (
        "import sys; from surefoot.advice.history import read_history; from surefoot.core.errors import UsageError\n"
        "assert not {m for m in ('tensorboard', 'tensorflow') if m in sys.modules}\n"
        f"assert len(read_history({str(tmp_path)!r}).series['loss'].y) == 6\n"
        "assert 'tensorflow' not in sys.modules and 'tensorboard.compat.notf' not in sys.modules\n"
        "for name in [m for m in sys.modules if m.split('.')[0] == 'tensorboard']: del sys.modules[name]\n"
        "sys.modules['tensorboard'] = None\n"
        f"try: read_history({str(tmp_path)!r})\n"
        "except UsageError as missing: print(missing)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "not installed (no module 'tensorboard" in done.stdout
    assert "Run pip install 'surefoot[tensorboard]'" in done.stdout
