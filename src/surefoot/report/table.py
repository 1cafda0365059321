"""The comparison as a table of text."""

from __future__ import annotations

import textwrap

from tabulate import tabulate

from surefoot.analysis import Interval, Summary
from surefoot.optimizers import parse
from surefoot.report.findings import Findings

WIDTH = 110


def rows(comparison: Findings) -> tuple[list[str], list[list[str]]]:
    """Headings and cells, from best to worst; the same for the terminal and the page."""
    facts, verdict = comparison.study.facts, comparison.verdict
    sign = "≥" if facts.goal == "max" else "≤"
    reach = "steps to target" if comparison.target is None else f"steps to {sign} {comparison.target:.4g}"
    shown = ["", "recipe", "lr", f"final {facts.rank}", "best", reach, "wobble", "diverged", "s/run"]
    tested = any(summary.test for summary in comparison.summaries)
    if tested:
        shown.insert(5, "test")
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
            f"{len(summary.diverged)}/{summary.seeds} at {min(summary.diverged)}" if summary.diverged else "no",
            f"{summary.seconds:.2g}",
        ]
        if tested:
            row.insert(5, mean(summary.test))
        cells.append(row)
    return shown, cells


def as_text(comparison: Findings) -> str:
    """Heading, table, verdict and readings."""
    shown, cells = rows(comparison)
    table = tabulate(cells, headers=shown, tablefmt="simple", disable_numparse=True)
    parts = [heading(comparison), table, legend(comparison), _wrapped("Verdict", comparison.verdict.sentence)]
    parts += [_wrapped(reading.heading, reading.text) for reading in comparison.readings]
    return "\n\n".join(parts)


def heading(comparison: Findings) -> str:
    """What was compared on what, in two lines."""
    study, facts = comparison.study, comparison.study.facts
    counted = f"{_some(len(comparison.summaries), 'recipe')} × {_some(len(facts.seeds), 'seed')}"
    length = f"{_some(facts.epochs, 'epoch')} of {_some(facts.steps_per_epoch, 'step')}, batch {facts.batch_size}"
    unfinished = "" if study.status == "done" else f" · {study.status}"
    looked = f"Curves and choice on the {facts.watched} set ({facts.samples[facts.watched]} samples)"
    if facts.watched == "test":
        looked += "; the test set was looked at while comparing: its numbers flatter the winner"
    return (
        f"{facts.task}: {counted}, {length}, {facts.parameters} parameters, on {facts.device}, {study.seconds:.0f} s"
        f"{unfinished}\n{looked}."
    )


def legend(comparison: Findings) -> str:
    """What the marks and columns mean."""
    parts = ["★ leads, = ties with it. Brackets: 95 % interval over seeds."]
    if comparison.target is not None:
        whose = "asked for" if comparison.study.facts.target is not None else "the median recipe's final value"
        parts.append(f"steps to: the median over seeds, and on how many; the target is {whose}.")
    parts.append("wobble: how far the last fifth strays from its straight-line trend.")
    if any(summary.test for summary in comparison.summaries):
        parts.append("test: the final value on the test set, never chosen on.")
    return _wrapped("", " ".join(parts))


def _some(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


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


def _wrapped(name: str, text: str) -> str:
    return textwrap.fill(f"{name}: {text}" if name else text, WIDTH, subsequent_indent="  " if name else "")
