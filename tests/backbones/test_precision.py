"""Half precision only where it is computed natively."""

import pytest
import torch
from torch import nn

from tlk.backbones import precision
from tlk.backbones.precision import keep_depthwise_exact, native_precision


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((6, 1), torch.float16), ((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)],
)
def test_gpus_before_ampere_have_no_bfloat16(
    capability: tuple[int, int], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert native_precision(torch.device("cuda")) == expected


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_processor_without_bfloat16_keeps_full_precision(
    has_bf16: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_cpu_has_bf16", lambda: has_bf16)
    assert native_precision(torch.device("cpu")) == expected


def test_other_devices_keep_full_precision() -> None:
    assert native_precision(torch.device("mps")) == torch.float32


def test_probes_that_this_torch_lacks_say_no(monkeypatch: pytest.MonkeyPatch) -> None:
    for probe in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, probe, raising=False)
    assert native_precision(torch.device("cpu")) == torch.float32


def test_depthwise_convolutions_stay_exact_and_all_else_does_not() -> None:
    layers = nn.Sequential(nn.Conv2d(8, 8, 3, stride=2, groups=8), nn.Conv2d(8, 4, 1))
    pictures = torch.randn(2, 8, 9, 9)
    exact = layers[0](pictures)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not torch.equal(layers[0](pictures).float(), exact)
        keep_depthwise_exact(layers)
        assert torch.equal(layers[0](pictures), exact)
        assert layers(pictures).dtype == torch.bfloat16
