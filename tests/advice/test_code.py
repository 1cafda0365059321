"""The scripts of `--code` run as they are, and train with the recipe."""

import os
import re
import subprocess
import sys

import pytest

from surefoot.advice import Answers, advise
from surefoot.advice.candidates import optimizers, recipe_of, strategies
from surefoot.advice.code import FRAMEWORKS, script
from surefoot.core.errors import UsageError

SMALL = Answers(samples=640, epochs=3, batch_size=32, task="classification")
PLAIN, MORE = frozenset(), frozenset({"warmup", "decay_more"})

# Every strategy and every optimizer in every framework, each at least once, with and without a warm-up.
RUN = [
    ("adamw", "linear", MORE), ("adam", "cosine", PLAIN), ("momentum", "one_cycle", PLAIN), ("sgd", "step", MORE),
    ("rmsprop", "exponential", PLAIN), ("adagrad", "plateau", PLAIN), ("adamw", "plateau", MORE),
    ("momentum", "cyclical", MORE), ("sgd", "wsd", PLAIN),
]  # fmt: skip


def run(source, tmp_path, name):
    file = tmp_path / f"script_{name}.py"  # not torch.py, which would be imported
    file.write_text(source, encoding="utf-8")
    environment = os.environ | {"KERAS_BACKEND": "torch", "JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(file)], capture_output=True, text=True, env=environment, timeout=300, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def together(sources):
    """Scripts one after the other in one process, each in a module of its own: importing a framework takes seconds."""
    lines = ["import types"]
    for number, source in enumerate(sources):
        lines += [f"print('script', {number})", f"exec(compile({source!r}, 'script{number}', 'exec'), {{}})"]
    return "\n".join(lines)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_scripts_run_and_learn(framework, task, tmp_path):
    answers = Answers(samples=640, epochs=3, batch_size=32, task=task)
    scripts = [script(recipe_of(o, s, answers, add), answers, framework, clip=bool(add)) for o, s, add in RUN]
    out = run(together(scripts), tmp_path, framework)
    told = out.split("script ")[1:]
    assert len(told) == len(RUN)
    for (optimizer, strategy, _), lines in zip(RUN, told, strict=True):
        losses = [float(value) for value in re.findall(r"val(?:idation |_)loss:? ([\d.e+-]+)", lines)]
        assert len(losses) == 3, lines  # one an epoch
        assert losses[-1] <= losses[0] * 1.05, (optimizer, strategy, losses)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_script_compiles_and_is_whole(framework):
    for optimizer in optimizers():
        for strategy in strategies():
            for add in (PLAIN, MORE):
                source = script(recipe_of(optimizer, strategy, SMALL, add), SMALL, framework, clip=bool(add))
                compile(source, "script.py", "exec")
                assert "{{" not in source
                assert "{%" not in source


def test_a_torch_script_needs_torch_alone_where_no_adapter_is_asked():
    for strategy in ("linear", "cosine", "step", "exponential", "plateau", "cyclical", "wsd"):
        assert "surefoot" not in script(recipe_of("adamw", strategy, SMALL, PLAIN), SMALL, "torch").replace(
            "surefoot advise", ""
        )


def test_the_torch_script_follows_the_schedule(tmp_path):
    recipe = recipe_of("adamw", "linear", SMALL, frozenset({"warmup"}))
    out = run(script(recipe, SMALL, "torch"), tmp_path, "linear")
    rates = [float(rate) for rate in re.findall(r"learning rate ([\d.e-]+)", out)]
    from surefoot.schedules import parse

    curve = (recipe.lr * parse(recipe.schedule)).bind(60, 20)
    assert rates == pytest.approx([curve(20), curve(40), curve(60)], rel=5e-3, abs=1e-12)


def test_the_horizon_is_that_of_the_answers():
    source = advise(samples=60_000, epochs=10, batch_size=64, model="cnn").code("torch")
    assert "STEPS, STEPS_PER_EPOCH, BATCH = 9380, 938, 64" in source
    assert "clip_grad_norm_" not in source
    assert "clip_grad_norm_" in advise(model="transformer").code("torch")
    second = advise(samples=60_000, epochs=10, batch_size=64, model="cnn").code("torch", 2)
    assert second != source


def test_no_code_for_what_is_not_there():
    with pytest.raises(UsageError, match="'mxnet'"):
        advise().code("mxnet")
    with pytest.raises(UsageError, match="recipes 1 to 5"):
        advise().code("torch", 9)
