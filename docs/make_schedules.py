"""Makes docs/schedules.md and its pictures from the code: python docs/make_schedules.py

Shapes come from the register that text and JSON use, so that none can be missing; what is said of them is the beginning
of their docstrings; the right side of the migration tables is what the presets print.
"""

import inspect
import re
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
import numpy as np

from surefoot import schedules
from surefoot.core.record import Observation
from surefoot.schedules.compositions import COMPOSITIONS
from surefoot.schedules.like.text import parse as preset
from surefoot.schedules.named import NAMED

HERE = Path(__file__).parent
STEPS, EPOCH = 1000, 100

FAMILIES = {
    "Basic": ["basic", "interpolate"],
    "Warm-ups": ["warmups"],
    "Decays": ["decays", "special"],
    "Inverse powers": ["power"],
    "Cosine, cycles, restarts": ["cycles", "restarts"],
    "Compositions": ["compositions"],
    "Noise": ["noise"],
    "Reactive": ["on_plateau", "greedy", "wall_clock"],
    "The algebra": ["algebra", "time", "plans"],
}

# How each is drawn, where its defaults alone are no picture.
DRAWN = {
    "constant": "constant(0.7)",
    "step": "step('2ep', factor=0.5)",
    "multistep": "multistep([300, '80%'], factor=0.3)",
    "piecewise": "piecewise([200, 500, 800], values=[1.0, 0.4, 0.7, 0.1])",
    "clip": "clip(cosine(), low=0.2, high=0.8)",
    "during": "during(cosine(), over=400) >> constant(0.2)",
    "skip": "skip(cosine(1000), first=400)",
    "stretch": "stretch(warmup(50) >> cosine(200), over=800)",
    "repeat": "repeat(linear(250), times=3)",
    "every": "every(cosine(), n='1ep')",
    "planned": "planned(cosine(), steps=600)",
    "paced": "paced(planned(linear(), steps=500), at=300)",
    "warmup": "warmup(300, kind='cosine')",
    "exponential_warmup": "exponential_warmup(100)",
    "hyperbolic": "hyperbolic(upper=1500)",
    "inverse_sqrt": "inverse_sqrt(100)",
    "inverse_power": "inverse_power(100, power=0.8)",
    "power_law": "power_law(4.6, -0.51, max_rate=0.0003)",
    "cosine_wave": "cosine_wave(400)",
    "restarts": "restarts(linear(), 100, mult=1.5, decay=0.8)",
    "cosine_restarts": "cosine_restarts(70, mult=2)",
    "cyclical": "cyclical(100, policy='triangular2')",
    "cyclical_momentum": "cyclical_momentum(100)",
    "wsd_s": "wsd_s(['30%', '70%'])",
    "noise": "linear() * noise(std=0.05)",
    "timm_noise": "linear() * timm_noise(pct=0.2, every=10)",
    "wall_clock": "wall_clock(warmup('5%') >> linear(), over='1h')",
    "minimum": "minimum(linear(start=1.2), cosine(end=0.3), 0.9)",
    "maximum": "maximum(step(200, factor=0.5), linear(end=0.1))",
}
SIGNS = {
    "then": "warmup('10%') >> cosine()",
    "product": "warmup('10%') * step('2ep', factor=0.5)",
    "sum": "0.8 * linear() + 0.1",
}


