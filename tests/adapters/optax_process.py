"""One process of the tests of optax: `optax_process.py FOLDER START STOP` trains these updates and keeps the state."""

import pickle
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from surefoot.adapters.optax import schedule

PLACE, START, STOP = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
STEPS = 40

made = np.random.default_rng(0)
X = made.normal(size=(64, 5)).astype("float32")
Y = np.sin(X.sum(1))

optimizer = optax.inject_hyperparams(optax.adamw)(
    learning_rate=schedule("0.05 * (warmup('10%') >> cosine()) * noise(0.1, seed=2)", steps=STEPS),
    weight_decay=schedule("0.1 * linear()", steps=STEPS),
)


def loss(parameters, x, y):
    return jnp.mean((jnp.tanh(x @ parameters["a"]) @ parameters["b"] - y) ** 2)


@jax.jit
def update(parameters, state, x, y):
    changes, state = optimizer.update(jax.grad(loss)(parameters, x, y), state, parameters)
    return optax.apply_updates(parameters, changes), state


file = PLACE / "state.pickle"
if START:
    parameters, state = pickle.loads(file.read_bytes())
else:
    parameters = {
        "a": jnp.asarray(made.normal(size=(5, 4)), "float32"),
        "b": jnp.asarray(made.normal(size=4), "float32"),
    }
    state = optimizer.init(parameters)
used = []
for step in range(START, STOP):
    low = step % 8 * 8
    parameters, state = update(parameters, state, X[low : low + 8], Y[low : low + 8])
    used.append([float(state.hyperparams[name]) for name in ("learning_rate", "weight_decay")])
file.write_bytes(pickle.dumps(jax.device_get((parameters, state))))
np.savez(PLACE / f"{START}-{STOP}.npz", used=used, **parameters)
