"""What is known of a training, as the chooser asks for it; what follows from it, and what cannot be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from attrs import Attribute, evolve, field, fields, frozen

from surefoot.core.errors import UsageError
from surefoot.core.language import Words

TASKS = ("classification", "regression", "time-series", "language")
MODELS = ("linear", "mlp", "cnn", "rnn", "transformer")
LOSSES = ("steady", "unstable")
FITS = ("over", "under", "good")
LENGTHS = ("known", "unknown")

SIMPLE = ("linear", "mlp")  # of the models: shallow
# Samples seen in the whole training (samples × epochs) and, where the epochs are not known, samples: below the first
# it is small, from the second on large. The textbook gives no numbers: these are an assumption, and are told.
SEEN = (100_000, 10_000_000)
SAMPLES = (10_000, 500_000)
LARGE_BATCH = 1024  # samples an update; an assumption too


def _one_of(*known: str) -> Any:
    def check(owner: Answers, attribute: Attribute[Any], value: Any) -> None:
        if value is not None and value not in known:
            raise UsageError(f"{attribute.name} must be one of {', '.join(known)}", received=value)

    return field(default=None, validator=check, metadata={"choices": known})


def _count() -> Any:
    def check(owner: Answers, attribute: Attribute[Any], value: Any) -> None:
        if value is None:
            return
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UsageError(f"{attribute.name} must be a whole number above 0", received=value)

    return field(default=None, validator=check)


def _flag() -> Any:
    def check(owner: Answers, attribute: Attribute[Any], value: Any) -> None:
        if value is not None and not isinstance(value, bool):
            raise UsageError(f"{attribute.name} must be True, False or None", received=value)

    return field(default=None, validator=check)


@frozen(kw_only=True)
class Answers:
    """What is known of a training; None where it is not.

    Parameters:
        task: "classification", "regression", "time-series", "language".
        samples: in the training set; epochs: passes over it; batch_size: samples an update.
        length: "known", or "unknown" where it is not settled how long to train.
        model: "linear", "mlp", "cnn", "rnn", "transformer"; parameters: how many numbers it learns.
        pretrained: whether it is fine-tuned; sensitive: whether the learning rate matters much.
        val_loss: how the validation loss moves, "steady" or "unstable"; fit: "over", "under" or "good".
        sparse: whether most inputs are zero, as words of a text are.

    Raises UsageError for a value out of range, and for answers that contradict each other.

    >>> Answers(samples=60_000, epochs=10, model="cnn").derived["scale"]
    'medium'
    """

    task: str | None = _one_of(*TASKS)
    samples: int | None = _count()
    epochs: int | None = _count()
    batch_size: int | None = _count()
    length: str | None = _one_of(*LENGTHS)
    model: str | None = _one_of(*MODELS)
    parameters: int | None = _count()
    pretrained: bool | None = _flag()
    sensitive: bool | None = _flag()
    val_loss: str | None = _one_of(*LOSSES)
    fit: str | None = _one_of(*FITS)
    sparse: bool | None = _flag()

    def __attrs_post_init__(self) -> None:
        if self.samples is not None and self.batch_size is not None and self.batch_size > self.samples:
            raise UsageError(
                f"a batch of {self.batch_size} samples does not fit a training set of {self.samples}",
                remedy="give a smaller batch size, or the right number of samples",
            )
        if self.length == "unknown" and self.epochs is not None:
            raise UsageError(
                "the length of the training cannot be unknown and given at once",
                received=f"length='unknown', epochs={self.epochs}",
                remedy="leave one of them out",
            )
        if self.pretrained and self.model == "linear":
            raise UsageError(
                "a linear model has nothing to be fine-tuned",
                received="model='linear', pretrained=True",
                remedy="name the model that was pretrained; for a linear layer on frozen features leave pretrained out",
            )

    @property
    def derived(self) -> Mapping[str, Any]:
        """What rules ask for: the answers, and what follows from them."""
        given = {each.name: getattr(self, each.name) for each in fields(Answers)}
        return given | {
            "scale": self._scale(),
            "depth": None if self.model is None else "simple" if self.model in SIMPLE else "deep",
            "large_batch": None if self.batch_size is None else self.batch_size >= LARGE_BATCH,
            "length": self.length or "known",
        }

    def _scale(self) -> str | None:
        if self.samples is None:
            return None
        size, (small, large) = (self.samples, SAMPLES) if self.epochs is None else (self.samples * self.epochs, SEEN)
        return "small" if size < small else "medium" if size < large else "large"

    @property
    def steps(self) -> int | None:
        """The updates of the training, where they can be reckoned."""
        if self.samples is None or self.epochs is None or self.batch_size is None:
            return None
        return self.epochs * math.ceil(self.samples / self.batch_size)

    def assumptions(self, _: Words) -> list[str]:
        """What was assumed because nobody said."""
        told = []
        if self.samples is not None and self.epochs is not None:
            seen, (small, large) = self.samples * self.epochs, SEEN
            told.append(
                _(
                    "{samples:,} samples × {epochs} epochs = {seen:,} samples seen count as {scale} "
                    "(small below {small:,}, large from {large:,})",
                    samples=self.samples, epochs=self.epochs, seen=seen, scale=_scale_word(self._scale(), _),
                    small=small, large=large,
                )
            )  # fmt: skip
        elif self.samples is not None:
            small, large = SAMPLES
            told.append(
                _(
                    "{samples:,} samples count as {scale} (small below {small:,}, large from {large:,})",
                    samples=self.samples, scale=_scale_word(self._scale(), _), small=small, large=large,
                )
            )  # fmt: skip
        if self.length is None and self.epochs is None:
            told.append(_("that you know how long you will train; if not, say --length unknown"))
        if self.batch_size is not None and self.batch_size >= LARGE_BATCH:
            told.append(_("batches of {count} samples and more count as large", count=LARGE_BATCH))
        return told


def known(answers: Answers) -> dict[str, Any]:
    """The answers that were given."""
    return {each.name: value for each in fields(Answers) if (value := getattr(answers, each.name)) is not None}


def answered(answers: Answers, more: Mapping[str, Any]) -> Answers:
    """The answers with others in their place. Raises UsageError as `Answers` does."""
    changed: Callable[..., Answers] = evolve
    return changed(answers, **more)


def filled(given: Answers, read: Answers) -> tuple[Answers, list[str]]:
    """The answers given, with what was read where nothing was given; and the questions answered otherwise than read."""
    mine, theirs = known(given), known(read)
    otherwise = [name for name, value in mine.items() if name in theirs and theirs[name] != value]
    if given.length == "unknown":
        theirs.pop("epochs", None)
    return answered(given, {name: value for name, value in theirs.items() if name not in mine}), otherwise


def _scale_word(scale: str | None, _: Words) -> str:
    return {"small": _("small"), "medium": _("medium"), "large": _("large")}.get(scale or "", "")


Show = Callable[[Words], str]
QUESTIONS: Mapping[str, Show] = {
    "task": lambda _: _("What is the task?"),
    "samples": lambda _: _("How many training samples?"),
    "epochs": lambda _: _("How many epochs will you train?"),
    "batch_size": lambda _: _("How many samples in a batch?"),
    "model": lambda _: _("What kind of model?"),
    "pretrained": lambda _: _("Is it a pretrained model that you fine-tune?"),
    "sensitive": lambda _: _("Is it sensitive to the learning rate?"),
    "val_loss": lambda _: _("How does the validation loss move?"),
    "fit": lambda _: _("Does it fit too closely (over), not enough (under), or well (good)?"),
    "sparse": lambda _: _("Are most inputs zero (sparse, such as word counts)?"),
}

LABELS: Mapping[str, Show] = {
    "task": lambda _: _("task"),
    "samples": lambda _: _("samples"),
    "epochs": lambda _: _("epochs"),
    "batch_size": lambda _: _("batch size"),
    "length": lambda _: _("length of the training"),
    "model": lambda _: _("model"),
    "parameters": lambda _: _("parameters"),
    "pretrained": lambda _: _("pretrained"),
    "sensitive": lambda _: _("sensitive to the learning rate"),
    "val_loss": lambda _: _("validation loss"),
    "fit": lambda _: _("fit"),
    "sparse": lambda _: _("sparse"),
}
VALUES: Mapping[str, Show] = {
    "classification": lambda _: _("classification"),
    "regression": lambda _: _("regression"),
    "time-series": lambda _: _("time series"),
    "language": lambda _: _("language"),
    "linear": lambda _: _("linear model"),
    "mlp": lambda _: _("MLP"),
    "cnn": lambda _: _("CNN"),
    "rnn": lambda _: _("RNN"),
    "transformer": lambda _: _("transformer"),
    "steady": lambda _: _("steady"),
    "unstable": lambda _: _("unstable"),
    "over": lambda _: _("over-fitting"),
    "under": lambda _: _("under-fitting"),
    "good": lambda _: _("good"),
    "known": lambda _: _("known"),
    "unknown": lambda _: _("unknown"),
}
