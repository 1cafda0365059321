"""The Keras presets equal Keras's equations, written out here in plain NumPy."""

import numpy as np
import pytest
import torch

from surefoot.optimizers import init, like, update

STEPS = 60


def sgd(w, g, s, t, *, learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=0.0):
    w = w - w * weight_decay * learning_rate
    if momentum == 0:
        return w - learning_rate * g
    s["v"] = momentum * s.get("v", 0) - learning_rate * g
    return w + momentum * s["v"] - learning_rate * g if nesterov else w + s["v"]


def adam(w, g, s, t, *, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False, weight_decay=0.0):
    w = w - w * weight_decay * learning_rate
    alpha = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    s["m"] = s.get("m", 0) + (g - s.get("m", 0)) * (1 - beta_1)
    s["v"] = s.get("v", 0) + (g**2 - s.get("v", 0)) * (1 - beta_2)
    s["top"] = np.maximum(s.get("top", 0), s["v"])
    return w - alpha * s["m"] / (np.sqrt(s["top"] if amsgrad else s["v"]) + epsilon)


def adamw(w, g, s, t, *, weight_decay=0.004, **rest):
    return adam(w, g, s, t, weight_decay=weight_decay, **rest)


def adagrad(w, g, s, t, *, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, weight_decay=0.0):
    w = w - w * weight_decay * learning_rate
    s["sum"] = s.get("sum", initial_accumulator_value) + g**2
    return w - learning_rate * g / np.sqrt(s["sum"] + epsilon)


def rmsprop(w, g, s, t, *, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, weight_decay=0.0):
    w = w - w * weight_decay * learning_rate
    s["v"] = rho * s.get("v", 0) + (1 - rho) * g**2
    s["a"] = rho * s.get("a", 0) + (1 - rho) * g
    increment = learning_rate * g / np.sqrt((s["v"] - s["a"] ** 2 if centered else s["v"]) + epsilon)
    if momentum == 0:
        return w - increment
    s["m"] = momentum * s.get("m", 0) + increment
    return w - s["m"]


def schedule_free(w, g, s, t, *, learning_rate=0.0025, beta_1=0.9, beta_2=0.999, epsilon=1e-8, weight_decay=0.0):
    """Not stepped in Keras: on its torch and TensorFlow backends the old z is overwritten before it is used."""
    z = s.get("z", w)
    y = w - w * weight_decay * learning_rate
    s["v"] = s.get("v", 0) + (g**2 - s.get("v", 0)) * (1 - beta_2)
    x = (y - (1 - beta_1) * z) / beta_1
    s["z"] = z - learning_rate * g / (np.sqrt(s["v"] / (1 - beta_2**t)) + epsilon)
    x = (1 - 1 / t) * x + s["z"] / t
    return (1 - beta_1) * s["z"] + beta_1 * x


CASES = [
    (sgd, like.keras.SGD, {}),
    (sgd, like.keras.SGD, {"momentum": 0.9, "learning_rate": 0.1}),
    (sgd, like.keras.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (sgd, like.keras.SGD, {"nesterov": True}),
    (adam, like.keras.Adam, {}),
    (adam, like.keras.Adam, {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3, "amsgrad": True, "weight_decay": 0.1}),
    (adamw, like.keras.AdamW, {}),
    (adagrad, like.keras.Adagrad, {}),
    (adagrad, like.keras.Adagrad, {"initial_accumulator_value": 0.0, "epsilon": 1e-3, "weight_decay": 0.1}),
    (rmsprop, like.keras.RMSprop, {}),
    (rmsprop, like.keras.RMSprop, {"momentum": 0.9, "rho": 0.99, "weight_decay": 0.1}),
    (rmsprop, like.keras.RMSprop, {"momentum": 0.5, "centered": True, "epsilon": 1e-3}),
    (schedule_free, like.keras.ScheduleFreeAdamW, {}),
    (schedule_free, like.keras.ScheduleFreeAdamW, {"beta_1": 0.8, "weight_decay": 0.1}),
]


@pytest.mark.parametrize(("equations", "preset", "arguments"), CASES, ids=lambda x: getattr(x, "__name__", str(x)))
def test_preset_equals_keras(equations, preset, arguments):
    rule, random = preset(**arguments), np.random.default_rng(0)
    w, s = random.normal(size=(4, 3)), {}
    params = {"w": torch.tensor(w)[None]}
    state = init(rule, params, [rule.hyper])
    for t in range(1, STEPS + 1):
        rate = rule.hyper["lr"] * (1 + t % 3)  # rates that move tell the momentum forms apart
        g = random.normal(size=(4, 3)) * 10 ** random.uniform(-4, 1)
        w = equations(w, g, s, t, **arguments | {"learning_rate": rate})
        update(rule, params, {"w": torch.tensor(g)[None]}, state, [rule.filled({"lr": rate})], t)
        np.testing.assert_allclose(params["w"][0].numpy(), w, rtol=1e-11, atol=1e-13)


def test_defaults_are_those_of_keras_3():
    assert like.keras.SGD().hyper["lr"] == 0.01
    assert like.keras.Adam().hyper | {"weight_decay": 0.004} == like.keras.AdamW().hyper
    adam = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7, "weight_decay": 0.0}
    assert adam.items() <= like.keras.Adam().hyper.items()
    assert like.keras.RMSprop().hyper["alpha"] == 0.9
    assert like.keras.Adagrad().hyper["initial_accumulator_value"] == 0.1


def test_positional_arguments_stand_as_in_keras():
    assert like.keras.SGD(0.1, 0.9, True) == like.keras.SGD(learning_rate=0.1, momentum=0.9, nesterov=True)
    assert like.keras.AdamW(0.1, 0.2) == like.keras.AdamW(learning_rate=0.1, weight_decay=0.2)
