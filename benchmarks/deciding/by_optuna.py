"""Optuna, TPE with Hyperband: one of two processes that work at one study, which is kept in a journal file."""

from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState

from deciding.loop import Loop
from deciding.setting import Choice, Setting, Space, report


def main() -> None:
    setting, space = Setting.given(), Space.read()
    loop = Loop(setting)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(Path(setting.folder) / "journal"))),
        study_name=f"{setting.task} {setting.seed}",
        direction={"max": "maximize", "min": "minimize"}[setting.goal],
        # Each worker samples from a seed of its own, as the tutorial on distributed optimization asks.
        sampler=optuna.samplers.TPESampler(seed=2 * setting.seed + setting.worker),
        pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=setting.epochs),
        load_if_exists=True,
    )

    def objective(trial: optuna.Trial) -> float:
        choice = Choice(
            optimizer=trial.suggest_categorical("optimizer", space.optimizers),
            lr=trial.suggest_float("lr", *space.lr, log=True),
            schedule=trial.suggest_categorical("schedule", space.schedules),
        )
        value, epochs = 0.0, 0
        for epochs, model in enumerate(loop.run(choice, setting.seed), 1):
            value = loop.value(model)
            report(str(trial.number), value, choice)
            trial.report(value, epochs)
            if trial.should_prune():
                raise optuna.TrialPruned
        if epochs < setting.epochs:  # it diverged
            raise optuna.TrialPruned
        return value

    enough = MaxTrialsCallback(setting.trials, states=(TrialState.COMPLETE, TrialState.PRUNED))
    study.optimize(objective, timeout=setting.left(), callbacks=[enough])


if __name__ == "__main__":
    main()
