"""Networks from timm: by name, from the hub, or from a folder on disk."""

import logging
from typing import Any

from tlk import torchvision_schemas
from tlk.backbones.missing import missing_weights
from tlk.backbones.on_disk import find_on_disk, folder_in_weights
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
        name = find_on_disk(name)
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
        elsewhere = None if name.startswith("local-dir:") else folder_in_weights(name)
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
