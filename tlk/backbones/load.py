"""Networks from timm: by name, from the hub, or from a folder on disk."""

import json
import logging
import os
import re
from pathlib import Path
from typing import Any

from tlk import torchvision_schemas
from tlk.backbones.missing import missing_weights
from tlk.backbones.pickles import weights_only
from tlk.errors import UserError
from tlk.offline import is_offline


def load_backbone(name: str, pretrained: bool = True, **options: Any) -> Any:
    """Return a timm network without its classifier, in evaluation mode; `options` go to `timm.create_model`.

    `name` is anything `timm.create_model` takes: a model's name, `hf-hub:…`, or `local-dir:PATH`. Weights are also
    looked for in the folder TLK_WEIGHTS: before they would be fetched, and where PATH is no more.

    Raises:
        UserError: timm knows no such network, or its weights cannot be had, or are not those of all its layers.
    """
    if pretrained or name.startswith("local-dir:"):
        name = _on_disk(name)
    torchvision_schemas.declare()
    if is_offline():
        import huggingface_hub.constants

        huggingface_hub.constants.HF_HUB_OFFLINE = True  # its own variable is read only once, when it is imported
        if pretrained:
            _refuse_download(name)
    import timm

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it retries; what came of it is said below
    try:
        with weights_only(), missing_weights() as missing:  # without safetensors timm unpickles what there is
            model = timm.create_model(name, pretrained=pretrained, **{"num_classes": 0, **options})
    except Exception as error:  # timm and the hub raise many kinds; all mean that there is no such network here
        why = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        if pretrained and is_offline() and not name.startswith("local-dir:"):
            why = "its weights are not on this machine, and TLK_OFFLINE=1 forbids fetching them"
        elsewhere = None if name.startswith("local-dir:") else _elsewhere(name)
        raise UserError(
            f"backbone {name} cannot be loaded: {why}\n"
            "check the name against timm.list_models(), "
            "or name weights on disk: --backbone local-dir:PATH, or TLK_WEIGHTS"
            + (f", where there is no {elsewhere} yet" if elsewhere else "")
        ) from error
    lacking = sorted({key for key, _ in model.named_parameters()} & set(missing)) if pretrained else []
    if lacking:
        raise UserError(
            f"backbone {name} cannot be loaded: its weights lack {len(lacking)} tensors, such as {lacking[0]}\n"
            "get the weights again, or name others: --backbone local-dir:PATH"
        )
    return model.eval().requires_grad_(False)


def _on_disk(name: str) -> str:
    """Return the name of weights as `local-dir:PATH` where they are on disk, or as it is where timm may have them."""
    place = name.removeprefix("local-dir:")
    folders = [Path(place).expanduser()] if place != name else []  # no shell does so behind a colon
    elsewhere = _elsewhere(place)
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


def _elsewhere(place: str) -> Path | None:
    """Return the folder of these weights in TLK_WEIGHTS, which need not be there; None without that setting."""
    weights = os.environ.get("TLK_WEIGHTS")
    return Path(weights).expanduser() / _last(place) if weights else None


def _last(place: str) -> str:
    return re.split(r"[:/\\]", place.rstrip("/\\"))[-1]


def _require_architecture(name: str, folder: Path) -> None:
    """Raise a UserError if weights that were found by a network's name are another network's."""
    try:
        there = json.loads((folder / "config.json").read_bytes())["architecture"]
    except (OSError, ValueError, LookupError, TypeError):
        return  # timm says what is wrong with it
    if there != _last(name).partition(".")[0]:  # "timm/resnet18.a1_in1k" is a name, too
        raise UserError(
            f"backbone {name}: {folder} holds weights of {there}\n"
            "give the folder the name of its network, or take it as it is: "
            f"--backbone local-dir:{folder}"
        )


def load_resized(name: str, size: int | None) -> Any:
    """Return a network for pictures of `size` pixels a side, or for its own size: transformers have to be told.

    Raises:
        UserError: as `load_backbone`, or it takes no such pictures.
    """
    network = load_backbone(name)
    if size is None or not hasattr(network, "patch_embed"):
        return network
    return load_backbone(name, img_size=size)


def _refuse_download(name: str) -> None:
    """Raise a UserError if timm would fetch the weights from an address of their own, past the hub's offline mode."""
    from timm.models import get_pretrained_cfg

    config = None if ":" in name else get_pretrained_cfg(name, allow_unregistered=True)
    if config is not None and config.url and not config.hf_hub_id:
        raise UserError(
            f"backbone {name} would be downloaded, and TLK_OFFLINE=1 forbids it\nuse --backbone local-dir:PATH"
        )
