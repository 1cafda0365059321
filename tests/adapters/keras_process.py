"""One process of the tests of Keras: `keras_process.py first|second FOLDER`, the backend in KERAS_BACKEND."""

import doctest
import json
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
from keras import ops

import surefoot.adapters.keras as adapter
from surefoot.adapters import in_graph
from surefoot.core.errors import ScheduleError
from surefoot.schedules import parse

warnings.simplefilter("error")
# Keras's variables on torch, and what TensorFlow and JAX import, are behind NumPy 2.
warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning)
BACKEND = keras.backend.backend()
PLACE = Path(sys.argv[2])
EPOCHS, STEPS = 4, 32
RATES = [
    "0.1 * constant()",
    "0.1 * (warmup('7%') >> cosine())",
    "0.1 * (constant(over='30%') >> linear('20%') >> constant(0.0))",
    "0.3 * piecewise([10, 200], values=[1.0, 0.5, 0.1])",
    "0.1 * one_cycle()",
    "0.1 * one_cycle(three_phase=True, anneal_strategy='linear')",
    "0.1 * cyclical(20)",
    "0.1 * restarts(cosine(), 30, mult=1.5, decay=0.7)",
    "0.1 * step('10.5%', factor=0.5)",
    "every(0.1 * linear(), '7.5%')",
    "0.1 * repeat(cosine(13))",
    "minimum(0.1 * exponential(0.9, every=7), 0.05 * constant()) + 0.001",
    "clip(0.1 * polynomial(power=2.0), 0.01, 0.05)",
    "0.1 * stretch(warmup(5) >> inverse_time(0.3, every=3, over=20))",
    "0.1 * cosine() * noise(0.2, seed=3)",
]

made = np.random.default_rng(0)
X = made.normal(size=(64, 5)).astype("float32")
Y = np.sin(X.sum(1, keepdims=True)).astype("float32")
TRAIN, VALID = (X[:48], Y[:48]), (X[48:], Y[48:])


def model(optimizer, **compiling):
    keras.utils.set_random_seed(7)
    net = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
    net.compile(optimizer, loss="mse", metrics=["mae"], **compiling)
    return net


class Rates(keras.callbacks.Callback):
    """Notes the learning rate that each update used."""

    def __init__(self):
        super().__init__()
        self.used = []

    def on_train_batch_begin(self, batch, logs=None):
        self.used.append(float(ops.convert_to_numpy(self.model.optimizer.learning_rate)))


def fit(net, *callbacks, epochs=EPOCHS, start=0):
    rates = Rates()
    net.fit(
        *TRAIN,
        batch_size=6,
        epochs=epochs,
        initial_epoch=start,
        shuffle=False,
        verbose=0,
        validation_data=VALID,
        callbacks=[*callbacks, rates],
    )
    return rates.used


def scheduler(name):
    return adapter.HyperparameterScheduler(
        steps=STEPS,
        learning_rate="cosine() * plateau(factor=0.5, patience=0, threshold=0.3)",
        beta_1="one_cycle_momentum()",
        file=PLACE / name,
    )


def traced(curve):
    """What compiles in this backend: the curve as a training step sees it."""
    if BACKEND == "jax":
        import jax

        return jax.jit(lambda step: in_graph.value_at(curve, step))
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda step: in_graph.value_at(curve, step))
    return lambda step: in_graph.value_at(curve, step)


def values():
    """For each rate, the largest errors: of the value as given, and of the same in float64 where there is that."""
    errors = {}
    for rate in RATES:
        made = adapter.LearningRate(rate, steps=100)
        truth = made.curve.values(0, 150)
        wide = None
        if BACKEND != "jax":
            keras.config.set_floatx("float64")
            wide = error(made(np.arange(150)), truth)
            keras.config.set_floatx("float32")
        errors[rate] = [error(traced(made.curve)(ops.arange(150)), truth), wide]
    one = traced(made.curve)
    errors["step by step"] = [error([one(ops.convert_to_tensor(k)) for k in range(150)], truth), None]
    return errors


def error(found, truth):
    """The largest error relative to the value, where that is not nothing beside the peak."""
    numbers = np.array([float(each) for each in ops.convert_to_numpy(ops.convert_to_tensor(found))])
    return float(np.max(np.abs(numbers - truth) / np.maximum(np.abs(truth), 1e-6 * np.max(np.abs(truth)))))


MOVED = [
    ("SGD", {"momentum": 0.9}, "momentum"),
    ("RMSprop", {"momentum": 0.9}, "momentum"),
    ("Adam", {}, "beta_1"),
    ("AdamW", {"weight_decay": 0.9}, "weight_decay"),
]


def moved():
    """Weights with a moved hyperparameter less those of an uncompiled loop that sets it; and less the unmoved."""
    found = {}
    for kind, options, name in MOVED:
        make = lambda kind=kind, options=options: getattr(keras.optimizers, kind)(0.05, **options)  # noqa: E731
        rate = "linear()"
        net = model(make())
        fit(net, epochs=1)  # compiles the step with the number as it is
        fit(net, adapter.HyperparameterScheduler(steps=STEPS, **{name: f"0.7 * {rate}"}), epochs=3, start=1)
        plain = model(make())
        fit(plain, epochs=3)
        hand = model(make(), run_eagerly=True)
        curve = parse(f"0.7 * {rate}").bind(STEPS)
        for step in range(24):
            if step >= 8:
                setattr(hand.optimizer, name, curve(step))
            low = step % 8 * 6
            hand.train_on_batch(X[low : low + 6], Y[low : low + 6])
        found[f"{kind}.{name}"] = [distance(net, hand), distance(net, plain)]
    return found


