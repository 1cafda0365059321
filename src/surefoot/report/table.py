"""The comparison as a table of text."""

from __future__ import annotations

import textwrap

from tabulate import tabulate

from surefoot.analysis import Interval, Summary
from surefoot.analysis.wording import final, in_turn
from surefoot.core.language import Words
from surefoot.optimizers import parse
from surefoot.report.findings import Findings
from surefoot.report.wrapping import wrapped

WIDTH = 110


def rows(comparison: Findings) -> tuple[list[str], list[list[str]]]:
    """Headings and cells, from best to worst; the same for the terminal and the page."""
    verdict, _ = comparison.verdict, comparison.words
    shown = _headings(comparison, _)
    cells = []
    for summary in comparison.ranked():
        mark = "★" if summary.name == verdict.best else "=" if summary.name in verdict.ties else ""
        row = [
            mark,
            summary.name,
            rate(comparison, summary.name),
            interval(summary.final),
            mean(summary.best),
            _steps(summary),
            "–" if summary.wobble is None else f"{summary.wobble:.2g}",
            _diverged(summary, _),
            f"{summary.seconds:.2g}",
        ]
        if _tested(comparison):
            row.insert(5, mean(summary.test))
        cells.append(row)
    return shown, cells


def _headings(comparison: Findings, _: Words) -> list[str]:
    facts, target = comparison.study.facts, comparison.target
    sign = "≥" if facts.goal == "max" else "≤"
    reach = _("steps to target")
    if target is not None:
        reach = _("steps to {sign} {target}", sign=sign, target=f"{target:.4g}")
    shown = ["", _("recipe"), _("lr"), final(_, facts.rank), _("best"), reach, _("wobble"), _("diverged"), _("s/run")]
    if _tested(comparison):
        shown.insert(5, _("test"))
    return shown


def _tested(comparison: Findings) -> bool:
    return any(summary.test for summary in comparison.summaries)


def as_text(comparison: Findings) -> str:
    """Heading, table, verdict and readings."""
    _ = comparison.words
    shown, cells = rows(comparison)
    table = tabulate(cells, headers=shown, tablefmt="simple", disable_numparse=True)
    parts = [heading(comparison), table, filled(legend(comparison), _.lang)]
    named = [(_("Verdict"), comparison.verdict.sentence)] + [(r.heading, r.text) for r in comparison.readings]
    parts += [filled(_("{name}: {text}", name=name, text=text), _.lang, "  ") for name, text in named]
    return "\n\n".join(parts)


def heading(comparison: Findings) -> str:
    """What was compared on what, in two lines."""
    study, facts, _ = comparison.study, comparison.study.facts, comparison.words
    compared = _(
        "{task}: {recipes} × {seeds}, {epochs} of {steps}, batch {batch}, {parameters} parameters, on {device}, "
        "{seconds} s",
        task=facts.task,
        recipes=_.plural("{count} recipe", "{count} recipes", len(comparison.summaries)),
        seeds=_.plural("{count} seed", "{count} seeds", len(facts.seeds)),
        epochs=_.plural("{count} epoch", "{count} epochs", facts.epochs),
        steps=_.plural("{count} step", "{count} steps", facts.steps_per_epoch),
        batch=facts.batch_size,
        parameters=facts.parameters,
        device=facts.device,
        seconds=f"{study.seconds:.0f}",
    )
    unfinished = "" if study.status == "done" else f" · {status(study.status, _)}"
    if facts.patience is not None:
        unfinished += " · " + _("runs end when they have not improved for {patience} epochs", patience=facts.patience)
    samples = facts.samples[facts.watched]
    if facts.watched == "test":
        looked = _(
            "Curves and choice on the test set ({samples} samples); the test set was looked at while comparing: "
            "its numbers flatter the winner.",
            samples=samples,
        )
    else:
        looked = _("Curves and choice on the validation set ({samples} samples).", samples=samples)
    return f"{compared}{unfinished}\n{looked}"


def status(name: str, _: Words) -> str:
    """A study's status for people."""
    known = {
        "planned": _("planned"),
        "running": _("running"),
        "done": _("done"),
        "interrupted": _("interrupted"),
        "failed": _("failed"),
    }
    return known.get(name, name)


def legend(comparison: Findings) -> str:
    """What the marks and columns mean."""
    _ = comparison.words
    parts = [_("★ leads, = ties with it. Brackets: {level} interval over seeds.", level="95 %")]
    if comparison.target is not None and comparison.study.facts.target is not None:
        parts.append(_("steps to: the median over seeds, and on how many; the target is asked for."))
    elif comparison.target is not None:
        parts.append(
            _("steps to: the median over seeds, and on how many; the target is the median recipe's final value.")
        )
    parts.append(_("wobble: how far the last fifth strays from its straight-line trend."))
    if _tested(comparison):
        parts.append(_("test: the final value on the test set, never chosen on."))
    return in_turn(_, parts)


def rate(comparison: Findings, name: str) -> str:
    """The peak learning rate of a recipe as it was used."""
    recipe = comparison.recipe(name)
    if recipe.lr is not None:
        return f"{recipe.lr:.4g}"
    return f"{parse(recipe.optimizer).hyper['lr']:.4g}"


def interval(value: Interval | None) -> str:
    """A mean and its interval: 0.9710 [0.9650, 0.9770]."""
    if value is None:
        return "–"
    if value.low is None or value.high is None:
        return _number(value.mean)
    return f"{_number(value.mean)} [{_number(value.low, value.mean)}, {_number(value.high, value.mean)}]"


def mean(value: Interval | None) -> str:
    return "–" if value is None else _number(value.mean)


def _number(value: float, like: float | None = None) -> str:
    """Four decimals; four significant digits where that says too little or too much. `like`: whose size decides."""
    return f"{value:.4f}" if 0.01 <= abs(value if like is None else like) < 1000 else f"{value:.4g}"


def _steps(summary: Summary) -> str:
    if summary.to_target is None:
        return f"– ({summary.reached}/{summary.seeds})" if summary.reached else "–"
    return str(summary.to_target) + (f" ({summary.reached}/{summary.seeds})" if summary.reached < summary.seeds else "")


def _diverged(summary: Summary, _: Words) -> str:
    if not summary.diverged:
        return _("no")
    return _("{count}/{seeds} at {step}", count=len(summary.diverged), seeds=summary.seeds, step=min(summary.diverged))


def filled(text: str, lang: str, indent: str = "") -> str:
    """Text in lines of WIDTH columns, all but the first indented."""
    if lang == "en":
        return textwrap.fill(text, WIDTH, subsequent_indent=indent)
    return wrapped(text, WIDTH, indent, first="")
