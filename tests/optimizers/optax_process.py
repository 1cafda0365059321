"""One process of the tests of optax: `optax_process.py FOLDER` reads cases.json, steps them, and says what came out.

A process of its own, since JAX does not go with processes that fork.
"""

import inspect
import json
import sys
from pathlib import Path

import jax
import numpy as np
import optax

jax.config.update("jax_enable_x64", True)
PLACE = Path(sys.argv[1])
given = json.loads((PLACE / "cases.json").read_text())
arrays = np.load(PLACE / "arrays.npz")


def kind(name):
    return getattr(optax, name, None) or getattr(optax.contrib, name)


def trained(name, rate, options):
    def moving(count):
        return rate * (1 + 0.5 * jax.numpy.sin(jax.numpy.asarray(count, "float64")))

    # The contributed schedule-free optimizers count from 1 in one place and from 0 in another.
    still = name.startswith("schedule_free") or name == "muon"
    chain = [optax.clip_by_global_norm(options.pop("clip"))] if "clip" in options else []
    optimizer = optax.chain(*chain, kind(name)(learning_rate=rate if still else moving, **options))
    flipped = name == "muon"  # JAX has its weights the other way round
    turn = (lambda x: x.T) if flipped else (lambda x: x)
    names = [n for n in arrays.files if n.startswith("start ")]
    params = {n: jax.numpy.asarray(turn(arrays[n])) for n in names}
    state = optimizer.init(params)

    @jax.jit
    def step(params, state, grads):
        changes, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, changes), state

    for t in range(given["steps"]):
        grads = {n: turn(arrays[n.replace("start", f"grad {t}")]) for n in names}
        params, state = step(params, state, grads)
    if still and name != "muon":
        params = optax.contrib.schedule_free_eval_params(state[-1], params)
    return {n.removeprefix("start "): np.asarray(turn(p)) for n, p in params.items()}


results = {}
for index, (name, rate, options) in enumerate(given["cases"]):
    results |= {f"{index} {key}": value for key, value in trained(name, rate, dict(options)).items()}
np.savez(PLACE / "results.npz", **results)
signatures = {
    name: [[p.name, repr(p.default)] for p in inspect.signature(kind(name)).parameters.values()]
    for name in given["names"]
}
(PLACE / "signatures.json").write_text(json.dumps(signatures))
