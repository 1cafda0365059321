"""MNIST and Fashion-MNIST: where their files are found, how they are fetched, the task they make."""

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from surefoot.core.errors import DataError
from surefoot.core.task import Task
from surefoot.tasks.idx import read_idx

CONV = "70 000 pictures of clothes, 28×28, 10 classes; two convolutions, pooling and a linear layer; a minute a run"
HELD_OUT = 10_000  # the last of the 60 000 training images: the data to choose on


@frozen
class Source:
    """An image collection: its files with their SHA-256, and the places that have them."""

    name: str
    about: str
    mirrors: tuple[str, ...]  # tried in order
    sha256: Mapping[str, str]
    installed: Path | None = None  # where an operating system's package puts the files
    package: str = ""


# SHA-256 of the published .gz files, from pytorch/vision, torchvision/prototype/datasets/_builtin/mnist.py (all eight).
# Fashion-MNIST's authors publish MD5 only. Debian's files are the same data compressed anew, so their sums differ.
SOURCES = {
    "fashion-mnist": Source(
        name="fashion-mnist",
        about="70 000 pictures of clothes, 28×28, 10 classes; network 784-128-10",
        mirrors=(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        sha256={
            "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
        installed=Path("/usr/share/datasets/fashion-mnist"),
        package="dataset-fashion-mnist",
    ),
    "mnist": Source(
        name="mnist",
        about="70 000 handwritten digits, 28×28, 10 classes; network 784-128-10",
        mirrors=(
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ),
        sha256={
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ),
}


def images(source: Source, data: Path | None = None) -> Task:
    """The task on an image collection: x `[N, 784]` float32 in 0..1, y `[N]` long; 50 000 / 10 000 / 10 000 images.

    Parameters: `data`, a folder that has the four IDX files, plain or gzipped; None looks where a package of the
    operating system puts them, then in the cache ($SUREFOOT_CACHE, or the user's cache folder), and then downloads.
    Raises DataError for files that are absent, damaged or cannot be downloaded.

    Sources: LeCun et al., Gradient-based learning applied to document recognition, 1998 (MNIST);
    Xiao, Rasul and Vollgraf, Fashion-MNIST, arXiv:1708.07747.
    """
    from surefoot.tasks.mlp import mlp

    x, y, test_x, test_y = _pictures(source, data)
    x, test_x = x.flatten(1), test_x.flatten(1)
    return _task(source.name, source.about, partial(mlp, 784, 128, 10), x, y, test_x, test_y)


def conv(data: Path | None = None) -> Task:
    """Fashion-MNIST for a convolutional network: x `[N, 1, 28, 28]` float32 in 0..1, y `[N]` long; else as `images`."""
    from surefoot.tasks.mlp import cnn

    x, y, test_x, test_y = _pictures(SOURCES["fashion-mnist"], data)
    made = _task("conv", CONV, cnn, x.unsqueeze(1), y, test_x.unsqueeze(1), test_y)
    return evolve(made, batch_size=64, epochs=5)


def _pictures(source: Source, data: Path | None) -> tuple[Any, Any, Any, Any]:
    import torch

    paths = locate(source, data)
    x, y, test_x, test_y = (
        torch.from_numpy(_sized(paths[name], name))
        for name in (f"{part}-{what}-ubyte.gz" for part in ("train", "t10k") for what in ("images-idx3", "labels-idx1"))
    )
    return x / 255, y.long(), test_x / 255, test_y.long()


def _task(name: str, about: str, model: Callable[[], Any], x: Any, y: Any, test_x: Any, test_y: Any) -> Task:
    return Task(
        name=name,
        model=model,
        loss="cross_entropy",
        train=(x[:-HELD_OUT], y[:-HELD_OUT]),
        validation=(x[-HELD_OUT:], y[-HELD_OUT:]),
        test=(test_x, test_y),
        batch_size=32,
        epochs=10,
        about=about,
    )


def locate(source: Source, data: Path | None = None) -> dict[str, Path]:
    """Where each file is, by its published name; downloaded into the cache if it is nowhere. Raises DataError."""
    if data is not None:
        found = _in_folder(source, data)
        absent = [name for name in source.sha256 if name not in found]
        if absent:
            remedy = "give the folder that has them, plain or with .gz"
            raise DataError(f"no {', '.join(absent)} of {source.name} there", received=str(data), remedy=remedy)
        return found
    if source.installed is not None:
        found = _in_folder(source, source.installed)
        if len(found) == len(source.sha256):
            return found
    return {name: fetch(source, name) for name in source.sha256}


def fetch(source: Source, name: str) -> Path:
    """The file in the cache, downloaded from the first mirror that gives its true content. Raises DataError."""
    import pooch

    cache = Path(os.environ.get("SUREFOOT_CACHE") or pooch.os_cache("surefoot")).expanduser() / source.name
    # Asking for the bytes as they are: a server's own compression on top would change what is hashed.
    downloader = pooch.HTTPDownloader(
        progressbar=sys.stderr.isatty(),
        chunk_size=1 << 16,
        headers={"Accept-Encoding": "identity"},
    )
    told: list[str] = []
    for mirror in source.mirrors:
        try:
            # pooch writes to a temporary file and moves it to its name only when the hash is right.
            return Path(pooch.retrieve(mirror + name, source.sha256[name], name, cache, downloader=downloader))
        except (OSError, ValueError) as wrong:
            told.append(f"{mirror}{name}: {_reason(wrong)}")
    remedy = f"try again, or give a folder that has the files (--data DIR; load({source.name!r}, data=DIR))"
    remedy += f", or install the package {source.package} (Debian, Ubuntu)" if source.package else ""
    raise DataError(f"cannot download {name} of {source.name}: {'; '.join(told)}", remedy=remedy) from None


def _in_folder(source: Source, folder: Path) -> dict[str, Path]:
    candidates = {name: (folder / name, folder / name.removesuffix(".gz")) for name in source.sha256}
    found = {name: next((path for path in paths if path.is_file()), None) for name, paths in candidates.items()}
    return {name: path for name, path in found.items() if path is not None}


def _sized(path: Path, name: str) -> Any:
    array = read_idx(path)
    count = 60_000 if name.startswith("train") else 10_000
    expected = (count, 28, 28) if "images" in name else (count,)
    if array.shape != expected or array.dtype != "uint8":
        received = f"{array.dtype} {array.shape}"
        raise DataError(f"{path} does not hold what {name} should: uint8 {expected}", received=received)
    return array


_REASONS = {  # exceptions of the HTTP library, by name so that it need not be imported
    "ConnectionError": "no connection",
    "ConnectTimeout": "no answer",
    "ReadTimeout": "the server stopped answering",
    "ChunkedEncodingError": "the download broke off",
}


def _reason(wrong: Exception) -> str:
    response = getattr(wrong, "response", None)
    if response is not None:
        response.close()  # read no further: its connection would stay open with it
        return f"the server answered {response.status_code}"
    if not isinstance(wrong, OSError):
        return "what came is not the published file (its SHA-256 differs)"
    return _REASONS.get(type(wrong).__name__) or str(wrong)