def distance(one, other):
    return max(float(np.abs(a - b).max()) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def again():
    """The same momentum schedule, then another, on one model: the compiled step must not keep the first."""
    nets = []
    for first in ("0.1 * constant()", "0.8 * constant()"):
        net = model(keras.optimizers.SGD(0.05, momentum=0.9))
        fit(net, adapter.HyperparameterScheduler(steps=STEPS, momentum=first), epochs=1)
        net.set_weights(nets[0][0] if nets else net.get_weights())
        for variable in net.optimizer.momentums:
            variable.assign(ops.zeros(variable.shape))
        start = net.get_weights()
        fit(net, adapter.HyperparameterScheduler(steps=STEPS, momentum="0.5 * constant()"), epochs=2, start=1)
        nets.append((start, net))
    return distance(nets[0][1], nets[1][1])


def refusals():
    """What each mistake is answered."""
    mistakes = {
        "a shape": lambda: adapter.LearningRate("cosine()", steps=10),
        "reactive": lambda: adapter.LearningRate("0.1 * plateau()", steps=10),
        "a reactive momentum": lambda: adapter.HyperparameterScheduler(steps=9, momentum="plateau()"),
        "nothing": lambda: adapter.HyperparameterScheduler(steps=9),
        "no schedule": lambda: adapter.LearningRate(0.1, steps=10),
        "no epochs": lambda: adapter.LearningRate("0.1 * cosine('3ep')", steps=10),
        "validation_freq": lambda: adapter.HyperparameterScheduler(
            steps=9, learning_rate="cosine()", validation_freq=0
        ),
        "an unknown name": lambda: fit(model("adam"), adapter.HyperparameterScheduler(steps=9, momentun="cosine()")),
        "no momentum": lambda: fit(model("sgd"), adapter.HyperparameterScheduler(steps=9, momentum="cosine()")),
        "two rates": lambda: fit(
            model(keras.optimizers.SGD(adapter.LearningRate("0.1 * cosine()", steps=10))),
            adapter.HyperparameterScheduler(steps=9, learning_rate="cosine()"),
        ),
        "a shape midway": lambda: fit(
            keras.models.load_model(PLACE / "b.keras"),
            adapter.HyperparameterScheduler(steps=STEPS, learning_rate="cosine()"),
        ),
        "other schedules": lambda: adapter.HyperparameterScheduler(steps=STEPS, momentum="cosine()").load_state_dict(
            json.loads((PLACE / "half.json").read_text())
        ),
    }
    return {name: answer(mistake) for name, mistake in mistakes.items()}


def answer(mistake):
    try:
        mistake()
    except ScheduleError as wrong:
        return str(wrong)
    return "no error"


def in_updates():
    """The rates over batches of which two make an update."""
    net = model(keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))
    return fit(net, adapter.HyperparameterScheduler(steps=16, learning_rate="0.1 * linear()"), epochs=1)


def first():
    report = {"values": values(), "moved": moved(), "again": again(), "in updates": in_updates()}
    report["doctests"] = doctest.testmod(adapter).failed
    runs = {
        "a": lambda: model(keras.optimizers.SGD(adapter.LearningRate(RATES[1], steps=STEPS), momentum=0.9)),
        "b": lambda: model(keras.optimizers.Adam(0.05)),
    }
    for name, make in runs.items():
        extra = {"whole": [scheduler("whole.json")], "half": [scheduler("half.json")]} if name == "b" else {}
        whole, half = make(), make()
        report[f"{name} whole"] = fit(whole, *extra.get("whole", []))
        np.savez(PLACE / f"{name}-whole.npz", *whole.get_weights())
        report[f"{name} first"] = fit(half, *extra.get("half", []), epochs=2)
        half.save(PLACE / f"{name}.keras")
    by_callback = model(keras.optimizers.SGD(0.7, momentum=0.9))
    fit(by_callback, adapter.HyperparameterScheduler(steps=STEPS, learning_rate=RATES[1]))
    np.savez(PLACE / "callback.npz", *by_callback.get_weights())
    report["config"] = json.loads(json.dumps(half.optimizer.get_config()))["beta_1"]
    report["refusals"] = refusals()
    return report


def second():
    report = {}
    for name in ("a", "b"):
        net = keras.models.load_model(PLACE / f"{name}.keras")
        callbacks = [scheduler("half.json")] if name == "b" else []
        report[f"{name} second"] = fit(net, *callbacks, start=2)
        np.savez(PLACE / f"{name}-broken.npz", *net.get_weights())
    return report


(PLACE / f"{sys.argv[1]}.json").write_text(json.dumps({"first": first, "second": second}[sys.argv[1]]()))
