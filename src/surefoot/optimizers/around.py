"""What happens around a rule: gradients are clipped before an update, weights averaged after it."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_, get_total_norm

from surefoot.optimizers.ops import Coefficient
from surefoot.optimizers.rule import Hyper, Rule, State


def clipped(rule: Rule, grads: Mapping[str, Tensor], rows: Sequence[Mapping[str, float]]) -> Mapping[str, Tensor]:
    """The gradients `[K, ...]` after clipping, row by row: a row has the numbers, bit for bit, that it has alone.

    Parameters: `rows`, the `rule.scalars` of each row. Gradients that nothing clips are those given, not copies.
    """
    clips = [k for k, c in enumerate(rows) if _bounded(c["clip_value"]) or _bounded(c["clip_norm"])]
    if not clips:
        return grads
    grads = {name: g.clone() for name, g in grads.items()}
    for k in clips:
        _clip_row([g[k] for g in grads.values()], rule.clip, rows[k]["clip_value"], rows[k]["clip_norm"])
    return grads


def clip_columns(
    rule: Rule, grads: Mapping[str, Tensor], shared: Mapping[str, float], columns: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    """`clipped` for scalars that are at hand: `shared` by all rows, and `columns` `[K]` where they may differ.

    As `update_columns`, which does not clip: it can be traced, and the numbers are those of `clipped` but for rounding.

    >>> from surefoot.optimizers import sgd
    >>> grads, limits = {"w": torch.tensor([[3.0, 4.0], [3.0, 4.0]])}, torch.tensor([1.0, torch.inf])
    >>> clip_columns(sgd(clip="optax"), grads, {"clip_value": torch.inf}, {"clip_norm": limits})["w"]
    tensor([[0.6000, 0.8000],
            [3.0000, 4.0000]])
    """
    c: Mapping[str, Coefficient] = {**shared, **columns}
    value, limit = c["clip_value"], c["clip_norm"]
    if _bounded(value):
        grads = {name: torch.clamp(g, -_along(value, g), _along(value, g)) for name, g in grads.items()}
    if not _bounded(limit):
        return grads
    flat = {name: g.flatten(1) if g.ndim > 1 else g[:, None] for name, g in grads.items()}
    norms = {name: torch.linalg.vector_norm(g, dim=1) for name, g in flat.items()}
    total = torch.linalg.vector_norm(torch.stack(list(norms.values())), dim=0)
    each = rule.clip == "keras-each"
    return {
        name: _scaled(rule.clip, g, _along(norms[name] if each else total, g), _along(limit, g))
        for name, g in grads.items()
    }


def average_(p: Tensor, s: State, c: Mapping[str, Coefficient]) -> None:
    """e ← d·e + (1 - d)·p in `s`, where there is an average; rows without one have e = p."""
    if "ema" in s:
        s["ema"].lerp_(p, c["ema_take"])


def clip_gradients_(params: Iterable[Tensor], rule: Rule, hyper: Hyper) -> None:
    """Clips the gradients of one model in place, before its optimizer's step.

    What `hyper` leaves out is the rule's own. With `clip="torch"` by torch's own functions: `clip_grad_value_`, then
    `clip_grad_norm_`.
    """
    params, h = [p for p in params if p.grad is not None], {**rule.hyper, **hyper}
    if rule.clip == "torch":
        if h["clip_value"] > 0:
            clip_grad_value_(params, h["clip_value"], foreach=False)
        if h["clip_norm"] > 0:
            clip_grad_norm_(params, h["clip_norm"], foreach=False)
    else:
        grads = [p.grad for p in params if p.grad is not None]
        _clip_row(grads, rule.clip, h["clip_value"] or math.inf, h["clip_norm"] or math.inf)


class Average:
    """The moving average of one model's weights, kept beside its optimizer.

    Parameters: `params`, the model's parameters, which are read after each of its updates and never written to except
    inside `applied`.

    >>> w = torch.ones(1)
    >>> average = Average([w])
    >>> for value in (2.0, 4.0):
    ...     w.fill_(value)
    ...     average.update(0.5)
    tensor([2.])
    tensor([4.])
    >>> with average.applied():
    ...     print(w)
    tensor([3.])
    >>> w
    tensor([4.])
    """

    def __init__(self, params: Iterable[Tensor]) -> None:
        self.params = list(params)
        self.weights = [p.detach().clone() for p in self.params]
        self.updates = 0

    @torch.no_grad()
    def update(self, ema: float) -> None:
        """Takes the weights in; `ema`, the share of the average that stays: 0 takes them as they are."""
        self.updates += 1
        take = 1.0 if self.updates == 1 else 1 - ema
        for average, p in zip(self.weights, self.params, strict=True):
            average.lerp_(p, take)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the averaged weights inside, and its own again after."""
        with torch.no_grad():
            own = [p.clone() for p in self.params]
            self._give(self.weights)
        try:
            yield
        finally:
            self._give(own)

    @torch.no_grad()
    def _give(self, weights: Sequence[Tensor]) -> None:
        for p, weight in zip(self.params, weights, strict=True):
            p.copy_(weight)

    def state_dict(self) -> dict[str, Any]:
        """The averages, in the order of the parameters, and how many updates they have seen."""
        return {"updates": self.updates, "weights": [weight.clone() for weight in self.weights]}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Goes on where `state_dict` was taken."""
        self.updates = int(saved["updates"])
        self.weights = [value.to(p).clone() for value, p in zip(saved["weights"], self.params, strict=True)]


def _bounded(limit: Coefficient) -> bool:
    return isinstance(limit, Tensor) or limit != math.inf


def _along(c: Coefficient, g: Tensor) -> Tensor:
    """A number, or one for each row, as a tensor that broadcasts along the rows of `g`."""
    column = c.to(g.dtype) if isinstance(c, Tensor) else g.new_full((len(g),), c)
    return column.view(-1, *[1] * (g.ndim - 1))


def _clip_row(grads: Sequence[Tensor], form: str, value: float, limit: float) -> None:
    """Clips the gradients of one model in place; values first, so that the norm holds in the end."""
    if value != math.inf:
        for g in grads:
            g.clamp_(-value, value)
    if limit != math.inf and grads:
        total = get_total_norm(grads, 2.0, foreach=False)
        for g in grads:
            norm = torch.linalg.vector_norm(g) if form == "keras-each" else total
            g.copy_(_scaled(form, g, norm.to(g.device), g.new_full((), limit)))


def _scaled(form: str, g: Tensor, norm: Tensor, limit: Tensor) -> Tensor:
    """The gradient scaled to the limit where its norm is above, in the operations of the library; as it is where the
    limit is infinite."""
    match form:
        case "torch":
            scaled = g * ((norm + 1e-6).reciprocal() * limit).clamp(max=1.0)
        case "keras":
            scaled = g * (limit * torch.minimum(norm.reciprocal(), limit.reciprocal()) + (norm - norm))
        case "keras-each":
            scaled = g * limit / torch.maximum(norm, limit)
        case _:
            scaled = torch.where(norm < limit, g, g / norm * limit)
    return torch.where(limit.isinf(), g, scaled)
