"""Weights on disk: in the folder that a name says, or in one of the network's name in TLK_WEIGHTS."""

import os
import re
from pathlib import Path

from tlk.errors import UserError
from tlk.files import read_json


def find_on_disk(name: str) -> str:
    """Return the name of weights as `local-dir:PATH` where they are on disk, or as it is where timm may have them.

    Raises:
        UserError: PATH has no network, nor has TLK_WEIGHTS, or what it has under a network's name is of another one.
    """
    place = name.removeprefix("local-dir:")
    folders = [Path(place).expanduser()] if place != name else []  # no shell does so behind a colon
    elsewhere = folder_in_weights(place)
    if elsewhere is not None:
        folders.append(elsewhere)
    for folder in folders:
        if os.path.isfile(folder / "config.json"):
            if ":" not in name:
                _require_architecture(name, folder)
            return f"local-dir:{folder}"
    if place != name:
        raise UserError(
            f"backbone {name}: {' and '.join(map(str, folders))} {'have' if elsewhere else 'has'} no config.json\n"
            "name a folder with a timm config and weights; "
            f"weights that lie elsewhere now: set TLK_WEIGHTS to the folder that holds {_last(place)}/"
        )
    return name


def folder_in_weights(name: str) -> Path | None:
    """Return the folder of these weights in TLK_WEIGHTS, which need not be there; None without that setting."""
    weights = os.environ.get("TLK_WEIGHTS")
    return Path(weights).expanduser() / _last(name) if weights else None


def _last(name: str) -> str:
    """Return the last part of a path, of Windows, too, or of a name on the hub."""
    return re.split(r"[:/\\]", name.rstrip("/\\"))[-1]


def _require_architecture(name: str, folder: Path) -> None:
    """Raise a UserError if weights that were found by a network's name are another network's."""
    try:
        there = read_json(folder / "config.json")["architecture"]
    except (OSError, ValueError, LookupError, TypeError):
        return  # timm says what is wrong with it
    if there != _last(name).partition(".")[0]:  # "timm/resnet18.a1_in1k" is a name, too
        raise UserError(
            f"backbone {name}: {folder} holds weights of {there}\n"
            f"give the folder the name of its network, or take it as it is: --backbone local-dir:{folder}"
        )
