"""The built-in language task: the next character of English prose that comes with Python."""

from typing import Any

from surefoot.core.errors import DataError
from surefoot.core.task import Metric, Task

ABOUT = (
    "the next character of Python's manual, 64 at a time; transformer decoder, 2 layers of 64; some ten seconds a run"
)
CONTEXT = 64
CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))  # what is none of these counts as one more


def text() -> Task:
    """Python's manual as it ships with Python: x `[N, 64]` characters, y `[N, 64]`, the character after each.

    The topics of `help()`, sorted by name, are cut into windows of 64 characters. The first 80 % of the text are for
    training, the next 10 % to choose on, the last 10 % to test; no character is in two of them. There are 97 classes:
    ASCII's 95 printable characters, the line break, and one for all others. The text is that of the Python which runs:
    another version has another, and another fingerprint.

    Raises DataError where this Python comes without it.

    Sources: the network, Radford et al., Language models are unsupervised multitask learners, 2019; the tied weights,
    Press and Wolf, Using the output embedding to improve language models, arXiv:1608.05859.
    """
    from functools import partial

    from surefoot.tasks.decoder import Decoder

    whole = _numbers(_manual())
    first, second = len(whole) * 8 // 10, len(whole) * 9 // 10
    return Task(
        name="char-lm",
        model=partial(Decoder, len(CHARACTERS) + 1, CONTEXT),
        loss="cross_entropy",
        train=_windows(whole[:first]),
        validation=_windows(whole[first:second]),
        test=_windows(whole[second:]),
        metrics=[Metric("bits per character", bits, "min"), "accuracy"],
        batch_size=8,
        epochs=2,
        about=ABOUT,
    )


def bits(outputs: Any, targets: Any) -> Any:
    """The bits that a character costs: −mean log₂ p(character).

    Parameters: `outputs` `[N, classes, T]`, logits; `targets` `[N, T]`.

    >>> import torch
    >>> bits(torch.zeros(5, 4, 2), torch.zeros(5, 2, dtype=torch.long))
    tensor(2.)
    """
    import math

    from torch.nn.functional import cross_entropy

    return cross_entropy(outputs, targets) / math.log(2)


def _manual() -> str:
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise DataError(
            "this Python comes without the text of its manual, the module pydoc_data.topics of its standard library",
            remedy="take a Python with the whole standard library, as python.org and Debian give it, or another task",
        ) from None
    return "\n".join(topics[name] for name in sorted(topics))


def _numbers(text: str) -> Any:
    import torch

    places = {character: i for i, character in enumerate(CHARACTERS)}
    return torch.tensor([places.get(character, len(CHARACTERS)) for character in text])


def _windows(part: Any) -> tuple[Any, Any]:
    count = (len(part) - 1) // CONTEXT
    x, y = part[: count * CONTEXT], part[1 : count * CONTEXT + 1]
    return x.view(count, CONTEXT), y.view(count, CONTEXT)
