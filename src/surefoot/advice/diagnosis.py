"""What a training history shows: what is wrong, the numbers that say so, and what to do."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from attrs import frozen

from surefoot.advice import remedies, signs
from surefoot.advice.history import ENGLISH, History, Series
from surefoot.advice.places import Unit
from surefoot.advice.trend import FEWEST, Curve, noise, smooth
from surefoot.core.language import Words

Kind = Literal["diverging", "over-fitting", "oscillating", "plateau", "too slow", "healthy", "too short"]
QUESTION, FIT = "val_loss", "fit"  # the chooser's questions that a history answers
ENOUGH = 8  # points without a sign of trouble, from which on that means something
SPIKE, SPIKE_NOISE = 0.2, 8.0  # a single value stands out by this much of the fall, and by so many times the noise
SOURCE = "textbook"  # of sources.yaml: where a remedy comes from; the others are this project's own rules of thumb


@frozen
class Finding:
    """One thing that a history shows: its kind, the evidence in numbers, what to do, and where that is from."""

    kind: Kind
    evidence: str
    remedy: str
    source: str | None = None


@frozen
class Diagnosis:
    """What a history shows, the gravest first, and what that answers of the chooser's questions."""

    findings: tuple[Finding, ...]
    answers: Mapping[str, str]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of the findings."""
        return tuple(finding.kind for finding in self.findings)


def diagnose(history: History, _: Words = ENGLISH) -> Diagnosis:
    """What a training history shows.

    Parameters:
        history: what `read_history` gave; a training loss, a validation loss, or both; rates are used where they are.
        _: the language of evidence and remedies.

    `answers` holds "val_loss": "unstable" or "steady", and "fit": "over" or "under"; neither where it cannot be said.

    >>> x = np.arange(20.0)
    >>> loss = Series(x, 2 - 0.01 * x, "loss", "epoch")
    >>> print(diagnose(History({"loss": loss})).findings[0].evidence)
    The training loss still falls as it did at first: by 0.06 from epoch 13 on, by 0.18 from 2 in all.
    """
    losses = {key: history.series[key] for key in ("loss", "val_loss") if key in history.series}
    lost = [found for key, series in losses.items() if (found := _not_finite(key, series, history, _))]
    if lost:
        return Diagnosis((lost[0],), {})
    curves = {key: Curve.of(series.x, series.y) for key, series in losses.items() if len(series.y) >= FEWEST}
    if not curves:
        return Diagnosis((_too_short(max(map(len, (s.y for s in losses.values())), default=0), _),), {})
    judge = _Judge(history, curves, _)
    findings = judge.findings()
    return Diagnosis(tuple(findings), judge.answers(findings))


def place(x: float, unit: Unit, _: Words) -> str:
    """Where that is: "epoch 3".

    >>> place(3.0, "epoch", ENGLISH)
    'epoch 3'
    """
    if unit == "epoch":
        return _("epoch {x:g}", x=x)
    return _("step {x:.0f}", x=x) if unit == "step" else _("row {x:.0f}", x=x)


def _which(key: str, _: Words) -> str:
    return _("training loss") if key == "loss" else _("validation loss")


def _not_finite(key: str, series: Series, history: History, _: Words) -> Finding | None:
    wrong = ~np.isfinite(series.y)
    if not wrong.any():
        return None
    first, which = int(wrong.argmax()), _which(key, _)
    where = place(float(series.x[first]), series.unit, _)
    if first == 0:
        evidence = _("The {which} is not finite from the first value on.", which=which)
    elif wrong[first:].all():
        last = float(series.y[first - 1])
        evidence = _(
            "The {which} is not finite from {where} on; before, it was {last:.3g}.", which=which, where=where, last=last
        )
    else:
        evidence = _("The {which} is not finite at {where}.", which=which, where=where)
    return Finding("diverging", evidence, remedies.lower(history, _))


def _too_short(points: int, _: Words) -> Finding:
    evidence = _.plural("{count} point says nothing yet.", "{count} points say nothing yet.", points)
    return Finding("too short", evidence, _("Train longer, or write the loss down more often."))


class _Judge:
    """Signs in the curves of one history, in words."""

    def __init__(self, history: History, curves: Mapping[str, Curve], _: Words) -> None:
        self.history, self.curves, self.words = history, curves, _
        self.key = "loss" if "loss" in curves else "val_loss"
        self.main = curves[self.key]
        self.unit = history.series[self.key].unit
        self.validation = curves.get("val_loss")
        training = curves.get("loss")
        self.over = signs.overfitting(self.validation, training) if self.validation else None
        self.fall = max(curve.fall * curve.unit for curve in curves.values())
        self.flat = {key: signs.flat(curve) for key, curve in curves.items()}
        self.strays = {key: signs.oscillating(curve, self.fall / curve.unit) for key, curve in curves.items()}

    def findings(self) -> list[Finding]:
        """The gravest first: what ruins a run, what wastes it, what could be better."""
        risen = signs.diverging(self.main)
        # A validation loss alone that has fallen and rises again is over-fitted sooner than it diverges.
        if risen and not (self.over and not risen.above_first):
            return [self._risen(risen)]
        found = [self._overfitting(self.over)] if self.over else []
        judged = [key for key in self.curves if not (self.over and key == "val_loss")]
        straying = [(k, s) for k in judged if (s := self.strays[k]) and not remedies.swings(self.history, s.since)]
        found += [self._straying(key, strays) for key, strays in straying[:1]]
        if not found and (still := self.flat[self.key]):
            found.append(self._plateau(still))
        if not found and (slow := signs.slow(self.main)):
            found.append(self._slow(slow))
        if found:
            return found
        points = len(self.history.series[self.key].y)
        return [self._healthy()] if points >= ENOUGH else [_too_short(points, self.words)]

    def answers(self, findings: list[Finding]) -> dict[str, str]:
        """How the validation loss behaves, and how the model fits."""
        if self.validation is None or findings[0].kind in ("diverging", "too short"):
            return {}
        if self.over:
            return {FIT: "over"}
        if self.strays["val_loss"]:
            return {QUESTION: "unstable"}
        fit = {FIT: "under"} if findings[0].kind == "plateau" and self._underfit() else {}
        still = self.flat["val_loss"] or not signs.falling(self.validation)
        return fit if still else {QUESTION: "steady", **fit}

    def _underfit(self) -> bool:
        """Whether the training loss stands as high as the validation loss."""
        if self.validation is None or self.key != "loss":
            return False
        gap = abs(self.validation.end * self.validation.unit - self.main.end * self.main.unit)
        return gap < remedies.SAME * self.fall and self.main.end > remedies.LOW * self.main.first

    def _risen(self, risen: signs.Risen) -> Finding:
        _, which = self.words, _which(self.key, self.words)
        if risen.above_first:
            said = _(
                "The {which} ends at {end:.3g}, above the {start:.3g} it began with.",
                which=which, end=risen.end, start=risen.start,
            )  # fmt: skip
        else:
            said = _(
                "The {which} was down to {start:.3g} at {where}; since then it has risen to {end:.3g} and "
                "goes on rising.",
                which=which, start=risen.start, end=risen.end, where=place(risen.place, self.unit, _),
            )  # fmt: skip
        return Finding("diverging", said, remedies.lower(self.history, _))

    def _overfitting(self, over: signs.Overfit) -> Finding:
        _ = self.words
        where = place(over.place, self.history.series["val_loss"].unit, _)
        lost = over.end - over.least
        if over.training:
            said = _(
                "The validation loss was least, {least:.3g}, at {where} and has risen by {lost:.2g} to {end:.3g} "
                "since, while the training loss fell from {was:.3g} to {now:.3g}.",
                least=over.least, where=where, lost=lost, end=over.end, was=over.training[0], now=over.training[1],
            )  # fmt: skip
        else:
            said = _(
                "The validation loss was least, {least:.3g}, at {where} and has risen by {lost:.2g} to {end:.3g} "
                "since.",
                least=over.least, where=where, lost=lost, end=over.end,
            )  # fmt: skip
        remedy = _(
            "Take the weights of {where}: keep the best checkpoint and stop there. More weight decay.", where=where
        )
        return Finding("over-fitting", said, remedy, SOURCE)

    def _straying(self, key: str, strays: signs.Strays) -> Finding:
        _ = self.words
        which, where = _which(key, _), place(strays.since, self.history.series[key].unit, _)
        if strays.share is None:
            said = _(
                "The {which} goes up and down by {amount:.2g} from {where} on, and has not fallen by more than that.",
                which=which, amount=strays.amount, where=where,
            )  # fmt: skip
        else:
            said = _(
                "The {which} strays by {amount:.2g} about its trend from {where} on, {share:.0%} of all it has "
                "fallen.",
                which=which, amount=strays.amount, where=where, share=strays.share,
            )  # fmt: skip
        return Finding("oscillating", said, remedies.calm(self.history, _), SOURCE)

    def _plateau(self, still: signs.Flat) -> Finding:
        _, which = self.words, _which(self.key, self.words)
        if still.never:
            said = _("The {which} has stayed at {level:.4g} from the beginning.", which=which, level=still.level)
            return Finding("plateau", said, remedies.either(self.history, _))
        said = _(
            "The {which} stands at {level:.3g} from {where} on: since then it changes by {lately:.1g}, after a fall "
            "of {fall:.3g} in all.",
            which=which, level=still.level, where=place(still.since, self.unit, _),
            lately=abs(still.lately), fall=still.fall,
        )  # fmt: skip
        remedy = remedies.stalled(self.history, still.since, _)
        if self._underfit():
            remedy = _("{one} {two}", one=remedy, two=remedies.underfit(_))
        return Finding("plateau", said, remedy)

    def _slow(self, slow: signs.Slow) -> Finding:
        _ = self.words
        said = _(
            "The {which} still falls as it did at first: by {lately:.2g} from {where} on, by {fall:.2g} from "
            "{first:.3g} in all.",
            which=_which(self.key, _), where=place(float(self.main.x[self.main.tail][0]), self.unit, _),
            lately=slow.lately, fall=slow.fall, first=slow.first,
        )  # fmt: skip
        return Finding("too slow", said, remedies.faster(self.history, _))

    def _spike(self) -> str | None:
        """The highest single value far above its neighbours, after the beginning."""
        _, series = self.words, self.history.series[self.key]
        y = series.y / self.main.unit
        away = y - smooth(y)
        away[: len(away) // 10 + 1] = 0
        at = int(away.argmax())
        if away[at] <= max(SPIKE * self.fall / self.main.unit, SPIKE_NOISE * noise(y)):
            return None
        where = place(float(series.x[at]), series.unit, _)
        return _("One value stands out: {value:.3g} at {where}.", value=float(series.y[at]), where=where)

    def _healthy(self) -> Finding:
        _, main = self.words, self.main
        said = _(
            "The {which} has fallen from {first:.3g} to about {end:.3g}, and shows none of the signs of trouble.",
            which=_which(self.key, _), first=main.first * main.unit, end=main.end * main.unit,
        )  # fmt: skip
        if (spike := self._spike()) is not None:
            said = _("{one} {two}", one=said, two=spike)
        return Finding("healthy", said, _("Nothing needs mending; compare recipes to see whether another does better."))
