"""Backbones by name or from a folder; what cannot be had is said."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from tlk import torchvision_schemas
from tlk.backbones import load
from tlk.backbones.load import load_backbone
from tlk.errors import UserError


def test_a_folders_network_comes_with_its_weights_frozen_and_without_a_classifier(backbone_folder: Path) -> None:
    network = load_backbone(f"local-dir:{backbone_folder}")
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    saved, state = load_file(backbone_folder / "model.safetensors"), network.state_dict()
    left_out = {name for name in saved if name not in state}
    assert all(torch.equal(state[name], saved[name]) for name in state)
    assert {name.rsplit(".")[-2] for name in left_out} <= {"fc", "head", "classifier"}
    width = json.loads((backbone_folder / "config.json").read_text())["num_features"]
    assert network(torch.zeros(1, 3, 160, 160)).shape == (1, width)


def test_without_pretrained_weights_they_are_drawn(backbone_folder: Path) -> None:
    drawn, loaded = (load_backbone(f"local-dir:{backbone_folder}", pretrained) for pretrained in (False, True))
    assert type(drawn) is type(loaded)
    assert not all(torch.equal(a, b) for a, b in zip(drawn.parameters(), loaded.parameters(), strict=True))


def test_options_go_to_timm(tiny_backbone: Path) -> None:
    maps = load_backbone(f"local-dir:{tiny_backbone}", features_only=True, out_indices=(1, 3), num_classes=None)
    assert [m.shape[2:] for m in maps(torch.zeros(1, 3, 64, 64))] == [(16, 16), (4, 4)]
    with pytest.raises(UserError, match="cannot be loaded"):
        load_backbone(f"local-dir:{tiny_backbone}", no_such_option=1)


def test_unknown_names_and_missing_weights_are_said(tmp_path: Path) -> None:
    for name in ("no_such_network", "resnet18", f"local-dir:{tmp_path}/nowhere", "hf-hub:nobody/nothing"):
        with pytest.raises(UserError, match="backbone"):
            load_backbone(name)


def test_damaged_weights_are_said(backbone_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((backbone_folder / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes((backbone_folder / "model.safetensors").read_bytes()[:2000])
    with pytest.raises(UserError, match="cannot be loaded"):
        load_backbone(f"local-dir:{tmp_path}")


def test_offline_weights_at_an_address_of_their_own_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those on the hub may lie in its cache; an address is fetched past the hub's offline mode."""
    torchvision_schemas.declare()  # this may be the first test that imports timm
    config = SimpleNamespace(url="https://example.org/weights.pth", hf_hub_id=None)
    monkeypatch.setattr("timm.models.get_pretrained_cfg", lambda name, allow_unregistered: config)
    with pytest.raises(UserError, match="would be downloaded, and TLK_OFFLINE=1 forbids it"):
        load._refuse_download("test_vit")
    assert load_backbone("test_vit", pretrained=False).num_features == 64  # nothing to download
