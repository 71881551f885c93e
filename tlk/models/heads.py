"""What an adapter learns: a map from its space into itself that starts as the identity."""

from typing import Literal

from torch import Tensor, nn

Head = Literal["linear", "low_rank", "residual"]


def identity_linear(width: int) -> nn.Linear:
    """Return a linear layer without bias that is the identity."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, width, width, bias=False)  # drawing weights is not needed
    nn.init.eye_(layer.weight)
    return layer


class AddedTo(nn.Module):
    """The input plus a correction through `rank` units, linear (low rank) or rectified (residual); at first nothing.

    Source: Hu et al., *LoRA: Low-Rank Adaptation of Large Language Models*, 2021; Houlsby et al., *Parameter-Efficient
    Transfer Learning for NLP*, 2019.
    """

    def __init__(self, width: int, rank: int, rectified: bool) -> None:
        super().__init__()
        self.down = nn.Linear(width, rank, bias=rectified)
        self.between = nn.ReLU() if rectified else nn.Identity()
        self.up = nn.Linear(rank, width, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return `(…, width)` outputs of `(…, width)` inputs."""
        outputs: Tensor = inputs + self.up(self.between(self.down(inputs)))
        return outputs


def make_head(kind: Head, width: int, rank: int) -> nn.Module:
    """Return the head called `kind`."""
    return identity_linear(width) if kind == "linear" else AddedTo(width, rank, rectified=kind == "residual")
