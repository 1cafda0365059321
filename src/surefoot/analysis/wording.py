"""Words that several sentences share: the names of what is measured, and sentences one after another."""

from collections.abc import Iterable
from functools import reduce

from surefoot.core.language import Words


def metric(_: Words, name: str) -> str:
    """A metric in a sentence; one of the user's own by the name that it has."""
    return {"accuracy": _("accuracy"), "loss": _("loss")}.get(name, name)


def final(_: Words, name: str) -> str:
    """A metric at the end of training."""
    known = {"accuracy": _("final accuracy"), "loss": _("final loss")}
    return known.get(name) or _("final {metric}", metric=name)


def observed(_: Words, where: str, name: str) -> str:
    """A quantity on the set that it was observed on.

    >>> from surefoot.core.language import words
    >>> observed(words(), "validation", "accuracy"), observed(words(), "test", "F1")
    ('validation accuracy', 'test F1')
    """
    if name == "train_loss":
        return _("training loss")
    # Whole names: where words touch (验证集损失) and where they do not (验证集 F1) is for the language to say.
    known = {
        ("validation", "accuracy"): _("validation accuracy"),
        ("validation", "loss"): _("validation loss"),
        ("test", "accuracy"): _("test accuracy"),
        ("test", "loss"): _("test loss"),
    }
    other = _("validation {metric}", metric=name) if where == "validation" else _("test {metric}", metric=name)
    return known.get((where, name), other)


def in_turn(_: Words, sentences: Iterable[str]) -> str:
    """Sentences one after another, with a space between them where the language has one."""
    return reduce(lambda before, after: _("{before} {after}", before=before, after=after), sentences)
