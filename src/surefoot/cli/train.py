"""`surefoot train`."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from surefoot.cli.output import json_option, lang_option, out_option
from surefoot.cli.ways import says_nothing, ways
from surefoot.core.errors import UsageError, did_you_mean
from surefoot.core.language import words

if TYPE_CHECKING:
    from surefoot.core.recipe import Recipe

BELONG = {"optimizer": ("lr", "schedule", "hyper"), "recipes": ("name",), "winner": ("study",)}  # which goes with which
SAME = ("epochs", "batch_size", "accumulate", "precision", "patience", "device")
KEPT = (*SAME, "data", "seed", "resume", "checkpoint_every")


def _pairs(ctx: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    wrong = next((text for text in texts if "=" not in text), None)
    if wrong is not None:
        raise click.BadParameter(f"{wrong!r} is not NAME=VALUE, such as weight_decay=0.1 or momentum='0.9 * linear()'")
    return dict(text.split("=", 1) for text in texts)


@click.command()
@click.argument("task", default="digits")
@click.option("--optimizer", help="A rule: adamw, 'sgd(momentum=0.9, clip_norm=1)', 'keras.Adam()'.")
@click.option("--lr", type=float, help="The peak learning rate; by default the optimizer's own.")
@click.option("--schedule", help="A shape: 'warmup(\"5%\") >> cosine()'; by default constant().")
@click.option("--hyper", multiple=True, callback=_pairs, metavar="NAME=VALUE", help="Such as ema=0.999.")
@click.option("--recipes", metavar="FILE|NAME", help="Take the recipe from a recipe file or set.")
@click.option("--name", help="Which recipe of it.")
@click.option("--winner", is_flag=True, help="Take task and recipe from the latest comparison in DIR.")
@click.option("--study", type=int, metavar="N", help="With --winner: of this comparison.")
@click.option("--seed", type=int, default=0, show_default=True, help="Initial weights, order, dropout masks.")
@ways
@click.option("--resume", is_flag=True, help="Go on with this training, or with the latest unfinished one.")
@click.option("--checkpoint-every", default=30.0, show_default=True, metavar="SECONDS", help="What a kill may cost.")
@out_option
@json_option
@lang_option
@click.pass_context
def train(ctx: click.Context, /, task: str, out: Path, as_json: bool, lang: str, **options: Any) -> None:
    """Train one recipe on a task, and leave weights, optimizer and schedule for a plain PyTorch script.

    \b
    Examples:
      surefoot train digits --optimizer adamw --lr 3e-3 --schedule "warmup('5%') >> cosine()"
      surefoot train --winner
      surefoot train my_task.py --recipes my_recipes.yaml --name "SGD, one cycle" --epochs 30 --patience 5
      surefoot train --resume
    """
    from surefoot import studies  # torch loads here, not for --help

    command = shlex.join(["surefoot", *ctx.obj])
    if options["resume"] and says_nothing(ctx):
        command = studies.command_to_go_on(out, "train")
        begun = train.make_context("train", shlex.split(command)[2:])
        if ctx.get_parameter_source("lang") == ParameterSource.DEFAULT:
            lang = begun.params["lang"]
        _ = words(lang)
        click.echo(_("going on with: {command}", command=command), err=True)
        ctx, options = begun, {**begun.params, "resume": True}
        task = options["task"]
    with contextlib.redirect_stdout(sys.stderr):  # what a task file prints is not data
        _one_way(ctx, options)
        if options["winner"] and options["study"] is None:
            options["study"] = _latest(out)
            command += f" --study {options['study']}"  # a resume must not take another's winner
        task, recipe, more = _chosen(task, out, options, ctx)
        own = {name: value for name, value in options.items() if name in KEPT and value is not None}
        done = studies.train(task, recipe, **(more | own), out=out, lang=lang, command=command)
    click.echo(json.dumps(done.to_json(), indent=2) if as_json else str(done))


def _one_way(ctx: click.Context, options: dict[str, Any]) -> None:
    """Raises UsageError unless it is said in one way what to train with, and nothing is said that this ignores."""
    chosen = [way for way in BELONG if options[way]]
    if len(chosen) != 1:
        raise UsageError(
            "say what to train with: --optimizer, or --recipes with --name, or --winner",
            received=", ".join(f"--{name}" for name in chosen) or None,
        )
    (way,) = chosen
    for other, names in BELONG.items():
        for name in names if other != way else ():
            if ctx.get_parameter_source(name) != ParameterSource.DEFAULT:
                raise UsageError(f"--{name} goes with --{other}, not with --{way}", remedy="leave one of them out")


def _latest(out: Path) -> int:
    from surefoot.store import FILE, Store
    from surefoot.studies import winner

    with Store(out / FILE, create=False) as store:
        return winner(store)[0].id


def _chosen(task: str, out: Path, options: dict[str, Any], ctx: click.Context) -> tuple[str, Recipe, dict[str, Any]]:
    """The task, the recipe, and what the comparison that it won says of how it is trained."""
    if options["winner"]:
        return _winner(task, out, options["study"], ctx)
    if options["recipes"]:
        return task, _named(options["recipes"], options["name"]), {}
    from surefoot.core.recipe import Recipe

    given = {"lr": options["lr"], "schedule": options["schedule"] or "constant()", "hyper": options["hyper"]}
    return task, Recipe(options["optimizer"], options["optimizer"], **given), {}


def _winner(task: str, out: Path, number: int, ctx: click.Context) -> tuple[str, Recipe, dict[str, Any]]:
    from surefoot.cli.compare import compare
    from surefoot.store import FILE, Store
    from surefoot.studies import winner

    with Store(out / FILE, create=False) as store:
        study, recipe = winner(store, number)
    facts = study.facts
    if not facts.source:
        raise UsageError(
            f"study {study.id} was made in Python, so its task has no name here",
            remedy="train it there: sf.train(task, found.best.recipe)",
        )
    more = {name: getattr(facts, name) for name in SAME} | {"watch": facts.watched}
    if facts.command:
        more["data"] = compare.make_context("compare", shlex.split(facts.command)[2:]).params["data"]
    click.echo(f"the winner of study {study.id}: {recipe.name}", err=True)
    chosen = task if ctx.get_parameter_source("task") != ParameterSource.DEFAULT else facts.source
    return chosen, recipe, more


def _named(recipes: str, name: str | None) -> Recipe:
    from surefoot.studies import load_recipes

    found = {recipe.name: recipe for recipe in load_recipes(recipes).recipes}
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name not in found:
        raise UsageError(f"{recipes} has no recipe of this name", received=name, remedy=did_you_mean(name or "", found))
    return found[name]
