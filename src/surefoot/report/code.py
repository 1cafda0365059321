"""Code to use a recipe in plain PyTorch."""

from __future__ import annotations

from surefoot.core.history import Facts
from surefoot.core.recipe import Recipe
from surefoot.core.units import Clock
from surefoot.optimizers import Rule, TorchClass, torch_source
from surefoot.optimizers.rule import AROUND
from surefoot.optimizers.scopes import AT
from surefoot.training import Policy, bind


def torch_code(recipe: Recipe, facts: Facts) -> str:
    """A `train` function that follows the recipe; runs as it is."""
    policy = bind(recipe, Clock(facts.steps, facts.steps_per_epoch, facts.batch_size))
    reactive = any(curve.reducers for curve in policy.curves.values())
    lines = [
        "import torch",
        "import surefoot as sf",
        "",
        "",
        f"def train(model, batches, loss_function, {'validate, ' * reactive}epochs={facts.epochs}):",
        f"    {_about(policy, facts, reactive)!r}",
        *(_plain(policy, facts) or _general(policy, facts)),
    ]
    return "\n".join(lines) + "\n"


def _about(policy: Policy, facts: Facts, reactive: bool) -> str:
    about = f"{policy.recipe.name}. `batches`: any iterable of {facts.batch_size} samples each that has a length."
    about += " `validate(model)` gives what the schedule watches, such as {'loss': 0.3}." if reactive else ""
    if "ema" in policy.curves or policy.fixed.get("ema"):
        about += " Gives the average of the weights: measure inside `with average.applied():`."
    elif _has_modes(policy):
        about += " Gives the optimizer: measure inside `with sf.optimizers.evaluating(optimizer):`."
    ways = [f"batches in {facts.accumulate} portions"] * (facts.accumulate > 1)
    ways += ["forward passes under bfloat16 autocast"] * (facts.precision == "bf16")
    ways += [f"an end after {facts.patience} epochs without improvement"] * (facts.patience is not None)
    return about + (f" It was compared with {', '.join(ways)}, which is not done here." if ways else "")


def _has_modes(policy: Policy) -> bool:
    """Whether a model is measured with other weights than it is trained with."""
    return type(policy.rule).evaluated is not Rule.evaluated or isinstance(policy.rule, TorchClass)


def _plain(policy: Policy, facts: Facts) -> list[str] | None:
    """Where only the rate moves and torch has the optimizer: nothing but torch, and the schedule."""
    fixed = {name: value for name, value in policy.fixed.items() if name not in AROUND}
    around = any(policy.fixed.get(name) for name in AROUND)
    if len(policy.curves) > 1 or around or any(AT in name for name in fixed):
        return None
    source = torch_source(policy.rule, {**fixed, "lr": float(policy.curves["lr"](0))})
    if source is None:
        return None
    curve = policy.curves["lr"]
    watched = bool(curve.reducers)
    return [
        f"    optimizer = {source}",
        f"    lr = {_bound(policy, 'lr', facts)}",
        *["    lr_state = lr.start()"] * watched,
        *_loop(
            [
                "            for group in optimizer.param_groups:",
                f'                group["lr"] = lr(step{", lr_state" * watched})',
            ],
            ["            optimizer.step()"],
        ),
        *["        seen = sf.Observation(step, validate(model))"] * watched,
        *["        lr_state = lr.update(lr_state, seen)"] * watched,
    ]


def _general(policy: Policy, facts: Facts) -> list[str]:
    """Anything else: with Surefoot's own form of the rule where torch has none, parts, clipping, averages."""
    watched = [name for name, curve in policy.curves.items() if curve.reducers]
    clips = any(policy.fixed.get(name) or name in policy.curves for name in ("clip_norm", "clip_value"))
    averages = bool(policy.fixed.get("ema")) or "ema" in policy.curves
    states = ["    states = {name: curve.start() for name, curve in curves.items()}"]
    after = ["            sf.optimizers.clip_gradients_(model.parameters(), rule, parts[0].hyper(hyper))"] * clips
    after += ["            optimizer.step()"]
    after += ['            average.update(hyper["ema"])'] * averages
    modes = _has_modes(policy)
    within = "average.applied()" if averages else "sf.optimizers.evaluating(optimizer)" if modes else ""
    look = "seen = sf.Observation(step, validate(model))"
    seen = [f"        with {within}:", f"            {look}"] if within else [f"        {look}"]
    seen += ["        states = {name: curve.update(states[name], seen) for name, curve in curves.items()}"]
    value = "curve(step, states[name])" if watched else "curve(step)"
    return [
        f"    rule = sf.optimizers.parse({str(policy.rule)!r})",
        f"    fixed = {dict(policy.fixed)!r}",
        "    curves = {",
        *(f"        {name!r}: {_bound(policy, name, facts)}," for name in policy.curves),
        "    }",
        "    named = dict(model.named_parameters())",
        "    parts = sf.optimizers.parts({**fixed, **curves}, {name: p.ndim for name, p in named.items()})",
        '    groups = [{"params": [named[name] for name in part.params]} for part in parts]',
        "    optimizer = sf.optimizers.torch_optimizer(rule, groups)",
        *["    average = sf.optimizers.Average(model.parameters())"] * averages,
        *states * bool(watched),
        *_loop(
            [
                f"            hyper = {{**fixed, **{{name: {value} for name, curve in curves.items()}}}}",
                "            for k, part in enumerate(parts):",
                "                sf.optimizers.set_hyper(optimizer, rule, part.hyper(hyper), k)",
            ],
            after,
        ),
        *seen * bool(watched),
        *(["    return average"] if averages else ["    return optimizer"] * modes),
    ]


def _loop(before: list[str], update: list[str]) -> list[str]:
    return [
        "    step = 0",
        "    for epoch in range(epochs):",
        "        model.train()",
        "        for x, y in batches:",
        *before,
        "            optimizer.zero_grad()",
        "            loss_function(model(x), y).backward()",
        *update,
        "            step += 1",
    ]


def _bound(policy: Policy, name: str, facts: Facts) -> str:
    text = str(policy.curves[name].schedule)
    return f"sf.parse({text!r}).bind(epochs * len(batches), len(batches), {facts.batch_size})"
