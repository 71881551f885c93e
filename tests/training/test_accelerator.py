"""The accelerator: precision by device, trackers by name."""

import pytest
import torch

from tlk.errors import UserError
from tlk.training import accelerator as module
from tlk.training.accelerator import make_accelerator, require_tracker

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("native", "asked", "given"),
    [
        (torch.bfloat16, "mixed", "bf16"),
        (torch.float16, "mixed", "fp16"),
        (torch.float32, "mixed", "no"),
        (torch.bfloat16, "fp32", "no"),
    ],
)
def test_mixed_is_what_the_device_computes_natively(
    monkeypatch: pytest.MonkeyPatch, native: torch.dtype, asked: str, given: str
) -> None:
    monkeypatch.setattr(module, "native_precision", lambda device: native)
    made: dict[str, object] = {}
    monkeypatch.setattr(module, "Accelerator", lambda **keywords: made.update(keywords))
    make_accelerator(CPU, asked)
    assert made["mixed_precision"] == given
    assert made["cpu"] is True


def test_one_process_may_train_in_one_precision_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "native_precision", lambda device: torch.bfloat16)
    assert make_accelerator(CPU, "mixed").mixed_precision == "bf16"
    assert make_accelerator(CPU, "fp32").mixed_precision == "no"
    assert make_accelerator(CPU, "mixed").mixed_precision == "bf16"
    assert make_accelerator(CPU, "fp32").device == CPU


def test_an_unknown_tracker_is_said() -> None:
    require_tracker(None)
    with pytest.raises(UserError, match="--log-with punchcards: no such tracker\nthere is: tensorboard"):
        require_tracker("punchcards")


def test_a_tracker_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    require_tracker("tensorboard")
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'tlk\[tensorboard\]'"):
        require_tracker("tensorboard")
