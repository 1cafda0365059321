"""MNIST and Fashion-MNIST: found, fetched, made into tasks. The only server asked is on this machine."""

import gzip
import hashlib
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch
from attrs import evolve

from surefoot.core.errors import DataError
from surefoot.tasks import load, names, prepare
from surefoot.tasks.images import SOURCES, Source, fetch, images, locate

FASHION = SOURCES["fashion-mnist"]
NAME = "train-labels-idx1-ubyte.gz"
CONTENT = b"\x1f\x8b" + bytes(range(256)) * 40
debian = pytest.mark.skipif(
    not (FASHION.installed and FASHION.installed.is_dir()), reason="Debian's dataset-fashion-mnist is not installed"
)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        kind = self.path.split("/")[1]
        if self.headers["Accept-Encoding"] != "identity":  # a server may then compress what is compressed
            kind = "wrong"
        body = CONTENT if kind in ("good", "truncated") else b"<html>log in first</html>"
        self.send_response(404 if kind == "absent" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if kind == "truncated" else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.asked = []
        http.base = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield http
        http.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SUREFOOT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "toy"


def source(*mirrors):
    return Source("toy", "a toy", mirrors, {NAME: hashlib.sha256(CONTENT).hexdigest()}, package="dataset-toy")


def files_in(folder):
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_a_download_lands_in_the_cache_and_is_not_repeated(server, cache):
    toy = source(f"{server.base}/good/")
    path = fetch(toy, NAME)
    assert path == cache / NAME
    assert path.read_bytes() == CONTENT
    assert fetch(toy, NAME) == path
    assert server.asked == [f"/good/{NAME}"]
    assert files_in(cache) == [NAME]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_progress_bar_is_drawn_on_standard_error_for_a_terminal_only(server, cache, monkeypatch, capsys, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    fetch(source(f"{server.base}/good/"), NAME)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("100%" in err) == terminal


def test_a_damaged_file_in_the_cache_is_fetched_again(server, cache):
    cache.mkdir(parents=True)
    (cache / NAME).write_bytes(CONTENT[:100])
    assert fetch(source(f"{server.base}/good/"), NAME).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("wrong", "what came is not the published file (its SHA-256 differs)"),
        ("truncated", "the download broke off"),
        ("absent", "the server answered 404"),
    ],
)
def test_a_bad_answer_names_url_reason_and_remedies_and_leaves_nothing(server, cache, kind, said):
    with pytest.raises(DataError) as refusal:
        fetch(source(f"{server.base}/{kind}/"), NAME)
    message = str(refusal.value)
    assert f"cannot download {NAME} of toy: {server.base}/{kind}/{NAME}: {said}." in message
    assert "--data DIR" in message
    assert "install the package dataset-toy" in message
    assert refusal.value.__cause__ is None
    assert files_in(cache) == []


def test_a_refused_connection(server, cache):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as gone:
        port = gone.server_port
    with pytest.raises(DataError, match=f"http://127.0.0.1:{port}/{NAME}: no connection"):
        fetch(source(f"http://127.0.0.1:{port}/"), NAME)
    assert files_in(cache) == []


def test_the_next_mirror_is_tried_and_all_failures_are_told(server, cache):
    bad, good = f"{server.base}/absent/", f"{server.base}/good/"
    with pytest.raises(DataError, match=r"answered 404; .*SHA-256 differs"):
        fetch(source(bad, f"{server.base}/wrong/"), NAME)
    assert fetch(source(bad, good), NAME).read_bytes() == CONTENT


