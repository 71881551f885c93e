"""Weights and runs that are damaged, of something else, or not what they say: refused, and never executed."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

Spoil = Callable[[Path], Any]
CONFIG, MODEL = "config.json", "model.safetensors"


class Evil:
    """Unpickled, it leaves a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("evil", "w")


def replaced(name: str, content: bytes) -> Spoil:
    return lambda folder: (folder / name).write_bytes(content)


def halved(name: str) -> Spoil:
    return lambda folder: (folder / name).write_bytes(
        (folder / name).read_bytes()[: (folder / name).stat().st_size // 2]
    )


def removed(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


def configured(change: Callable[[dict[str, Any]], Any]) -> Spoil:
    """Return what changes the configuration of a network."""

    def spoil(folder: Path) -> None:
        config = json.loads((folder / CONFIG).read_text())
        change(config)
        (folder / CONFIG).write_text(json.dumps(config))

    return spoil


def weighted(name: str, change: Callable[[dict[str, np.ndarray]], Any]) -> Spoil:
    """Return what changes the tensors of a file."""

    def spoil(folder: Path) -> None:
        tensors = load_file(folder / name)
        change(tensors)
        save_file(tensors, folder / name)

    return spoil


def first_of(tensors: dict[str, np.ndarray]) -> str:
    """Return the name of a tensor with more than one dimension."""
    return next(name for name, tensor in sorted(tensors.items()) if tensor.ndim > 1)


def reshape(tensors: dict[str, np.ndarray]) -> None:
    name = first_of(tensors)
    tensors[name] = np.ascontiguousarray(tensors[name][: len(tensors[name]) // 2])


def with_pickle(folder: Path) -> None:
    """What torch used to save, with a surprise in it."""
    (folder / MODEL).unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))


def with_code(folder: Path) -> None:
    """A network that is no file."""
    shutil.rmtree(folder)
    folder.write_bytes(pickle.dumps(Evil()))


BACKBONES: list[tuple[str, Spoil]] = [
    ("weights that are cut off are refused", halved(MODEL)),
    ("weights of no bytes are refused", replaced(MODEL, b"")),
    ("weights of zeros are refused", replaced(MODEL, bytes(9999))),
    ("weights that claim a header of exabytes are refused", replaced(MODEL, b"\xff" * 7 + b"\x7f{}")),
    ("a page of HTML named .safetensors is refused", replaced(MODEL, b"<!DOCTYPE html><title>404</title>")),
    ("a pointer of Git LFS is no weights", replaced(MODEL, b"version https://git-lfs.github.com/spec/v1\n")),
    ("a pickle named .safetensors is refused, not run", replaced(MODEL, pickle.dumps(Evil()))),
    ("a pickle named .bin is refused, not run", with_pickle),
    ("a pickle for a folder is refused, not run", with_code),
    ("weights that are not there are refused", removed(MODEL)),
    ("weights of another shape are refused", weighted(MODEL, reshape)),
    ("weights that lack a layer are refused", weighted(MODEL, lambda tensors: tensors.pop(first_of(tensors)))),
    ("weights of nothing are refused", weighted(MODEL, lambda tensors: tensors.clear())),
    ("weights of another network are refused", configured(lambda c: c.__setitem__("architecture", "test_resnet"))),
    ("a network that there is not is refused", configured(lambda c: c.__setitem__("architecture", "no_such_net"))),
    ("a network that is a number is refused", configured(lambda c: c.__setitem__("architecture", 3))),
    ("a configuration without a network is refused", configured(lambda c: c.pop("architecture"))),
    ("a configuration that is not there is refused", removed(CONFIG)),
    ("a configuration of no bytes is refused", replaced(CONFIG, b"")),
    ("a configuration that is cut off is refused", halved(CONFIG)),
    ("a configuration that is a list is refused", replaced(CONFIG, b"[]")),
    ("a configuration that is a number is refused", replaced(CONFIG, b"3")),
    ("a configuration of bytes is refused", replaced(CONFIG, bytes(range(256)))),
    ("a configuration of another library is refused", replaced(CONFIG, b'{"model_type": "bert"}')),
]

NAMES: list[tuple[str, str]] = [
    ("a network of no name is refused", ""),
    ("a network that nobody knows is refused", "no_such_network"),
    ("a network of a path is refused", "../weights"),
    ("a network of several lines is refused in three", "a\nb\nc\nd\ne"),
    ("a network that would be fetched is refused offline", "resnet18"),
    ("a hub's network that would be fetched is refused offline", "hf-hub:timm/resnet18.a1_in1k"),
    ("a folder of no name is refused", "local-dir:"),
    ("a folder that is not there is refused", "local-dir:nowhere"),
]

# Of a run: what is spoiled, the command that needs it, and what its message names.
RUNS: list[tuple[str, Spoil, str, str]] = [
    ("a model that is cut off is refused", halved(f"fold1/{MODEL}"), "predict", f"fold1/{MODEL}"),
    ("a model of no bytes is refused", replaced(f"fold1/{MODEL}", b""), "predict", f"fold1/{MODEL}"),
    (
        "a model that is a pickle is refused, not run",
        replaced(f"fold1/{MODEL}", pickle.dumps(Evil())),
        "predict",
        f"fold1/{MODEL}",
    ),
    ("a model that is not there is refused", removed(f"fold1/{MODEL}"), "predict", f"fold1/{MODEL}"),
    ("a model of another shape is refused", weighted(f"fold1/{MODEL}", reshape), "predict", f"fold1/{MODEL}"),
    (
        "a model that lacks a layer is refused",
        weighted(f"fold1/{MODEL}", lambda t: t.pop(first_of(t))),
        "predict",
        f"fold1/{MODEL}",
    ),
    (
        "a model with a layer too many is refused",
        weighted(f"fold1/{MODEL}", lambda t: t.__setitem__("more", np.ones(3))),
        "predict",
        f"fold1/{MODEL}",
    ),
    ("a recipe of a run that is cut off is refused", halved("recipe.toml"), "predict", "recipe.toml"),
    ("a recipe of a run that is not there is refused", removed("recipe.toml"), "predict", "recipe.toml"),
    ("a recipe of a run with unknown keys is refused", replaced("recipe.toml", b"zzz = 1\n"), "predict", "recipe.toml"),
    ("a manifest of no bytes is refused", replaced("manifest.json", b""), "predict", "manifest.json"),
    ("a manifest that is a list is refused", replaced("manifest.json", b"[]"), "predict", "manifest.json"),
    ("a manifest of nothing is refused", replaced("manifest.json", b"{}"), "predict", "manifest.json"),
    ("numbers that are cut off are refused", halved("metrics.json"), "eval", "metrics.json"),
    ("numbers of nothing are refused", replaced("metrics.json", b"{}"), "eval", "metrics.json"),
    ("scores that are cut off are refused", halved("oof.npz"), "eval", "oof.npz"),
    ("scores that are not there are refused", removed("oof.npz"), "eval", "oof.npz"),
    ("scores that are a pickle are refused, not run", replaced("oof.npz", pickle.dumps(Evil())), "eval", "oof.npz"),
    (
        "scores with a pickle inside are refused, not run",
        lambda f: np.savez(f / "oof.npz", fold=np.array([Evil()], object)),
        "eval",
        "oof.npz",
    ),
    (
        "scores of other things are refused",
        lambda folder: np.savez(folder / "oof.npz", x=np.ones(3)),
        "eval",
        "oof.npz",
    ),
]

CASES = [*BACKBONES, *NAMES, *RUNS]


def test_the_weights_that_are_spoiled_are_good_in_themselves(data: Path, tiny_backbone: Path, works: Any) -> None:
    works(["embed", "--backbone", f"local-dir:{tiny_backbone}"])


@pytest.mark.parametrize("spoil", [case[1] for case in BACKBONES], ids=[case[0] for case in BACKBONES])
def test_the_backbone_is_refused(spoil: Spoil, data: Path, tiny_backbone: Path, refused: Any) -> None:
    shutil.copytree(tiny_backbone, "weights")
    spoil(Path("weights"))
    refused(["embed", "--backbone", "local-dir:weights"], "backbone local-dir:weights")
    refused(["train", "adapter", "--backbone", "local-dir:weights"], "backbone local-dir:weights")


@pytest.mark.parametrize("name", [case[1] for case in NAMES], ids=[case[0] for case in NAMES])
def test_the_name_is_refused(name: str, data: Path, refused: Any) -> None:
    refused(["embed", "--backbone", name], "backbone")


@pytest.mark.parametrize(("spoil", "command", "name"), [case[1:] for case in RUNS], ids=[case[0] for case in RUNS])
def test_the_run_is_refused(spoil: Spoil, command: str, name: str, trained: Path, refused: Any) -> None:
    spoil(trained / "runs/run")
    refused([command, "run"], f"runs/run/{name}")
    assert not (trained / "evil").exists()


def test_the_run_that_is_spoiled_is_good_in_itself(trained: Path, works: Any) -> None:
    works(["eval", "run"])
    works(["predict", "run"])
    works(["check-submission", "submissions/run.csv"])
