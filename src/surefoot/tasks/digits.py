"""The built-in task on 8×8 digits: small enough for seconds, real enough to rank recipes."""

from functools import partial

from surefoot.core.task import Task

ABOUT = "1797 handwritten digits, 8×8, 10 classes; network 64-64-10; seconds a run"


def digits() -> Task:
    """scikit-learn's digits: x `[N, 64]` float32 in 0..1, y `[N]` long; 1079 to train, 359 to choose on, 359 to test.

    Of the samples sorted by class, the fourth of every five is validation and the fifth is test: each class is shared
    60/20/20, and no random generator is involved whose stream could change with a version.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """
    import torch
    from sklearn.datasets import load_digits

    from surefoot.tasks.mlp import mlp

    images, labels = load_digits(return_X_y=True)
    x, y = torch.from_numpy(images / 16).float(), torch.from_numpy(labels).long()
    by_class = y.argsort(stable=True)
    fifth = torch.arange(len(y)) % 5
    train, validation, test = (by_class[part].sort().values for part in (fifth < 3, fifth == 3, fifth == 4))
    return Task(
        name="digits",
        model=partial(mlp, 64, 64, 10),
        loss="cross_entropy",
        train=(x[train], y[train]),
        validation=(x[validation], y[validation]),
        test=(x[test], y[test]),
        batch_size=32,
        epochs=15,
        about=ABOUT,
    )
