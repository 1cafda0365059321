"""A choice written up: the ranked list with its reasons, in a language."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np

from surefoot.advice.answers import LABELS, VALUES, Answers, known
from surefoot.advice.candidates import Candidate, optimizers, strategies
from surefoot.advice.chooser import Change, Choice, Ranked, changes
from surefoot.advice.diagnosis import Diagnosis
from surefoot.advice.history import History
from surefoot.advice.rules import Rule, sources
from surefoot.core.language import Words
from surefoot.core.recipe import Recipe
from surefoot.report.picture import Line, Panel, Picture
from surefoot.schedules import parse

SHOWN = 3  # candidates with all their reasons; the others have a line
STEPS = 1000  # of the drawing where the horizon is not known
CHANGES = 8
POINTS = 500  # of a drawn rate
DEPTH = 300  # how far under the lowest peak rates are drawn: what falls to zero has no end on a log axis

# What a rule may add, in words.
ADDED: Mapping[str, Callable[[Words], str]] = {
    "warmup": lambda _: _("begin with a warm-up"),
    "clip": lambda _: _("clip the gradient's norm"),
    "decay_more": lambda _: _("raise the weight decay"),
    "decay_less": lambda _: _("lower the weight decay"),
    "lower_rate": lambda _: _("take a much lower learning rate"),
    "scale_rate": lambda _: _("raise the rate in step with the batch size: k times the batch, k times the rate"),
    "schedule_free": lambda _: _("consider a Schedule-Free optimizer (package schedulefree)"),
}
KINDS_OF_HISTORY: Mapping[str, Callable[[Words], str]] = {
    "diverging": lambda _: _("Diverging"),
    "oscillating": lambda _: _("Oscillating"),
    "plateau": lambda _: _("Plateau"),
    "too slow": lambda _: _("Too slow"),
    "over-fitting": lambda _: _("Over-fitting"),
    "healthy": lambda _: _("Healthy"),
    "too short": lambda _: _("Too short to say"),
}
KINDS: Mapping[str, Callable[[Words], str]] = {
    "textbook": lambda _: _("rule of thumb"),
    "practice": lambda _: _("practice"),
    "measured": lambda _: _("measured"),
}


def parts(choice: Choice, evidence: Collection[str], notes: Sequence[str], measured: bool, _: Words) -> Iterator[str]:
    """The advice, paragraph by paragraph. `notes`: what else should be told of the answers; `measured`: whether the
    recipes were compared."""
    first = choice.recipes[0]
    yield "# " + _("What to try first")
    yield _("**{name}**: `{recipe}`", name=recipe_name(first, _), recipe=recipe_text(first))
    if not measured:
        yield _(
            "Rules, not measurements: --measure trains the first few on your task and says where the rules are wrong."
        )
    yield _known(choice.answers, _)
    assumed = [*choice.answers.assumptions(_), *notes]
    if assumed:
        yield _("Assumed: {what}.", what=_("; ").join(assumed))
    yield "## " + _("Recipes to start from, ranked")
    yield _recipes(choice, _)
    seen = _("The learning rates of the recipes over the training")
    yield f"![{seen}](rates)"
    yield "## " + _("Schedules")
    yield _(
        "A rule of thumb has one voice, documented practice two, a controlled comparison three; among equals the order "
        "is that of practitioners' defaults."
    )
    yield from _ranking(choice.strategies, strategies(), _)
    yield "## " + _("Optimizers")
    yield from _ranking(choice.optimizers, optimizers(), _)
    if choice.add:
        yield "## " + _("Besides")
        yield _bullets(_("{what}: {reason}", what=ADDED[what](_), reason=_reason(rule, _)) for what, rule in choice.add)
    if choice.conflicts:
        yield "## " + _("Where rules conflict")
        yield _bullets(_conflict(winner, loser, _) for winner, loser in choice.conflicts)
    yield "## " + _("What would change the answer")
    yield _changes(list(changes(choice, evidence))[:CHANGES], _)
    yield "## " + _("Sources")
    yield _bullets(_sources(choice))


def read_up(history: History | None, diagnosis: Diagnosis | None, _: Words) -> Iterator[str]:
    """What a history shows."""
    if history is None or diagnosis is None:
        return
    yield "# " + _("What the history shows")
    for finding in diagnosis.findings:
        kind = KINDS_OF_HISTORY[finding.kind](_)
        yield _("**{kind}.** {evidence} {remedy}", kind=kind, evidence=finding.evidence, remedy=finding.remedy)
    seen = _("The losses of the history")
    yield f"![{seen}](history)"
    if history.assumptions:
        yield _("How the file was read:")
        yield _bullets(history.assumptions)


def picture(choice: Choice, history: History | None, _: Words) -> dict[str, Picture]:
    """The losses of a history, and the rates of the recipes."""
    drawn = {} if history is None else {"history": _losses(history, _)}
    return {**drawn, "rates": _rates(choice, _)}


def _losses(history: History, _: Words) -> Picture:
    named = {"loss": _("training loss"), "val_loss": _("validation loss")}
    shown = [(name, history.series[name]) for name in named if name in history.series]
    units = {"epoch": _("epoch"), "step": _("step"), "row": _("row")}
    panel = Panel(
        title=_("The losses of the history"),
        x=units[shown[0][1].unit],
        y=_("loss"),
        lines=[Line(series.x, series.y, named[name], index) for index, (name, series) in enumerate(shown)],
        log_y=all(bool(np.nanmin(series.y, initial=1.0) > 0) for _name, series in shown),
    )
    return Picture(_("The losses of the history"), [panel], columns=1)


def recipe_text(recipe: Recipe) -> str:
    """A recipe in one line: adamw, lr 0.001, linear()."""
    other = "".join(f", {name} {value}" for name, value in recipe.hyper)
    return f"{recipe.optimizer}, lr {recipe.lr:g}, {recipe.schedule}{other}"


def recipe_name(recipe: Recipe, _: Words) -> str:
    """A recipe's name in a language: that of its optimizer and of its strategy."""
    for known_optimizer in optimizers().values():
        for known_strategy in strategies().values():
            if recipe.name == f"{known_optimizer.name['en']}, {known_strategy.name['en']}":
                return _(
                    "{optimizer} with {schedule}",
                    optimizer=known_optimizer.name[_.lang],
                    schedule=known_strategy.name[_.lang],
                )
    return recipe.name


