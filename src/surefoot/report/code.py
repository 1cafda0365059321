"""Code to use a recipe in plain PyTorch."""

from __future__ import annotations

from surefoot.core.history import Facts
from surefoot.core.recipe import Recipe
from surefoot.core.units import Clock
from surefoot.optimizers import Rule, torch_source
from surefoot.schedules import Curve
from surefoot.training import bind


def torch_code(recipe: Recipe, facts: Facts) -> str:
    """A `train` function that follows the recipe; runs as it is."""
    policy = bind(recipe, Clock(facts.steps, facts.steps_per_epoch, facts.batch_size))
    reactive = any(curve.reducers for curve in policy.curves.values())
    start = {**policy.fixed, **{name: float(curve(0)) for name, curve in policy.curves.items()}}
    native = torch_source(policy.rule, start)
    optimizer = native or f"sf.optimizers.torch_optimizer({_rule(policy.rule)}, model.parameters())"
    about = f"{recipe.name}. `batches` is any iterable of {facts.batch_size} samples with a length: a DataLoader."
    about += " `validate(model)` gives the validation loss." if reactive else ""
    lines = [
        "import torch",
        "import surefoot as sf",
        "",
        "",
        f"def train(model, batches, loss_function, {'validate, ' * reactive}epochs={facts.epochs}):",
        f"    {about!r}",
        f"    optimizer = {optimizer}",
    ]
    for name, curve in policy.curves.items():
        lines.append(f"    {name} = sf.parse({str(curve.schedule)!r}).bind(epochs * len(batches), len(batches))")
        lines += [f"    {name}_state = {name}.start()"] * bool(curve.reducers)
    lines += [
        "    step = 0",
        "    for epoch in range(epochs):",
        "        model.train()",
        "        for x, y in batches:",
        "            for group in optimizer.param_groups:",
        *[f"                {_assign(policy.rule, name, curve)}" for name, curve in policy.curves.items()],
        "            optimizer.zero_grad()",
        "            loss_function(model(x), y).backward()",
        "            optimizer.step()",
        "            step += 1",
    ]
    for name, curve in policy.curves.items():
        if curve.reducers:
            seen = '        seen = sf.Observation(step, {"loss": validate(model)})'
            lines += [seen, f"        {name}_state = {name}.update({name}_state, seen)"]
    return "\n".join(lines) + "\n"


def _assign(rule: Rule, name: str, curve: Curve) -> str:
    value = f"{name}(step, {name}_state)" if curve.reducers else f"{name}(step)"
    if name in ("beta1", "beta2") and torch_source(rule, rule.hyper):
        pair = f"({value}, group['betas'][1])" if name == "beta1" else f"(group['betas'][0], {value})"
        return f'group["betas"] = {pair}'
    return f'group["{name}"] = {value}'


def _rule(rule: Rule) -> str:
    return f"sf.optimizers.parse({str(rule)!r})"
