"""Layers that several models are made of."""

from collections.abc import Sequence

from torch import nn

# Keras' default, which the founding document used without naming it.
_LEAK = 0.3


def activation(name: str) -> nn.Module:
    """Return the activation called `name`."""
    return nn.LeakyReLU(_LEAK) if name == "leaky_relu" else nn.ReLU()


def dense_layers(width: int, layers: Sequence[int]) -> nn.Sequential:
    """Return linear layers of the given widths on `width` inputs, ReLU between them."""
    parts: list[nn.Module] = []
    for number, units in enumerate(layers):
        parts += [nn.ReLU()] if number else []
        parts.append(nn.Linear(width, units))
        width = units
    return nn.Sequential(*parts)


def decoder(width: int, filters: int, doublings: int, channels: int, kind: str) -> nn.Sequential:
    """Return 3×3 transposed convolutions that double the side `doublings` times, then one to `channels` logits."""
    parts: list[nn.Module] = []
    for _ in range(doublings):
        transposed = nn.ConvTranspose2d(width, filters, 3, stride=2, padding=1, output_padding=1)
        parts += [transposed, activation(kind)]
        width = filters
    return nn.Sequential(*parts, nn.Conv2d(width, channels, 3, padding=1))
