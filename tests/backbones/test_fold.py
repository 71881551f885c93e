"""Folding changes what a network is made of, not what it gives."""

from pathlib import Path

import torch
from torch import Tensor, nn

from tlk.backbones.fold import fold_batch_norm
from tlk.backbones.load import load_backbone


def disturbed(network: nn.Module) -> nn.Module:
    """Give every batch norm statistics and weights of its own."""
    random = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                assert tensor is not None
                tensor.data.copy_(0.5 + torch.rand(tensor.shape, generator=random))
    return network


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_a_folded_network_gives_the_same(backbone_folder: Path) -> None:
    network = disturbed(load_backbone(f"local-dir:{backbone_folder}"))
    pictures = torch.randn(2, *network.pretrained_cfg["input_size"], generator=torch.Generator().manual_seed(1))
    before = network(pictures)
    folded = fold_batch_norm(network, lambda net: net(pictures))
    torch.testing.assert_close(folded(pictures), before, rtol=1e-3, atol=1e-4 * float(before.abs().max()))
    assert norms(folded) == 0 or folded is network
    if "efficientnet" in backbone_folder.name or "resnet" in backbone_folder.name:
        assert norms(network) > 0
        assert norms(folded) == 0


class Twice(nn.Module):
    """A network whose convolution is heard behind its norm, and past it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = self.conv(inputs)
        both: Tensor = self.norm(outputs) + outputs
        return both


def test_what_cannot_be_folded_stays() -> None:
    network = disturbed(Twice()).eval()
    assert fold_batch_norm(network, lambda net: net(torch.ones(1, 3, 8, 8))) is network
