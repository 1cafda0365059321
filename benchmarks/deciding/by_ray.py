"""Ray Tune, ASHA: two trials at a time, in two actors of a core each, which are used again for every trial."""

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import BasicVariantGenerator

from deciding.setting import Choice, Setting, Space, report


class Trial(tune.Trainable):
    """A run, an epoch a step."""

    def setup(self, config: dict, setting: Setting) -> None:
        from deciding.loop import Loop  # torch is for the actors: the driver has no use for it

        self.setting, self.loop = setting, Loop(setting)
        self.reset_config(config)

    def reset_config(self, new_config: dict) -> bool:
        self.models = self.loop.run(Choice(**new_config), self.setting.seed)
        return True

    def step(self) -> dict:
        model = next(self.models, None)
        if model is None:  # it diverged
            return {"value": float("-inf" if self.setting.goal == "max" else "inf"), "done": True}
        return {"value": self.loop.value(model)}


class Telling(tune.Callback):
    def on_trial_result(self, iteration: int, trials: list, trial: object, result: dict, **info: object) -> None:
        report(trial.trial_id, result["value"], Choice(**trial.config))


def main() -> None:
    setting, space = Setting.given(), Space.read()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _temp_dir=setting.folder)
    tuner = tune.Tuner(
        tune.with_parameters(tune.with_resources(Trial, {"cpu": 1}), setting=setting),
        param_space={
            "optimizer": tune.choice(space.optimizers),
            "lr": tune.loguniform(*space.lr),
            "schedule": tune.choice(space.schedules),
        },
        tune_config=tune.TuneConfig(
            metric="value",
            mode=setting.goal,
            search_alg=BasicVariantGenerator(random_state=setting.seed),
            scheduler=ASHAScheduler(max_t=setting.epochs, grace_period=1, reduction_factor=3),
            num_samples=setting.trials,
            time_budget_s=setting.left(),
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            storage_path=f"{setting.folder}/results",
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            callbacks=[Telling()],
            verbose=0,
        ),
    )
    for result in tuner.fit():
        if result.error:
            raise result.error


if __name__ == "__main__":
    main()
