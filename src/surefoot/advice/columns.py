"""Which column of a training history is what: told by its name, whatever its spelling."""

import re
from collections.abc import Iterable

from attrs import frozen

VALIDATION = ("val", "valid", "validation", "eval", "evaluation", "dev", "test")  # the ones before are preferred
TRAINING = frozenset({"train", "training", "tr"})
LOSS = frozenset({"loss", "losses", "nll", "cost"})
ERROR = frozenset({"mse", "rmse", "mae", "ce", "bce", "crossentropy", "perplexity", "ppl", "error", "err", "value"})
METRIC = frozenset(
    {"accuracy", "acc", "top1", "f1", "auc", "auroc", "precision", "recall", "iou", "miou", "dice", "r2"}
)
RATE = frozenset({"lr", "learningrate", "lrs"})
EPOCH = frozenset({"epoch", "epochs", "ep"})
STEP = frozenset({"step", "steps", "iteration", "iterations", "iter", "iters", "it", "update", "updates", "batch"})
# Tokens that turn a loss into something else: AMP's scale, the envelopes in an export of Weights & Biases, records.
OTHER = frozenset({"min", "max", "std", "var", "scale", "scaler", "best", "delta", "time", "grad", "norm"})
NEUTRAL = TRAINING | EPOCH | frozenset(VALIDATION) | {"avg", "mean", "average", "total", "running", "global", "trainer"}
CHINESE = {"训练": "train", "验证": "val", "测试": "test", "损失": "loss", "准确率": "accuracy", "精度": "accuracy"}
CHINESE |= {
    "学习率": "lr",
    "轮次": "epoch",
    "轮数": "epoch",
    "轮": "epoch",
    "迭代": "step",
    "步数": "step",
    "步": "step",
}

_GLUED = re.compile(
    rf"({'|'.join(sorted([*TRAINING, *VALIDATION], key=len, reverse=True))})"
    r"(loss|accuracy|acc|mse|mae|rmse|error|err)"
)


@frozen
class Columns:
    """Column names by what they hold, the likeliest first; `epoch` and `step` are places, the others are series."""

    series: dict[str, list[str]]
    epoch: list[str]
    step: list[str]
    stand_in: bool  # no column says that it is a loss; one that is likely to be is taken

    @property
    def all(self) -> set[str]:
        """Every name that means something."""
        return {name for names in (*self.series.values(), self.epoch, self.step) for name in names}


def recognise(names: Iterable[str]) -> Columns:
    """What each column holds.

    >>> found = recognise(["Epoch", "train/loss", "loss_scale", "valLoss", "val_accuracy", "lr-Adam/pg1"])
    >>> found.series["loss"], found.series["val_loss"], found.series["val_metric"], found.series["lr"], found.epoch
    (['train/loss'], ['valLoss'], ['val_accuracy'], ['lr-Adam/pg1'], ['Epoch'])
    """
    ranked: dict[str, list[tuple[int, int, str]]] = {}
    for position, name in enumerate(names):
        parts = tokens(name)
        if kind := _kind(parts):
            ranked.setdefault(kind, []).append((_strangeness(parts), position, name))
    found = {kind: [name for *_, name in sorted(each)] for kind, each in ranked.items()}
    stand_in = not ("loss" in found or "val_loss" in found)
    errors = {kind: found.pop(f"{kind} error", []) for kind in ("loss", "val_loss")}
    if stand_in:
        found |= {kind: each for kind, each in errors.items() if each}
    return Columns(found, found.pop("epoch", []), found.pop("step", []), stand_in)


def tokens(name: str) -> list[str]:
    """The words of a name: "valLoss" is val and loss."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    for chinese, english in CHINESE.items():
        words = words.replace(chinese, f"_{english}_")
    text = re.sub(r"[^a-z0-9]+", "_", words.lower()).replace("learning_rate", "learningrate")
    text = text.replace("cross_entropy", "crossentropy").replace("top_1", "top1")
    parts: list[str] = []
    for part in text.split("_"):
        glued = _GLUED.fullmatch(part)
        parts += glued.groups() if glued else [part] if part else []
    return parts


def _kind(parts: list[str]) -> str | None:
    """A series' name, "epoch", "step", or None."""
    has = set(parts)
    if has & OTHER:
        return None
    val = "val_" if has & set(VALIDATION) else ""
    if has & LOSS:
        return f"{val}loss"
    if has & METRIC:
        return f"{val}metric"
    if has & RATE:
        return "lr"
    if has & ERROR:
        return f"{val}loss error"
    if has & EPOCH and has <= EPOCH | TRAINING:
        return "epoch"
    return "step" if has & STEP and has <= STEP | NEUTRAL else None


def _strangeness(parts: list[str]) -> int:
    """How far a name is from the plain one, for choosing between several."""
    plain = NEUTRAL | LOSS | METRIC | RATE | ERROR
    score = sum(4 for part in parts if part not in plain and part not in STEP)
    score += 2 * any(part in STEP for part in parts)  # a mean over the epoch is less noisy than one step's value
    score += next((i for i, part in enumerate(VALIDATION) if part in parts), 0)  # validation before test
    return 2 * score - any(part in TRAINING for part in parts)  # `train_loss` says more than `loss`
