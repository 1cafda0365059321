"""`surefoot compare`."""

import contextlib
import shlex
import sys
from pathlib import Path

import click

from surefoot.cli.output import folder_of, json_option, out_option, present


def _numbers(ctx: click.Context, option: click.Parameter, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number or a list of numbers such as 0.1,0.03") from None


def _seeds(ctx: click.Context, option: click.Parameter, text: str) -> int | list[int]:
    try:
        return [int(part) for part in text.split(",")] if "," in text else int(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number of seeds (3) or a list of seeds (0,1,7)") from None


@click.command()
@click.argument("task", default="digits")
@click.option("--recipes", default="classic", metavar="FILE|NAME", help="A recipe file, or a set: classic, source.")
@click.option(
    "--lr", metavar="RATE[,RATE...]", callback=_numbers, help="Replaces every rate; of several, one recipe each."
)
@click.option("--seeds", default="3", metavar="N", callback=_seeds, help="How many seeds (3), or which (0,1,7).")
@click.option("--epochs", type=int, help="Passes over the training data.")
@click.option("--batch-size", type=int, help="Samples an update.")
@click.option(
    "--trainer", default="auto", type=click.Choice(["auto", "fused", "loop"]), help="All rows at once, or one by one."
)
@click.option("--device", help="cpu, cuda, cuda:1, mps.")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="The folder of the task's data files.")
@click.option("--target", type=float, metavar="VALUE", help="Count the steps to this value of the metric.")
@out_option
@json_option
def compare(
    task: str,
    recipes: str,
    lr: list[float] | None,
    seeds: int | list[int],
    epochs: int | None,
    batch_size: int | None,
    trainer: str,
    device: str | None,
    data: Path | None,
    target: float | None,
    out: Path,
    as_json: bool,
) -> None:
    """Train every recipe whole, on equal terms, and say which differ and which tie.

    TASK is digits (the default), fashion-mnist, mnist, or a Python file with a task() function.

    \b
    Examples:
      surefoot compare
      surefoot compare fashion-mnist --recipes source
      surefoot compare my_task.py --recipes my_recipes.yaml --seeds 5
      surefoot compare --lr 0.3,0.1,0.03 --epochs 5
    """
    from surefoot import studies  # torch loads here, not for --help

    with contextlib.redirect_stdout(sys.stderr):  # what a task file prints is not data
        found = studies.compare(
            task,
            recipes,
            seeds,
            lr=lr,
            epochs=epochs,
            batch_size=batch_size,
            trainer=trainer,
            device=device,
            data=data,
            target=target,
            out=out,
            command=shlex.join(["surefoot", *sys.argv[1:]]),
        )
    present(found, folder_of(found, out), as_json=as_json)