def _known(answers: Answers, _: Words) -> str:
    given = [f"{LABELS[name](_)} = {_value(value, _)}" for name, value in known(answers).items()]
    if not given:
        return _("Nothing was told about the training: this is what is tried when nothing is known.")
    return _("Known: {what}.", what=_(", ").join(given))


def _value(value: object, _: Words) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return f"{value:,}"
    return VALUES[str(value)](_) if str(value) in VALUES else str(value)


def _recipes(choice: Choice, _: Words) -> str:
    heads = ["#", _("recipe"), _("optimizer"), _("learning rate"), _("schedule")]
    lines = [f"| {' | '.join(heads)} |", "| --: | :-- | :-- | --: | :-- |"]
    for index, recipe in enumerate(choice.recipes):
        other = "".join(f"; {name} = {value}" for name, value in recipe.hyper)
        name = recipe_name(recipe, _)
        lines.append(f"| {index + 1} | {name} | `{recipe.optimizer}` | {recipe.lr:g} | `{recipe.schedule}`{other} |")
    return "\n".join(lines)


def _ranking(ranked: tuple[Ranked, ...], candidates: Mapping[str, Candidate], _: Words) -> Iterator[str]:
    shown = [
        {"place": place, "name": candidates[each.name].name[_.lang], "voices": _voices(each, _)}
        for place, each in enumerate(ranked, 1)
    ]
    for said, each in zip(shown, ranked[:SHOWN], strict=False):
        yield _("**{place}. {name}** ({voices})", **said)
        yield _bullets(_reasons(each, candidates[each.name], _))
    rest = [_("{name} ({voices})", **said) for said in shown[SHOWN:]]
    if rest:
        yield _("After them: {names}.", names=_(", ").join(rest))


