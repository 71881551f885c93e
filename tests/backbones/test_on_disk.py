"""Weights on disk are found where a name says, or by its last part in TLK_WEIGHTS; others are refused."""

import json
from pathlib import Path

import pytest
import torch

from tlk.backbones.load import load_backbone
from tlk.errors import UserError


def test_a_folder_may_lie_in_the_home_folder(tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TLK_WEIGHTS", raising=False)
    monkeypatch.setenv("HOME", str(tiny_backbone.parent))
    assert load_backbone(f"local-dir:~/{tiny_backbone.name}")  # no shell expands it behind a colon
    again = r"no config.json\n.* set TLK_WEIGHTS to the folder that holds nowhere/"
    with pytest.raises(UserError, match=f"/nowhere has {again}"):
        load_backbone("local-dir:~/nowhere")
    monkeypatch.setenv("TLK_WEIGHTS", "~")
    assert load_backbone(f"local-dir:elsewhere/{tiny_backbone.name}")  # nor in a notebook's %env
    with pytest.raises(UserError, match=f"elsewhere/nowhere and {tiny_backbone.parent}/nowhere have {again}"):
        load_backbone("local-dir:elsewhere/nowhere")


def test_weights_found_by_a_networks_name_are_its_own(
    tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLK_WEIGHTS", str(tmp_path))
    there = json.loads((tiny_backbone / "config.json").read_text())["architecture"]
    (tmp_path / "mobilenetv2_100").symlink_to(tiny_backbone)
    (tmp_path / f"{there}.of_ours").symlink_to(tiny_backbone)
    with pytest.raises(UserError, match=f"backbone mobilenetv2_100: .*/mobilenetv2_100 holds weights of {there}\n"):
        load_backbone("mobilenetv2_100")
    assert load_backbone("local-dir:gone/mobilenetv2_100")  # which network they are of was never said
    assert load_backbone(f"{there}.of_ours")
    with pytest.raises(UserError, match=f"TLK_WEIGHTS, where there is no {tmp_path}/resnet18 yet"):
        load_backbone("resnet18")


@pytest.mark.parametrize(
    "before", ["local-dir:/gone/{}", "local-dir:C:\\gone\\{}\\", "local-dir:{}/", "{}", "hf-hub:us/{}"]
)
def test_weights_are_looked_for_in_one_folder(
    before: str, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on another machine than the one that trained with them, or where nothing may be fetched."""
    monkeypatch.chdir(tmp_path)
    name, expected = before.format(tiny_backbone.name), load_backbone(f"local-dir:{tiny_backbone}").state_dict()
    monkeypatch.setenv("TLK_WEIGHTS", str(tiny_backbone.parent))
    found = load_backbone(name).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_weights_that_lie_where_they_are_named_come_first(
    tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / tiny_backbone.name).mkdir()
    (tmp_path / tiny_backbone.name / "config.json").write_text("no config")
    monkeypatch.setenv("TLK_WEIGHTS", str(tmp_path))
    assert load_backbone(f"local-dir:{tiny_backbone}")
    assert load_backbone("test_vit", pretrained=False)


@pytest.mark.parametrize("content", ['{"a":' * 100_000, "[]", '{"architecture": [', "\xff"])
def test_a_damaged_description_of_weights_is_said(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "resnet18").mkdir()
    (tmp_path / "resnet18" / "config.json").write_text(content, encoding="latin-1")
    monkeypatch.setenv("TLK_WEIGHTS", str(tmp_path))
    with pytest.raises(UserError, match="resnet18 cannot be loaded"):
        load_backbone("resnet18")