EXAMPLES = {
    "torch": [
        "StepLR(step_size=30, gamma=0.1)",
        "StepLR(step_size=30, gamma=0.1, per='epoch')",
        "MultiStepLR([30, 80], gamma=0.1)",
        "ConstantLR(factor=0.5, total_iters=4)",
        "LinearLR(start_factor=0.1, total_iters=500)",
        "ExponentialLR(gamma=0.95, per='epoch')",
        "PolynomialLR(total_iters=1000, power=2.0)",
        "CosineAnnealingLR(T_max=1000)",
        "CosineAnnealingLR(T_max=1000, eta_min=0.001, lr=0.1)",
        "CosineAnnealingWarmRestarts(T_0=100, T_mult=2)",
        "CyclicLR(base_lr=0.001, max_lr=0.1, step_size_up=200, mode='triangular2')",
        "OneCycleLR(max_lr=0.1, total_steps=1000)",
        "OneCycleLR(max_lr=0.1, total_steps=1000, of='momentum')",
        "ReduceLROnPlateau(patience=5, lr=0.1, min_lr=0.001)",
        "SequentialLR([torch.LinearLR(0.1, total_iters=50), torch.CosineAnnealingLR(950)], milestones=[50])",
        "ChainedScheduler([torch.ConstantLR(0.1, total_iters=20), torch.ExponentialLR(0.99)])",
        "SWALR(swa_lr=0.05, anneal_epochs=10, lr=0.1)",
    ],
    "keras": [
        "ExponentialDecay(0.1, decay_steps=1000, decay_rate=0.96, staircase=True)",
        "PiecewiseConstantDecay([100, 200], [1.0, 0.5, 0.1])",
        "PolynomialDecay(0.1, decay_steps=1000)",
        "InverseTimeDecay(0.1, decay_steps=100, decay_rate=0.5)",
        "CosineDecay(0.0, decay_steps=900, warmup_target=0.1, warmup_steps=100)",
        "CosineDecayRestarts(0.1, first_decay_steps=100)",
        "ReduceLROnPlateau(factor=0.2, patience=5, min_lr=0.001, lr=0.1)",
    ],
    "optax": [
        "constant_schedule(0.1)",
        "linear_schedule(0.1, 0.01, 1000)",
        "polynomial_schedule(0.1, 0.01, 2, 1000)",
        "exponential_decay(0.1, transition_steps=100, decay_rate=0.9, end_value=0.01)",
        "cosine_decay_schedule(0.1, decay_steps=1000, alpha=0.1)",
        "warmup_constant_schedule(0.0, 0.1, 100)",
        "warmup_cosine_decay_schedule(0.0, 0.1, warmup_steps=100, decay_steps=1000)",
        "warmup_exponential_decay_schedule(0.0, 0.1, 100, 100, 0.9)",
        "cosine_onecycle_schedule(1000, 0.1)",
        "linear_onecycle_schedule(1000, 0.1)",
        "join_schedules([optax.constant_schedule(0.1), optax.cosine_decay_schedule(0.1, 500)], [100])",
        "reduce_on_plateau(factor=0.5, patience=5, accumulation_size=10)",
    ],
    "transformers": [
        "get_scheduler('linear', 100, 1000)",
        "get_scheduler('cosine', 100, 1000)",
        "get_scheduler('cosine_with_restarts', 100, 1000)",
        "get_scheduler('polynomial', 100, 1000, lr=0.1)",
        "get_scheduler('constant_with_warmup', 100)",
        "get_scheduler('inverse_sqrt', 100)",
        "get_cosine_with_min_lr_schedule_with_warmup(100, 1000, min_lr_rate=0.1)",
        "get_wsd_schedule(100, 200, num_training_steps=1000)",
        "GreedyLR(lr=0.1)",
    ],
    "timm": [
        "CosineLRScheduler(t_initial=100, lr_min=0.0001, warmup_t=5, warmup_lr_init=0.001, warmup_prefix=True, lr=0.1)",
        "CosineLRScheduler(t_initial=100, cycle_mul=2.0, cycle_decay=0.5, cycle_limit=3)",
        "TanhLRScheduler(t_initial=100)",
        "PolyLRScheduler(t_initial=100)",
        "StepLRScheduler(decay_t=30, decay_rate=0.1)",
        "MultiStepLRScheduler(decay_t=[30, 60], decay_rate=0.1)",
        "WSDLRScheduler(t_initial=100, decay_t=20, warmup_t=5)",
        "PlateauLRScheduler(lr=0.1)",
    ],
}

REACTIVE = [Observation(step, {"loss": 1 / (1 + step / 100) if step < 400 else 0.2}) for step in range(10, STEPS, 10)]


def main() -> None:
    """Writes the pictures, and what stands between the markers of the page."""
    (HERE / "images" / "schedules").mkdir(parents=True, exist_ok=True)
    for title, modules in FAMILIES.items():
        draw(HERE / picture(title), examples(modules))
    page = (HERE / "schedules.md").read_text()
    (HERE / "schedules.md").write_text(filled(page))
    print(f"wrote the tables of schedules.md and {len(FAMILIES)} pictures", file=sys.stderr)


