"""A command with places for what is searched: `python train.py --lr {lr} --schedule {schedule}`."""

import shlex
import shutil
from collections.abc import Collection
from pathlib import Path
from string import Formatter
from typing import Self

from attrs import frozen

from surefoot.core.errors import UsageError, did_you_mean
from surefoot.search import Arm, Space

OWN = ("lr", "seed", "folder")  # places that every command may have
SHELL = frozenset({"|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>&1", "&>"})


@frozen
class Command:
    """A command whose arguments have places in braces; `{{` and `}}` stand for braces.

    It is split into arguments once, as a shell would, and filled after that: values need no quotes, and no shell runs.

    >>> command = Command.of("python train.py --lr {lr} --schedule {schedule}")
    >>> arm = Arm(0.1, (("schedule", "warmup('5%') >> cosine()"),))
    >>> command.filled(arm, seed=0, folder=Path("runs"))
    ['python', 'train.py', '--lr', '0.1', '--schedule', "warmup('5%') >> cosine()"]
    """

    text: str
    arguments: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """The command of a line. Raises UsageError for one that cannot be split, or has no program that is found."""
        try:
            arguments = tuple(shlex.split(text))
        except ValueError as wrong:
            raise UsageError(f"the command cannot be split into arguments: {wrong}", received=text) from None
        if not arguments:
            raise UsageError("the command is empty", remedy='write: --cmd "python train.py --lr {lr}"')
        if found := [each for each in arguments if each in SHELL]:
            raise UsageError(
                f"no shell runs the command, so {found[0]} would be an argument of the program",
                received=text,
                remedy="put it into a script, and give the command that runs the script",
            )
        command = cls(text, arguments)
        command.places()
        if shutil.which(arguments[0]) is None:
            raise UsageError("there is no such program", received=arguments[0], remedy="check its name, or give a path")
        return command

    def places(self) -> set[str]:
        """The names in braces. Raises UsageError for braces that hold no name."""
        found = set()
        for argument in self.arguments:
            try:
                parts = list(Formatter().parse(argument))
            except ValueError as wrong:
                raise _braces(f"the braces do not match ({wrong})", argument) from None
            for _, name, form, conversion in parts:
                if name is None:
                    continue
                if not name.isidentifier() or form or conversion:
                    raise _braces("braces hold the name of what is to be put there, and nothing else", argument)
                found.add(name)
        return found

    def check(self, space: Space, seeds: Collection[int]) -> None:
        """Raise UsageError where what is searched has no place, or a place no values."""
        places, choices = self.places(), _choices(space)
        if "lr" not in places:
            raise UsageError(
                "the command has no {lr}, so that every run would be the same",
                received=self.text,
                remedy="write {lr} where the learning rate goes: --lr {lr}",
            )
        for name in sorted(places - {*OWN, *choices}):
            raise UsageError(
                f"nothing is known to put in place of {{{name}}}",
                received=self.text,
                remedy=f"{did_you_mean(name, [*OWN, *choices])}; for braces that are no place write {{{{ and }}}}",
            )
        for name, values in choices.items():
            if name not in places and len(values) > 1:
                raise UsageError(
                    f"the {name} is searched, but the command has no {{{name}}}",
                    received=self.text,
                    remedy=f"write {{{name}}} where it goes, or give one {name}",
                )
        if "seed" not in places and len(seeds) > 1:
            raise UsageError(
                f"{len(seeds)} seeds are wanted, but the command has no {{seed}}",
                received=self.text,
                remedy="write {seed} where the seed goes, or ask for one seed and none to confirm on",
            )

    def filled(self, arm: Arm, seed: int, folder: Path) -> list[str]:
        """The arguments for an arm and a seed; `folder` is this run's own."""
        values = dict(arm.choices) | {"lr": f"{arm.lr:g}", "seed": str(seed), "folder": str(folder)}
        return [argument.format_map(values) for argument in self.arguments]


def _choices(space: Space) -> dict[str, tuple[str, ...]]:
    others = {name: tuple(values) for name, values in space.others.items()}
    return {space.first: tuple(space.branches), "schedule": space.schedules, **others}


def _braces(what: str, argument: str) -> UsageError:
    return UsageError(what, received=argument, remedy="write {lr} for a place, and {{ and }} for braces")
