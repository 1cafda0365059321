"""Code to use a recipe in plain PyTorch."""

from __future__ import annotations

from surefoot.core.history import Facts
from surefoot.core.recipe import Recipe
from surefoot.core.units import Clock
from surefoot.optimizers import torch_source
from surefoot.training import Policy, bind


def torch_code(recipe: Recipe, facts: Facts) -> str:
    """A `train` function that follows the recipe; runs as it is."""
    policy = bind(recipe, Clock(facts.steps, facts.steps_per_epoch, facts.batch_size))
    reactive = any(curve.reducers for curve in policy.curves.values())
    about = f"{recipe.name}. `batches`: any iterable of {facts.batch_size} samples each that has a length."
    about += " `validate(model)` gives what the schedule watches, such as {'loss': 0.3}." if reactive else ""
    make, assign = _plain(policy) or _general(policy)
    lines = [
        "import torch",
        "import surefoot as sf",
        "",
        "",
        f"def train(model, batches, loss_function, {'validate, ' * reactive}epochs={facts.epochs}):",
        f"    {about!r}",
        *make,
    ]
    for name, curve in policy.curves.items():
        bound = f".bind(epochs * len(batches), len(batches), {facts.batch_size})"
        lines.append(f"    {name} = sf.parse({str(curve.schedule)!r}){bound}")
        lines += [f"    {name}_state = {name}.start()"] * bool(curve.reducers)
    lines += [
        "    step = 0",
        "    for epoch in range(epochs):",
        "        model.train()",
        "        for x, y in batches:",
        *assign,
        "            optimizer.zero_grad()",
        "            loss_function(model(x), y).backward()",
        "            optimizer.step()",
        "            step += 1",
    ]
    lines += ["        seen = sf.Observation(step, validate(model))"] * reactive
    watching = [name for name, curve in policy.curves.items() if curve.reducers]
    lines += [f"        {name}_state = {name}.update({name}_state, seen)" for name in watching]
    return "\n".join(lines) + "\n"


def _plain(policy: Policy) -> tuple[list[str], list[str]] | None:
    """Where only the rate moves and torch has the optimizer: nothing but torch."""
    source = torch_source(policy.rule, {**policy.fixed, "lr": float(policy.curves["lr"](0))})
    if source is None or len(policy.curves) > 1:
        return None
    lines = [
        "            for group in optimizer.param_groups:",
        f'                group["lr"] = {_value(policy, "lr")}',
    ]
    return [f"    optimizer = {source}"], lines


def _general(policy: Policy) -> tuple[list[str], list[str]]:
    moving = ", ".join(f'"{name}": {_value(policy, name)}' for name in policy.curves)
    make = [
        f"    rule, fixed = sf.optimizers.parse({str(policy.rule)!r}), {dict(policy.fixed)!r}",
        "    optimizer = sf.optimizers.torch_optimizer(rule, model.parameters(), fixed)",
    ]
    return make, [f"            sf.optimizers.set_hyper(optimizer, rule, {{**fixed, {moving}}})"]


def _value(policy: Policy, name: str) -> str:
    return f"{name}(step, {name}_state)" if policy.curves[name].reducers else f"{name}(step)"
