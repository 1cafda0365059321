"""Samples on a device, and which of them are looked at while training."""

from typing import TYPE_CHECKING, Literal

from attrs import frozen

if TYPE_CHECKING:
    from torch import Tensor

Watch = Literal["validation", "test"]


@frozen(eq=False)
class Split:
    """Samples on the device: inputs `x` `[N, ...]` and targets `y` `[N, ...]`."""

    x: "Tensor"
    y: "Tensor"

    def __len__(self) -> int:
        return len(self.x)
