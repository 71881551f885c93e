"""Batch norm that keeps its statistics is an affine map: laid into the convolution before it, it costs nothing."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

Forward = Callable[[nn.Module], Tensor]  # one pass through a network


@torch.no_grad()
def fold_batch_norm(network: nn.Module, forward: Forward) -> nn.Module:
    """Return the network with every batch norm behind a convolution folded into it, or itself where that is no option.

    A convolution whose output goes elsewhere, too, cannot be folded: what a pass gives would differ, and then nothing
    is folded at all.
    """
    expected = forward(network)
    folded = copy.deepcopy(network)
    for name, conv, norm in _neighbours(folded, forward):
        weight, bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        conv.weight, conv.bias = weight, bias
        folded.set_submodule(name, _what_follows(norm))
    same = torch.allclose(forward(folded), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    return folded if same else network


def _neighbours(network: nn.Module, forward: Forward) -> list[tuple[str, Any, Any]]:
    """Return the names of batch norms whose input is a convolution's output, each with the convolution."""
    outputs: list[tuple[Tensor, nn.Module]] = []  # kept, so that no other tensor takes their place in memory
    found: list[tuple[str, Any, Any]] = []

    def look(name: str, module: nn.Module) -> Any:
        if isinstance(module, nn.Conv2d):
            return module.register_forward_hook(lambda conv, args, output: outputs.append((output, conv)))
        return module.register_forward_pre_hook(
            lambda norm, args: found.extend((name, conv, norm) for output, conv in outputs if output is args[0])
        )

    kinds = (nn.Conv2d, nn.BatchNorm2d)
    handles = [look(name, module) for name, module in network.named_modules() if isinstance(module, kinds)]
    forward(network)
    for handle in handles:
        handle.remove()
    return found


def _what_follows(norm: nn.BatchNorm2d) -> nn.Module:
    """Return what a norm does beside normalising: timm's may hold a dropout and an activation."""
    return nn.Sequential(*(getattr(norm, part) for part in ("drop", "act") if hasattr(norm, part)))
