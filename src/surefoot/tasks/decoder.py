"""A small transformer decoder, written so that rows of a population can share its forward pass."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Decoder(nn.Module):
    """Predicts the next token at every place from those before it: tokens `[N, T]` → logits `[N, tokens, T]`.

    Pre-norm blocks; the weights that look tokens up are those that score them.

    Parameters: `tokens`, how many there are; `context`, the longest T; `width`, `layers`, `heads`: of the network.

    >>> Decoder(97, 64)(torch.zeros(2, 64, dtype=torch.long)).shape
    torch.Size([2, 97, 64])
    """

    def __init__(self, tokens: int, context: int, width: int = 64, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.token = nn.Embedding(tokens, width)
        self.place = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.score = nn.Linear(width, tokens, bias=False)
        self.score.weight = self.token.weight
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                # The sum along the residual path would otherwise grow with the layers.
                nn.init.normal_(weight, std=0.02 / (2 * layers) ** 0.5 if name.endswith("out.weight") else 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        found = self.blocks(self.token(tokens) + self.place(places))
        return self.score(self.norm(found)).transpose(1, 2)  # type: ignore[no-any-return]


class Block(nn.Module):
    """x + attention(norm(x)), then x + network(norm(x)): `[N, T, width]` → the same."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = CausalAttention(width, heads)
        self.hidden, self.out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.first(x))
        return x + self.out(functional.gelu(self.hidden(self.second(x))))  # type: ignore[no-any-return]


class CausalAttention(nn.Module):
    """softmax(QKᵀ/√d, over the places up to one's own) V, in several heads: `[N, T, width]` → the same."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.all, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, t, width = x.shape
        q, k, v = self.all(x).view(n, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(found.transpose(1, 2).reshape(n, t, width))  # type: ignore[no-any-return]
