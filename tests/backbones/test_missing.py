"""Layers without weights are heard of, and nothing else is."""

import logging
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from tlk.backbones.load import load_backbone
from tlk.backbones.missing import missing_weights
from tlk.errors import UserError

LOGGER = logging.getLogger("timm.models._builder")


def test_the_names_are_heard_and_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    level = LOGGER.level
    with missing_weights() as names:
        LOGGER.info("Missing keys (a.weight, b.bias) discovered while loading pretrained weights.")
        LOGGER.warning("Unexpected keys (head.weight) found while loading pretrained weights.")
    LOGGER.info("Missing keys (c) discovered.")
    assert names == ["a.weight", "b.bias"]
    assert (LOGGER.level, LOGGER.propagate, LOGGER.handlers) == (level, True, [])
    assert capsys.readouterr() == ("", "")


def test_a_network_whose_weights_lack_a_layer_is_no_network(backbone_folder: Path, tmp_path: Path) -> None:
    load_backbone(f"local-dir:{backbone_folder}")
    folder = tmp_path / "weights"
    folder.mkdir()
    for file in (backbone_folder / "config.json", backbone_folder / "model.safetensors"):
        (folder / file.name).write_bytes(file.read_bytes())
    weights = load_file(folder / "model.safetensors")
    lost = next(
        name for name in sorted(weights) if weights[name].ndim > 1 and not name.startswith(("head", "fc", "cl"))
    )
    del weights[lost]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(UserError, match=f"its weights lack 1 tensors, such as {lost}\n"):
        load_backbone(f"local-dir:{folder}")
    load_backbone(f"local-dir:{folder}", pretrained=False)
