"""The network of the task digits in numbers: those that training learns, and those that are set by hand."""

from __future__ import annotations

from attrs import frozen

from surefoot.core.language import Words, words
from surefoot.lessons.lesson import Table, columns, significant


@frozen
class Layer:
    """A fully connected layer: how many numbers it has, from how many inputs to how many outputs."""

    inputs: int
    outputs: int
    weights: int
    biases: int


@frozen
class Network:
    """The network of digits: its layers, and what the task and a recipe of the set "classic" fix by hand.

    Parameters: `larger`, how many numbers 784-128-10 learns.
    """

    layers: tuple[Layer, ...]
    larger: int
    activation: str
    loss: str
    optimizer: str
    lr: float
    momentum: float
    batch_size: int
    epochs: int

    @property
    def learned(self) -> int:
        """How many numbers training finds."""
        return sum(layer.weights + layer.biases for layer in self.layers)

    def settings(self, _: Words) -> list[list[str]]:
        """The hyperparameters with their values."""
        return [
            [_("hidden layers"), str(len(self.layers) - 1)],
            [_("width of the hidden layer"), str(self.layers[0].outputs)],
            [_("activation"), self.activation],
            [_("initial weights"), _("Glorot, uniform")],
            [_("loss"), {"cross_entropy": _("cross-entropy")}.get(self.loss, self.loss)],
            [_("optimizer"), f"{self.optimizer} (SGD)"],
            [_("learning rate"), significant(self.lr)],
            [_("momentum"), significant(self.momentum)],
            [_("batch size"), str(self.batch_size)],
            [_("epochs"), str(self.epochs)],
        ]

    @property
    def chosen(self) -> int:
        """How many hyperparameters are set by hand."""
        return len(self.settings(words()))

    def tables(self, _: Words) -> dict[str, Table]:
        """The layers with their numbers, and the hyperparameters."""
        rows = [
            (f"{each.inputs} → {each.outputs}", each.weights, each.biases, each.weights + each.biases)
            for each in self.layers
        ]
        weights, biases = (sum(getattr(each, kind) for each in self.layers) for kind in ("weights", "biases"))
        rows.append((_("in all"), weights, biases, self.learned))
        headings = [_("layer"), _("weights"), _("biases"), _("learned")]
        return {
            "layers": Table(headings, columns(rows, "{}", "{}", "{}", "{}")),
            "settings": Table([_("hyperparameter"), _("value")], self.settings(_)),
        }


def network() -> Network:
    """The network of digits as it is trained by the first recipe of the set "classic"."""
    import torch

    from surefoot.optimizers import parse
    from surefoot.studies.recipes import load_recipes
    from surefoot.tasks import load
    from surefoot.tasks.mlp import mlp

    task, recipe = load("digits"), load_recipes("classic").recipes[0]
    with torch.random.fork_rng(devices=[]):  # making a model draws its weights
        parts, larger = list(task.model()), mlp(784, 128, 10)
    linear = [part for part in parts if isinstance(part, torch.nn.Linear)]
    between = next(part for part in parts if not isinstance(part, torch.nn.Linear))
    return Network(
        tuple(Layer(part.in_features, part.out_features, part.weight.numel(), part.bias.numel()) for part in linear),
        larger=sum(weight.numel() for weight in larger.parameters()),
        activation=type(between).__name__,
        loss=str(task.loss),
        optimizer=recipe.optimizer,
        lr=float(recipe.lr or 0.0),
        momentum=parse(recipe.optimizer).hyper["momentum"],
        batch_size=task.batch_size,
        epochs=task.epochs,
    )
