"""A pickle may run anything when it is read: none that a stranger has put somewhere is."""

import io
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from tests.untrusted.conftest import Payload
from tlk.backbones.load import load_backbone
from tlk.backbones.pickles import weights_only
from tlk.data.shards import KEY, Shards
from tlk.errors import UserError
from tlk.training.checkpoint import Checkpoint
from tlk.workflows.out_of_fold import OutOfFold


def test_the_payload_would_run(payload: Payload, has_run: Path, tmp_path: Path) -> None:
    """Else the tests below would see nothing."""
    torch.save(payload, tmp_path / "weights.bin")
    torch.load(tmp_path / "weights.bin", weights_only=False)
    assert has_run.exists()


@pytest.mark.parametrize("setting", [None, "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"])
def test_even_a_library_that_asks_for_it_unpickles_nothing(
    payload: Payload, has_run: Path, tmp_path: Path, setting: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(payload, tmp_path / "weights.bin")
    if setting:
        monkeypatch.setenv(setting, "1")
    with weights_only(), pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "weights.bin", weights_only=False)
    assert not has_run.exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model.pth", "model.pth", "open_clip_pytorch_model.bin"])
@pytest.mark.parametrize("plain", [True, False], ids=["a bare pickle", "as torch saves"])
def test_weights_in_a_folder(
    name: str, plain: bool, payload: Payload, has_run: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    shutil.copy(tiny_backbone / "config.json", folder)
    (folder / name).write_bytes(pickle.dumps(payload)) if plain else torch.save({"w": payload}, folder / name)
    with pytest.raises(UserError, match="cannot be loaded"):
        load_backbone(f"local-dir:{folder}")
    assert not has_run.exists()


def test_weights_in_a_folder_that_are_only_weights_are_read(tiny_backbone: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    shutil.copy(tiny_backbone / "config.json", folder)
    torch.save(load_file(tiny_backbone / "model.safetensors"), folder / "pytorch_model.bin")
    one, other = (load_backbone(f"local-dir:{place}").state_dict() for place in (folder, tiny_backbone))
    assert all(torch.equal(one[key], other[key]) for key in other)


def prepared() -> tuple[Accelerator, torch.nn.Module]:
    accelerator = Accelerator(cpu=True)
    model = torch.nn.Linear(2, 2)
    optimiser = torch.optim.AdamW(model.parameters())
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0)
    accelerator.prepare(model, optimiser, schedule)
    return accelerator, model


def pickled(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix not in (".safetensors", ".json"))


def test_the_state_of_a_training(payload: Payload, has_run: Path, tmp_path: Path) -> None:
    """Whichever of its files is replaced, or put beside them where Accelerate would look."""
    accelerator, _ = prepared()
    Checkpoint(tmp_path / "good", accelerator).save(3, {"epoch": 3}, {"w": torch.ones(2)})
    good = tmp_path / "good" / "state-3"
    assert pickled(good) == ["optimizer.bin", "random_states_0.pkl", "scheduler.bin"]
    assert Checkpoint(tmp_path / "good", accelerator).load() is not None
    for name in [*pickled(good), "pytorch_model.bin", "custom_checkpoint_0.pkl"]:
        folder = tmp_path / f"bad {name}"
        shutil.copytree(good, folder / "state-3")
        if name == "pytorch_model.bin":  # read only where there is no other
            (folder / "state-3" / "model.safetensors").unlink()
        torch.save(payload, folder / "state-3" / name)
        with pytest.raises(UserError, match=r"cannot read .*state-3: .*\nremove this folder and resume"):
            Checkpoint(folder, accelerator).load()
        assert not has_run.exists(), name


def objects(payload: Payload) -> np.ndarray:
    array = np.empty(1, object)
    array[0] = payload
    return array


def test_out_of_fold_results(payload: Payload, has_run: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "oof.npz", **dict.fromkeys(OutOfFold.__dataclass_fields__, objects(payload)))
    with pytest.raises(UserError, match=r"cannot read .*oof\.npz: Object arrays cannot be loaded"):
        OutOfFold.read(tmp_path / "oof.npz")
    (tmp_path / "oof.npz").write_bytes(pickle.dumps(payload))
    with pytest.raises(UserError, match="cannot read"):
        OutOfFold.read(tmp_path / "oof.npz")
    with zipfile.ZipFile(tmp_path / "oof.npz", "w") as archive:
        for name in OutOfFold.__dataclass_fields__:
            archive.writestr(f"{name}.npy", pickle.dumps(payload))
    with pytest.raises(UserError, match=r"cannot read .*query_ids is no such array"):
        OutOfFold.read(tmp_path / "oof.npz")
    assert not has_run.exists()


@pytest.mark.parametrize("kind", ["index", "data"])
def test_shards_of_the_cache(kind: str, payload: Payload, has_run: Path, tmp_path: Path, caplog: Any) -> None:
    shards = Shards(tmp_path / "cache", np.uint8)
    index = np.zeros(1, shards.record)
    shards.append(index, np.zeros((1, 4), np.uint8))
    content = io.BytesIO()
    np.save(content, objects(payload), allow_pickle=True)
    (tmp_path / "cache" / f"{shards.names()[0]}.{kind}.npy").write_bytes(content.getvalue())
    again = Shards(tmp_path / "cache", np.uint8)
    assert again.find(np.zeros(1, KEY)).tolist() == [[-1, -1]]
    assert "is damaged" in caplog.text
    assert not has_run.exists()