def test_an_interrupted_download_leaves_nothing(cache, monkeypatch):
    def broken_off(self, url, output_file, pooch, check_only=False):
        Path(output_file).write_bytes(CONTENT[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", broken_off)
    with pytest.raises(KeyboardInterrupt):
        fetch(source("http://127.0.0.1/"), NAME)
    assert files_in(cache) == []


def test_a_cache_that_cannot_be_written(server, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SUREFOOT_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="Not a directory"):
        fetch(source(f"{server.base}/good/"), NAME)


def test_a_folder_of_the_user_comes_first_and_must_have_the_files(tmp_path, image_folder):
    nowhere = evolve(SOURCES["mnist"], mirrors=())
    assert set(locate(nowhere, image_folder).values()) == set(image_folder.iterdir())
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(b"")
    with pytest.raises(DataError) as refusal:
        locate(FASHION, tmp_path)
    message = str(refusal.value)
    assert "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz" in message
    assert "t10k-labels" not in message
    assert str(tmp_path) in message


def test_an_installed_folder_is_used_only_when_complete(tmp_path, server, cache):
    toy = evolve(source(f"{server.base}/good/"), installed=tmp_path / "share")
    assert locate(toy) == {NAME: cache / NAME}
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / NAME).write_bytes(CONTENT)
    assert locate(toy) == {NAME: tmp_path / "share" / NAME}


def test_the_files_of_another_collection_are_refused(tmp_path, image_folder, as_idx):
    for path in image_folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.unlink()
    labels.write_bytes(as_idx(np.zeros(100, np.uint8)))
    with pytest.raises(DataError, match=r"should: uint8 \(60000,\); received 'uint8 \(100,\)'"):
        load("mnist", tmp_path)


def test_the_task_scales_pixels_and_holds_out_the_last_ten_thousand(image_folder):
    task = load("mnist", image_folder)
    (x, y), (held_x, held_y), (test_x, test_y) = task.train, task.validation, task.test
    assert x.shape == (50_000, 784)
    assert held_x.shape == test_x.shape == (10_000, 784)
    assert x.dtype == torch.float32
    assert y.dtype == held_y.dtype == test_y.dtype == torch.long
    assert torch.equal(x[:, 0] * 255, (torch.arange(50_000) % 251).float())
    assert torch.equal((held_x[:, 0] * 255).round(), (torch.arange(50_000, 60_000) % 251).float())
    assert (x[:, -1] == 1).all()
    assert torch.equal(held_y, torch.arange(50_000, 60_000) % 10)
    assert (task.name, task.batch_size, task.epochs, task.about) == ("mnist", 32, 10, SOURCES["mnist"].about)
    shapes = [tuple(parameter.shape) for parameter in task.model().parameters()]
    assert shapes == [(128, 784), (128,), (10, 128), (10,)]


def test_the_network_starts_from_glorot_uniform_weights_and_zero_biases(image_folder):
    torch.manual_seed(0)
    first, _, second = images(SOURCES["mnist"], image_folder).model()
    for layer, bound in ((first, (6 / (784 + 128)) ** 0.5), (second, (6 / (128 + 10)) ** 0.5)):
        assert layer.weight.abs().max() <= bound
        assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
        assert not layer.bias.any()


@debian
def test_fashion_mnist_from_the_installed_package():
    task = load("fashion-mnist")
    (x, y), (held_x, held_y), (test_x, test_y) = task.train, task.validation, task.test
    assert [len(part) for part in (x, held_x, test_x)] == [50_000, 10_000, 10_000]
    assert (x.min().item(), x.max().item()) == (0, 1)
    assert torch.equal(torch.cat([y, held_y]).bincount(), torch.full((10,), 6000))
    assert torch.equal(test_y.bincount(), torch.full((10,), 1000))
    assert y[:8].tolist() == [9, 0, 0, 3, 0, 2, 7, 2]  # the first labels of the published file
    assert (x.mean().item(), x.std().item()) == pytest.approx((0.286, 0.353), abs=1e-3)  # as its users normalise
    ready = prepare(task, watch="test")
    assert (len(ready.train), len(ready.watched), ready.test) == (60_000, 10_000, None)
    assert ready.steps == 18_750


def test_conv_is_fashion_mnist_with_an_axis_for_the_channel(image_folder):
    task, flat = load("conv", image_folder), load("fashion-mnist", image_folder)
    assert task.about == names()["conv"]
    for part, other in ((task.train, flat.train), (task.validation, flat.validation), (task.test, flat.test)):
        assert part[0].shape[1:] == (1, 28, 28)
        assert torch.equal(part[0].flatten(1), other[0])
        assert torch.equal(part[1], other[1])
    model = task.model()
    assert 20_000 < sum(p.numel() for p in model.parameters()) < 60_000
    assert model(task.train[0][:3]).shape == (3, 10)


@debian
def test_the_installed_files_hold_the_published_data():
    # SHA-256 of the files inside the published archives.
    inside = {
        "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    }
    for name, digest in inside.items():
        assert hashlib.sha256(gzip.decompress((FASHION.installed / name).read_bytes())).hexdigest() == digest


def test_each_collection_has_four_files_and_more_than_one_mirror():
    for name, collection in SOURCES.items():
        assert collection.name == name
        assert len(collection.sha256) == 4
        assert len(collection.mirrors) >= 2
        assert all(len(digest) == 64 and int(digest, 16) for digest in collection.sha256.values())