def filled(page: str) -> str:
    """The page with its made parts made anew."""
    for name, made in (("shapes", shapes()), ("migration", migration())):
        page = re.sub(
            rf"(<!-- made: {name} -->).*?(<!-- end -->)",
            lambda m, made=made: f"{m[1]}\n{made}\n{m[2]}",
            page,
            flags=re.S,
        )
    return page


def picture(title: str) -> str:
    return f"images/schedules/{re.sub(r'[^a-z]+', '-', title.lower())}.svg"


def members(modules: list[str]) -> dict[str, object]:
    """What a family has, by the name that text uses: shapes, combinations, functions."""
    found: dict[str, object] = {}
    functions = {**COMPOSITIONS, "minimum": schedules.minimum, "maximum": schedules.maximum}
    for name, member in {**NAMED, **functions}.items():
        if member.__module__.rsplit(".", 1)[-1] in modules:
            found[name] = member
    return found


def examples(modules: list[str]) -> dict[str, str]:
    """The text of a schedule for each, to draw."""
    drawn = {name: DRAWN.get(name, f"{name}()") for name in members(modules)}
    return (SIGNS if "algebra" in modules else {}) | drawn


def draw(path: Path, texts: dict[str, str]) -> None:
    """A small picture of every text, four in a row."""
    rows = -(-len(texts) // 4)
    figure, axes = plt.subplots(rows, 4, figsize=(12, 2.3 * rows), squeeze=False, layout="constrained")
    for ax, text in zip(axes.flat, texts.values(), strict=False):
        curve = schedules.parse(text).bind(STEPS, EPOCH, batch_size=32, tokens_per_step=1_000_000)
        watched = REACTIVE if not text.startswith("wall_clock") else [
            Observation(step, {"seconds": 2 * step + 2.5 * max(step - 600, 0)}) for step in range(1, STEPS)
        ]  # fmt: skip
        values = curve.values(observations=watched if curve.reducers else ())
        ax.plot(np.arange(STEPS), values, color="#1f77b4", linewidth=1.5)
        ax.set_title(text if len(text) < 40 else text.replace(", ", ",\n", 1), fontsize=8, family="monospace")
        ax.set_ylim(min(0, values.min()), max(1.05 * values.max(), 1e-9))
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes.flat[len(texts) :]:
        ax.set_visible(False)
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "surefoot"})
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def shapes() -> str:
    """A heading, a picture and a list for every family."""
    lines = []
    for title, modules in FAMILIES.items():
        lines += [f"### {title}", "", f"![{title}]({picture(title)})", ""]
        lines += [
            f"- **`{name}{signature(member)}`** {said(member)}" for name, member in sorted(members(modules).items())
        ]
        lines.append("")
    return "\n".join(lines)


def signature(member: object) -> str:
    """The arguments with their defaults, as text writes them."""
    words = []
    for parameter in inspect.signature(member).parameters.values():
        default = parameter.default
        shown = "" if default is parameter.empty else f"={str(default) if default is None else default_text(default)}"
        words.append(("*" if parameter.kind is parameter.VAR_POSITIONAL else "") + parameter.name + shown)
    return f"({', '.join(words)})"


def default_text(default: object) -> str:
    text = str(default)
    return text if isinstance(default, int | float) or text.isdecimal() else repr(text)


def said(member: object) -> str:
    """One line, the equation, the source: the beginning and the end of the docstring."""
    paragraphs = [" ".join(part.split()) for part in inspect.getdoc(member).split("\n\n")]
    chosen = [paragraphs[0]]
    chosen += [part.split(" Parameters:")[0] for part in paragraphs if part.startswith("Equation:")]
    chosen += [f"*{part}*" for part in paragraphs if part.startswith("Source:")]
    return " ".join(chosen).replace("Equation: ", "").replace("|", "\\|")


def migration() -> str:
    """What each library's is, for every example of EXAMPLES."""
    lines = []
    for library, texts in EXAMPLES.items():
        lines += [f"### {library}", "", f"| {library} | the same here |", "| --- | --- |"]
        for text in texts:
            lines.append(f"| `{text}` | `{preset(f'{library}.{text}')}` |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
