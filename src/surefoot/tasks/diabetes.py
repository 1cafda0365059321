"""The built-in regression: small enough for a second, noisy enough to show that fitting is not learning."""

from functools import partial
from typing import Any

from surefoot.core.task import Metric, Task

ABOUT = "442 patients, 10 measurements, progress of diabetes after a year; network 10-32-1; a second a run"


def diabetes() -> Task:
    """scikit-learn's diabetes data: x `[N, 10]`, y `[N, 1]`, both float32 and standardised; 266 / 88 / 88 patients.

    Of every five patients the fourth is validation and the fifth is test. Mean and deviation, of inputs and target, are
    those of the training part: the others are measured with what was known before them.

    Source: Efron, Hastie, Johnstone and Tibshirani, Least angle regression, 2004.
    """
    import torch
    from sklearn.datasets import load_diabetes

    from surefoot.tasks.mlp import mlp

    inputs, target = load_diabetes(return_X_y=True, scaled=False)
    fifth = torch.arange(len(target)) % 5
    x, _ = _standardised(torch.from_numpy(inputs), fifth < 3)
    y, deviation = _standardised(torch.from_numpy(target)[:, None], fifth < 3)
    train, validation, test = ((x[part], y[part]) for part in (fifth < 3, fifth == 3, fifth == 4))
    return Task(
        name="diabetes",
        model=partial(mlp, 10, 32, 1),
        loss="mse",
        train=train,
        validation=validation,
        test=test,
        metrics=[Metric("R²", explained, "max"), Metric("error", partial(mean_error, deviation.item()), "min")],
        batch_size=16,
        epochs=30,
        about=ABOUT,
    )


def explained(outputs: Any, targets: Any) -> Any:
    """The share of the targets' variance that is explained: R² = 1 − Σ(y − f)² / Σ(y − ȳ)².

    >>> import torch
    >>> explained(torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [3.0]]))
    tensor(0.5000)
    """
    return 1 - (targets - outputs).square().sum() / (targets - targets.mean()).square().sum()


def mean_error(unit: float, outputs: Any, targets: Any) -> Any:
    """The mean absolute error in the target's own unit: `unit` · mean|y − f|.

    >>> import torch
    >>> mean_error(77.0, torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [3.0]]))
    tensor(38.5000)
    """
    return unit * (targets - outputs).abs().mean()


def _standardised(values: Any, train: Any) -> tuple[Any, Any]:
    mean, deviation = values[train].mean(0), values[train].std(0, unbiased=False)
    return ((values - mean) / deviation).float(), deviation
