"""Train: one recipe on a task, resumable; weights, optimizer and schedule for a plain script."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from attrs import evolve, frozen

from surefoot.core.errors import UsageError
from surefoot.core.history import History, Study
from surefoot.core.language import words
from surefoot.core.recipe import Recipe
from surefoot.core.task import Task
from surefoot.store import FILE, Store
from surefoot.studies.exports import AVERAGE, BEST, LAST, OPTIMIZER, SCHEDULE, WEIGHTS, Exports, Shadow
from surefoot.studies.recipes import RecipeSet
from surefoot.studies.session import Session
from surefoot.studies.setting import Setting, check_known, environment, seconds_between
from surefoot.training import Look, Wanted, initial_model, parts_of

OPTIONS = ("epochs", "batch_size", "accumulate", "precision", "patience", "device", "data")


@frozen(eq=False, repr=False)
class Trained:
    """A training and its files.

    `.run` holds what was recorded, `.best` and `.last` a step and what was measured there, `.folder` the files:
    `best.safetensors`, and `last/` with `weights.safetensors`, `optimizer.pt`, `schedule.json`, and where weights are
    averaged `average.pt`.
    """

    study: Study
    folder: Path
    lang: str = "en"

    @classmethod
    def of(cls, study: Study, out: Path, lang: str = "en") -> Self:
        return cls(study, folder_of(study, out), lang)

    @property
    def run(self) -> History:
        return self.study.runs[0]

    @property
    def best(self) -> tuple[int, Mapping[str, float]] | None:
        """The step and the values of the best look; None where nothing was measured."""
        sign = 1 if self.study.facts.goal == "max" else -1
        rank = self.study.facts.rank
        best = max(self.run.observations, key=lambda seen: sign * seen.values[rank], default=None)
        return None if best is None else (best.step, best.values)

    @property
    def last(self) -> tuple[int, Mapping[str, float]] | None:
        """The step and the values of the last look; None where nothing was measured."""
        return (self.run.observations[-1].step, self.run.observations[-1].values) if self.run.observations else None

    def weights(self, which: Literal["best", "last"] = "best") -> dict[str, Any]:
        """The state dict of the model at the best look, or after the last update."""
        from safetensors.torch import load_file

        return load_file(self.folder / BEST if which == "best" else self.folder / LAST / WEIGHTS)

    def files(self) -> dict[str, Path]:
        """The files there are, by what they hold."""
        every = {"best": BEST, "last": f"{LAST}/{WEIGHTS}", "optimizer": f"{LAST}/{OPTIMIZER}"}
        every |= {"schedule": f"{LAST}/{SCHEDULE}", "average": f"{LAST}/{AVERAGE}"}
        return {name: path for name, file in every.items() if (path := self.folder / file).exists()}

    def to_json(self) -> dict[str, Any]:
        """The same as data."""
        facts, run = self.study.facts, self.run
        looks = {"best": self.best, "last": self.last}
        return {
            "surefoot": "train",
            "version": 1,
            "study": self.study.id,
            "task": facts.task,
            "recipe": run.run.recipe.name,
            "seed": run.run.seed,
            "status": run.status,
            "diverged": run.diverged,
            "steps": len(run.losses),
            "horizon": facts.steps,
            **{name: look and {"step": look[0], "values": dict(look[1])} for name, look in looks.items()},
            "test": dict(run.final),
            "files": {name: str(path) for name, path in self.files().items()},
        }

    def __str__(self) -> str:
        from surefoot.report.table import status

        _, facts, run = words(self.lang), self.study.facts, self.run
        heading = _(
            "{task}: {recipe}, seed {seed}, {done} of {steps} updates",
            task=facts.task,
            recipe=run.run.recipe.name,
            seed=run.run.seed,
            done=len(run.losses),
            steps=facts.steps,
        )
        lines = [heading]
        if self.study.status != "done":
            lines[0] += f" · {status(self.study.status, _)}"
        if run.diverged is not None:
            lines.append(_("It diverged at step {step}.", step=run.diverged))
        for label, look in ((_("best"), self.best), (_("last"), self.last)):
            if look is not None:
                lines.append(_("{label}: step {step}, {values}", label=label, step=look[0], values=_shown(look[1])))
        if run.final:
            lines.append(_("test: {values}", values=_shown(run.final)))
        lines += ["", *(f"{name:<10}{path}" for name, path in self.files().items())]
        return "\n".join(lines)

    __repr__ = __str__


def train(
    task: str | Path | Task,
    recipe: Recipe,
    seed: int = 0,
    *,
    watch: Literal["validation", "test"] = "validation",
    out: str | Path = "surefoot-runs",
    resume: bool = False,
    checkpoint_every: float = 30.0,
    progress: bool = True,
    lang: str = "en",
    command: str = "",
    **options: Any,
) -> Trained:
    """Train one recipe on a task with a plain `torch.optim` loop, and leave what a script needs to go on from it.

    Parameters:
        task, recipe, seed: as in `compare`.
        watch: the data that is measured after each epoch and that the best weights are chosen on.
        out: the folder of the record file, with a folder for this training in it.
        resume: go on with the same training where it was left, however it ended.
        checkpoint_every, progress, lang: as in `compare`.
        options: `epochs`, `batch_size`, `accumulate`, `precision`, `patience`, `device` override the task's; `data` is
            the folder of its files.

    Raises UsageError before anything is trained; StoreError where the folder cannot be written.

    >>> import tempfile, surefoot as sf
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = sf.train("digits", sf.Recipe("Adam", "adam", 0.002), epochs=2, out=folder, progress=False)
    ...     sorted(done.files()), sorted(done.weights())
    (['best', 'last', 'optimizer', 'schedule'], ['0.bias', '0.weight', '2.bias', '2.weight'])
    """
    words(lang)
    every = seconds_between(checkpoint_every)
    check_known(options, OPTIONS, "train")
    given: dict[str, Any] = {"trainer": "loop", "command": command, **options}
    setting = Setting.of(task, RecipeSet([recipe], curves=watch), [seed], **given)
    (entry,) = setting.entries
    parts = parts_of(entry.policy.hyper_names, initial_model(setting.task, seed))
    Shadow(entry, parts)  # what torch cannot go on with is refused before anything is trained
    with Store(Path(out) / FILE) as store:

        def look(study: Study) -> Look:
            shadow = Shadow(evolve(entry, past=study.runs[0].observations), parts)
            return Exports(folder_of(study, Path(out)), shadow)

        wanted = Wanted("loop", "here")
        session = Session(store, setting, environment(), wanted, every, progress, lang, "train", look)
        return Trained.of(session.resume() if resume else session.begin(), Path(out), lang)


def winner(store: Store, study: int | None = None) -> tuple[Study, Recipe]:
    """The recipe that leads a comparison, the latest where no number is given. Raises SurefootError where none does."""
    known = [each.id for each in store.studies() if each.kind == "compare"]
    if not known:
        raise UsageError(f"nothing was compared in {store.path.parent} yet", remedy="run: surefoot compare")
    found = store.load(known[-1] if study is None else study)
    if found.kind != "compare":
        raise UsageError(f"study {found.id} is no comparison", remedy=f"comparisons: {', '.join(map(str, known))}")
    from surefoot.report import Comparison

    return found, Comparison.of(found).best.recipe


def folder_of(study: Study, out: Path) -> Path:
    """Where a study's files lie: one folder each."""
    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in study.facts.task)
    return out / f"{study.kind}-{study.id}-{name}"


def _shown(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())
