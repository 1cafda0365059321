"""The parts of a model that have hyperparameters of their own."""

from collections.abc import Iterable, Mapping

from torch import nn

from surefoot.core.errors import RecipeError
from surefoot.optimizers.scopes import Part, parts
from surefoot.tasks import Prepared
from surefoot.training.policy import Policy
from surefoot.training.trainer import initial_model


def parts_of(names: Iterable[str], model: nn.Module) -> tuple[Part, ...]:
    """The trainable parameters of a model, sorted by the hyperparameters that are theirs."""
    return parts(names, axes_of(model))


def axes_of(model: nn.Module) -> Mapping[str, int]:
    """The number of axes of every trainable parameter."""
    return {name: p.ndim for name, p in model.named_parameters() if p.requires_grad}


def check_parts(task: Prepared, policies: Iterable[Policy]) -> None:
    """Raises RecipeError, which names the recipe, for a pattern that fits no parameter or does not fit in."""
    axes = axes_of(initial_model(task, 0))
    for policy in policies:
        try:
            parts(policy.hyper_names, axes)
        except RecipeError as wrong:
            raise RecipeError(f"recipe {policy.recipe.name!r}: {wrong}") from None
