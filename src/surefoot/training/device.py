"""What differs where rows are trained on an accelerator: how much memory there is, and how numbers are rounded."""

import torch

SHARE = 0.3  # of the free memory: trying what was compiled or recorded takes copies, and backward more
ROOM = 1 << 31  # bytes that rows may take together on a device that does not say what is free


def room_on(device: torch.device) -> float:
    """The bytes that rows may take together: a share of what is free, or kept by torch and unused."""
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
        return SHARE * (free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    if device.type == "mps":
        return SHARE * (torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    return ROOM


def rounding_on(device: torch.device) -> str:
    """What a user should know of numbers on this device; empty where there is nothing to say.

    >>> rounding_on(torch.device("cpu"))
    ''
    """
    if device.type != "mps":
        return ""
    return (
        "this device has no float64: optimizers' coefficients are rounded to float32 before they are used, and sums "
        "over updates are kept in float32, so that numbers differ in their last digits from those of a processor"
    )
