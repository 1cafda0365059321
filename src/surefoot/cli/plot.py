"""`surefoot plot`."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from surefoot.cli.output import json_option

if TYPE_CHECKING:
    from surefoot.report.plotted import Compared, Plotted
    from surefoot.schedules import Schedule

LONGEST = 10_000_000  # steps: every value is looked at
SUFFIXES = (".svg", ".png", ".html")

_count = click.IntRange(min=1)


@click.command()
@click.argument("schedules", nargs=-1, metavar="SCHEDULE...")
@click.option(
    "--like", "likes", multiple=True, metavar="PRESET", help="A library's schedule: 'torch.StepLR(step_size=10)'."
)
@click.option("--steps", type=click.IntRange(1, LONGEST), help="The horizon, in updates.  [default: 1000]")
@click.option("--epochs", type=_count, help="The horizon in epochs, of --steps-per-epoch each.")
@click.option("--steps-per-epoch", type=_count, metavar="N", help="What an epoch is ('5ep').")
@click.option("--batch-size", type=_count, metavar="N", help="Samples an update ('1e6samples').")
@click.option("--tokens-per-step", type=_count, metavar="N", help="Tokens an update ('2e9tok').")
@click.option("--of", default="lr", show_default=True, metavar="NAME", help="The hyperparameter: lr, momentum, beta1.")
@click.option("--at", multiple=True, type=click.IntRange(min=0), metavar="STEP", help="The value at a step.")
@click.option("--diff", is_flag=True, help="What differs between two schedules, in words and in values.")
@click.option(
    "--csv", "table", is_flag=False, flag_value="-", metavar="[FILE]", help="Every value, to a file or printed."
)
@click.option("--code", type=click.Choice(["torch", "keras", "optax"]), help="Code that gives the same values there.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="A drawing: .svg, .png or .html.")
@json_option
def plot(
    schedules: tuple[str, ...],
    likes: tuple[str, ...],
    steps: int | None,
    epochs: int | None,
    steps_per_epoch: int | None,
    batch_size: int | None,
    tokens_per_step: int | None,
    of: str,
    at: tuple[int, ...],
    diff: bool,
    table: str | None,
    code: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Draw schedules, and say what looks wrong about them.

    \b
    Examples:
      surefoot plot "0.1 * (warmup('5%') >> cosine())" --steps 10000
      surefoot plot "cosine()" "linear()" --at 500
      surefoot plot "cosine(900)" "cosine()" --diff --out cosines.svg
      surefoot plot --like "torch.StepLR(step_size=10, gamma=0.5, per='epoch')" --steps-per-epoch 100
      surefoot plot "0.1 * one_cycle()" --steps 5000 --code torch
      surefoot plot "0.9 * constant()" --of momentum
    """
    from surefoot.core.units import Clock
    from surefoot.report.plotted import Compared, Plotted, document
    from surefoot.schedules import Curve

    if table is not None and not schedules and "(" in table:
        raise click.UsageError(f"--csv took {table!r} for its file: write --csv - before a schedule")
    if table == "-" and as_json:
        raise click.UsageError("--csv and --json would both be printed: give --csv a file")
    if out is not None and out.suffix not in SUFFIXES:
        raise click.BadParameter(f"{str(out)!r} must end with one of {', '.join(SUFFIXES)}", param_hint="'--out'")
    clock = Clock(_horizon(steps, epochs, steps_per_epoch), steps_per_epoch, batch_size, tokens_per_step)
    plotted = [Plotted(given, Curve(schedule, clock), of) for given, schedule in _read(schedules, likes)]
    if diff and len(plotted) != 2:
        raise click.UsageError(f"--diff takes two schedules, not {len(plotted)}")
    if code is not None:
        _print_code(plotted, code)
        return
    compared = Compared(*plotted) if diff else None
    if out is not None:
        _write(out, plotted, compared, at)
    if table is not None:
        _write_table(table, plotted)
    if as_json:
        files = {"files": {"drawing": None if out is None else str(out)}}
        click.echo(json.dumps(document(clock, of, plotted, compared, at) | files, indent=2, allow_nan=False))
    elif table != "-":
        _show(plotted, compared, at)
        for file in (out, table):
            if file is not None:
                click.echo(f"Written: {file}")


def _horizon(steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if epochs is None:
        return 1000 if steps is None else steps
    if steps is not None:
        raise click.UsageError("give the horizon as --steps or as --epochs, not as both")
    if steps_per_epoch is None:
        raise click.UsageError("--epochs needs --steps-per-epoch")
    if epochs * steps_per_epoch > LONGEST:
        raise click.UsageError(f"{epochs} epochs of {steps_per_epoch} steps are more than {LONGEST:,} steps")
    return epochs * steps_per_epoch


def _read(schedules: tuple[str, ...], likes: tuple[str, ...]) -> list[tuple[str, Schedule]]:
    """Every schedule as it was written, and as it was read."""
    from surefoot.schedules import parse
    from surefoot.schedules.like.text import parse as parse_like

    if not schedules and not likes:
        raise click.UsageError("there is no schedule to plot: surefoot plot \"0.1 * (warmup('5%') >> cosine())\"")
    return [(given, parse(given)) for given in schedules] + [(given, parse_like(given)) for given in likes]


def _print_code(plotted: list[Plotted], framework: str) -> None:
    from surefoot.report.framework_code import framework_code

    if len(plotted) != 1:
        raise click.UsageError(f"--code writes one schedule, not {len(plotted)}")
    click.echo(framework_code(plotted[0].curve, framework), nl=False)


def _write(out: Path, plotted: list[Plotted], compared: Compared | None, at: tuple[int, ...]) -> None:
    from surefoot.report.schedule_page import figure, page

    if out.suffix == ".html":
        out.write_text(page(plotted, compared, at), encoding="utf-8")
    else:
        figure(plotted, compared).savefig(out, dpi=130)


def _write_table(name: str, plotted: list[Plotted]) -> None:
    if name == "-":
        _table(sys.stdout, plotted)
        return
    with open(name, "w", encoding="utf-8", newline="") as file:
        _table(file, plotted)


def _table(file: TextIO, plotted: list[Plotted]) -> None:
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["step", *(["value"] if len(plotted) == 1 else [each.text for each in plotted])])
    columns = [each.values.tolist() for each in plotted]
    rows.writerows(zip(range(len(columns[0])), *columns, strict=True))


def _show(plotted: list[Plotted], compared: Compared | None, at: tuple[int, ...]) -> None:
    """The chart, and under it what is told about each schedule."""
    from surefoot.report.chart import chart, mark
    from surefoot.report.terminal import Terminal

    terminal = Terminal.here()
    colour, plain = terminal.colour, terminal.plain
    width, height = max(terminal.width, 40), min(max(terminal.height - 10, 12), 24)
    shown = [chart([each.values for each in plotted], width, height, colour=colour, plain=plain)]
    for index, each in enumerate(plotted):
        shown.append(mark(index, len(plotted), colour=colour, plain=plain) + "\n".join(each.lines(at)))
    if compared is not None:
        shown += ["\n".join(compared.lines()), chart([compared.values], width, 12, colour=colour, plain=plain)]
    click.echo(terminal.shown("\n\n".join(shown)))
