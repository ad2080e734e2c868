"""The pocket model: a small llama-architecture transformer.

RMSNorm, rotary positions, SwiGLU, tied embeddings: what llama.cpp calls the
architecture "llama". The rotation pairs the halves of a head here, for speed;
`export.py` reorders the rows to the neighbouring pairs that llama.cpp rotates.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Shape:
    """The sizes of a model."""

    vocabulary: int
    width: int = 192
    layers: int = 5
    heads: int = 6
    feed_forward: int = 512
    context: int = 2048

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


def rotations(length: int, head: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines of the rotary positions (Su et al. 2021, base 10000)."""
    frequencies = 10000.0 ** (-torch.arange(0, head, 2) / head)
    angles = torch.arange(length)[:, None] * frequencies[None]
    return angles.cos(), angles.sin()


def normed(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """RMSNorm (Zhang and Sennrich 2019), in fewer passes than PyTorch's on a CPU."""
    squares = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square()
    return x * (squares / x.shape[-1] + 1e-5).rsqrt() * weight


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, inner = shape.width, shape.feed_forward
        self.heads = shape.heads
        self.attn_norm = nn.Parameter(torch.ones(width))
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.attn_output = nn.Linear(width, width, bias=False)
        self.ffn_norm = nn.Parameter(torch.ones(width))
        self.gate_up = nn.Linear(width, 2 * inner, bias=False)
        self.ffn_down = nn.Linear(inner, width, bias=False)

    def forward(self, x, cosines, sines, mask):
        batch, length, width = x.shape
        mixed = self.qkv(normed(x, self.attn_norm)).view(batch, length, 3, self.heads, -1)
        a, b = mixed[:, :, :2].chunk(2, -1)
        turned = torch.cat((a * cosines - b * sines, b * cosines + a * sines), -1)
        q, k = turned.permute(2, 0, 3, 1, 4)
        v = mixed[:, :, 2].transpose(1, 2)
        # On a CPU and at these lengths faster than the fused attention.
        scores = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5 + mask
        mixed = torch.softmax(scores, -1).to(v.dtype) @ v
        x = x + self.attn_output(mixed.transpose(1, 2).reshape(batch, length, width))
        gate, up = self.gate_up(normed(x, self.ffn_norm)).chunk(2, -1)
        return x + self.ffn_down(F.silu(gate) * up)


class PocketModel(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.width))
        cosines, sines = rotations(shape.context, shape.width // shape.heads)
        for name, table in (("cosines", cosines), ("sines", sines)):
            self.register_buffer(name, table[:, None, None, :].bfloat16(), persistent=False)
        mask = torch.full((shape.context, shape.context), -1e4, dtype=torch.bfloat16).triu(1)
        self.register_buffer("mask", mask, persistent=False)
        nn.init.normal_(self.embedding.weight, std=0.05)
        for layer in self.layers:
            for part in (layer.qkv, layer.gate_up):
                nn.init.normal_(part.weight, std=shape.width**-0.5)
            deep = (2 * shape.layers) ** -0.5
            nn.init.normal_(layer.attn_output.weight, std=shape.width**-0.5 * deep)
            nn.init.normal_(layer.ffn_down.weight, std=shape.feed_forward**-0.5 * deep)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The state after the last layer for every token."""
        x = self.embedding(tokens)
        length = tokens.shape[1]
        cosines, sines = self.cosines[:length], self.sines[:length]
        mask = self.mask[:length, :length]
        for layer in self.layers:
            x = layer(x, cosines, sines, mask)
        return normed(x, self.norm)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        return F.linear(states, self.embedding.weight)
