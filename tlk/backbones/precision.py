"""Which half precision a device computes natively."""

from typing import Any

import torch
from torch import Tensor, nn


def native_precision(device: torch.device) -> torch.dtype:
    """Return the fastest precision that `device` computes natively and that ranks like full precision."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
    if device.type == "cpu" and _cpu_has_bf16():
        return torch.bfloat16
    return torch.float32


def _cpu_has_bf16() -> bool:
    probes = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return any(probe() for probe in probes if probe is not None)


def keep_depthwise_exact(network: nn.Module) -> None:
    """Let depthwise convolutions compute in float32 on a CPU, whatever the precision around them.

    oneDNN has no fast backward pass for strided ones in bfloat16: it takes eight times as long.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.forward = _in_full_precision(module.forward)  # type: ignore[method-assign]


def _in_full_precision(forward: Any) -> Any:
    def compute(inputs: Tensor) -> Tensor:
        if inputs.device.type != "cpu":
            outputs: Tensor = forward(inputs)
            return outputs
        with torch.autocast("cpu", enabled=False):
            outputs = forward(inputs.float())
            return outputs

    return compute
