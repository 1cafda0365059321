"""Samples brought to the types that model and loss work with."""

from typing import Any

import torch
from attrs import frozen
from torch import Tensor

from surefoot.core.errors import DataError
from surefoot.tasks import tree
from surefoot.tasks.forms import short, told
from surefoot.tasks.split import Batch


@frozen
class Fit:
    """Floating inputs and targets take the model's own type; class indices become long; whole numbers under "mse"
    become floating.

    Parameters: `loss`, its name, empty for a function; `floating`, the type of the model's weights, None where it has
    none; `device`, where the samples go.
    """

    loss: str
    floating: torch.dtype | None
    device: torch.device

    def __call__(self, batch: Batch) -> Batch:
        x, y = batch
        return (
            tree.mapped(lambda tensor: tensor.to(self.device, self.of_inputs(tensor)), x),
            tree.mapped(lambda tensor: tensor.to(self.device, self.of_targets(tensor)), y),
        )

    def of_inputs(self, tensor: Tensor) -> torch.dtype:
        """The type that a tensor of inputs takes."""
        return self.floating if tensor.is_floating_point() and self.floating else tensor.dtype

    def of_targets(self, tensor: Tensor) -> torch.dtype:
        """The type that a tensor of targets takes."""
        if self.loss == "cross_entropy":
            return torch.long
        is_real = tensor.is_floating_point() or (self.loss == "mse" and not tensor.is_complex())
        return (self.floating or torch.get_default_dtype()) if is_real else tensor.dtype

    def said(self, batch: Batch) -> tuple[str, ...]:
        """What is converted, of samples as they came."""
        kinds = (("inputs", self.of_inputs), ("targets", self.of_targets))
        changes = [
            (what, tensor.dtype, kind(tensor))
            for part, (what, kind) in zip(batch, kinds, strict=True)
            for tensor in tree.leaves(part)
        ]
        said = (f"{what} converted from {short(old)} to {short(new)}" for what, old, new in changes if old != new)
        return tuple(dict.fromkeys(said))

    def check(self, y: Any) -> None:
        """Raises DataError for targets that the loss cannot take."""
        if self.loss and not isinstance(y, Tensor):
            raise DataError(
                f"{self.loss} needs one tensor of targets",
                received=told(y),
                remedy="give one tensor, or a loss function that takes these targets",
            )
        if self.loss == "cross_entropy" and (y.is_floating_point() or y.is_complex()):
            raise DataError(
                "cross_entropy needs whole numbers as targets, the index of each sample's class",
                received=short(y.dtype),
                remedy="convert them with y.long(); for class probabilities give "
                "loss=torch.nn.functional.cross_entropy",
            )
