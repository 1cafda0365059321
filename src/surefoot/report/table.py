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
    """What was compared on what, in a line or two."""
    study, facts = comparison.study, comparison.study.facts
    recipes, seeds = len(comparison.summaries), len(facts.seeds)
    counted = f"{recipes} recipe{'s' * (recipes > 1)} × {seeds} seed{'s' * (seeds > 1)}"
    unfinished = "" if study.status == "done" else f" · {study.status}"
    return (
        f"{facts.task}: {counted}, {facts.epochs} epochs of {facts.steps_per_epoch} steps, batch {facts.batch_size}, "
        f"{facts.parameters} parameters, on {facts.device}, {study.seconds:.0f} s{unfinished}\n"
        f"Curves and choice on the {facts.watched} set ({facts.samples[facts.watched]} samples)"
        + (
            "; the test set was looked at while comparing: its numbers flatter the winner."
            if _on_test(comparison)
            else "."
        )
    )


def legend(comparison: Findings) -> str:
    """What the marks and columns mean."""
    return _wrapped(
        "",
        "★ leads, = ties with it. Brackets: 95 % interval over seeds. wobble: how far the last fifth strays from its "
        "straight-line trend."
        + (
            " test: the final value on the test set, never chosen on."
            if any(s.test for s in comparison.summaries)
            else ""
        ),
    )


def rate(comparison: Findings, name: str) -> str:
    """The peak learning rate of a recipe as it was used."""
    recipe = comparison.recipe(name)
    if recipe.lr is not None:
        return f"{recipe.lr:.4g}"
    return f"{parse(recipe.optimizer).hyper['lr']:.4g}"


def interval(value: Interval | None) -> str:
    """A mean and its interval: 0.971 [0.965, 0.977]."""
    if value is None:
        return "–"
    if value.low is None or value.high is None:
        return f"{value.mean:.4g}"
    return f"{value.mean:.4f} [{value.low:.4f}, {value.high:.4f}]"


def mean(value: Interval | None) -> str:
    return "–" if value is None else f"{value.mean:.4f}"


def _steps(summary: Summary) -> str:
    if summary.to_target is None:
        return f"– ({summary.reached}/{summary.seeds})" if summary.reached else "–"
    return str(summary.to_target) + (f" ({summary.reached}/{summary.seeds})" if summary.reached < summary.seeds else "")


def _on_test(comparison: Findings) -> bool:
    return comparison.study.facts.watched == "test"


def _wrapped(name: str, text: str) -> str:
    return textwrap.fill(f"{name}: {text}" if name else text, WIDTH, subsequent_indent="  " if name else "")