def _voices(each: Ranked, _: Words) -> str:
    if each.excluded is not None:
        return _("cannot be used")
    return _.plural("{count} voice", "{count} voices", each.score)


def _reasons(each: Ranked, candidate: Candidate, _: Words) -> Iterator[str]:
    yield from (_("For: {reason}", reason=_reason(rule, _)) for rule in each.pros)
    if not each.pros:
        yield _("For: {reason}", reason=_("no rule speaks for it here"))
    yield from (_("Against: {reason}", reason=_reason(rule, _)) for rule in each.cons)
    if each.excluded is not None:
        yield _("Against: {reason}", reason=_reason(each.excluded, _))
    yield _("At any time: for it, {pro}; against it, {con}.", pro=candidate.pro[_.lang], con=candidate.con[_.lang])


def _reason(rule: Rule, _: Words) -> str:
    said = {"reason": rule.reason[_.lang], "kind": KINDS[rule.evidence](_), "source": rule.source}
    return _("{reason} [{kind}: {source}]", **said)


def _conflict(winner: Rule, loser: Rule, _: Words) -> str:
    assert winner.settled is not None
    return _(
        "“{winner}” stands against “{loser}”. {settled}",
        winner=winner.reason[_.lang], loser=loser.reason[_.lang], settled=winner.settled[_.lang],
    )  # fmt: skip


def _changes(found: list[Change], _: Words) -> str:
    if not found:
        return _("No other answer to a single question.")
    return _bullets(
        _(
            "{question} = {answer}: {optimizer} with {schedule}",
            question=LABELS[each.question](_),
            answer=_value(each.answer, _),
            optimizer=optimizers()[each.optimizer].name[_.lang],
            schedule=strategies()[each.strategy].name[_.lang],
        )
        for each in found
    )


def _sources(choice: Choice) -> Iterator[str]:
    used = [
        rule for each in (*choice.strategies[:SHOWN], *choice.optimizers[:SHOWN]) for rule in (*each.pros, *each.cons)
    ]
    used += [rule for _, rule in choice.add] + [rule for pair in choice.conflicts for rule in pair]
    for name in dict.fromkeys(rule.source for rule in used):
        source = sources()[name]
        yield f"{name}: {source.title}" + (f". {source.url}" if source.url else "")


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _rates(choice: Choice, _: Words) -> Picture:
    steps = choice.answers.steps or STEPS
    answers = choice.answers
    per_epoch = None if answers.epochs is None else max(1, steps // answers.epochs)
    shown = np.unique(np.linspace(0, steps - 1, min(steps, POINTS)).astype(int))
    lines, peaks = [], [recipe.lr or 0.0 for recipe in choice.recipes]
    for index, recipe in enumerate(choice.recipes):
        curve = parse(recipe.schedule).bind(steps, per_epoch or steps)
        state = curve.start()
        # Point by point: a horizon may be longer than what can be held.
        values = (recipe.lr or 0.0) * np.array([curve(int(t), state) for t in shown])
        lines.append(Line(100 * shown / steps, values, recipe_name(recipe, _), index))
    panel = Panel(
        title=_("The learning rates of the recipes (plateau: as long as nothing stalls)"),
        x=_("progress of the training (%)"),
        y=_("learning rate"),
        lines=lines,
        log_y=True,
        y_limits=(min(peaks) / DEPTH, 1.5 * max(peaks)),
    )
    return Picture(_("The learning rates of the recipes over the training"), [panel], columns=1)
