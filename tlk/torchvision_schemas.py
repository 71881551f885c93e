"""Let timm import beside a torchvision whose compiled operators cannot load.

A CPU-only torch and the package index's torchvision, built for CUDA, are often installed together: pip sees matching
versions. The operators of that torchvision then fail to load, and importing it stops at
`operator torchvision::nms does not exist`. timm uses torchvision's Python half only, which is content once the two
operators that it refers to are *declared*; nothing here ever calls them. `declare` does so, and only when they are
missing. Call it before the first import of timm or torchvision.
"""

import importlib.machinery
import importlib.util
from typing import Any

_library: list[Any] = []  # the declarations live as long as their library object


def declare() -> None:
    """Declare `torchvision::nms` and `::qnms` unless torchvision can bring its own; harmless to call again."""
    if _library or importlib.util.find_spec("torchvision") is None or _operators_load():
        return
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _library.append(library)


def _operators_load() -> bool:
    """Return whether the compiled operators are there, by loading them the way torchvision does."""
    import torch

    if _registered():
        return True
    package = importlib.util.find_spec("torchvision")
    locations = package.submodule_search_locations if package else None
    compiled = importlib.machinery.PathFinder.find_spec("_C", locations)
    if compiled is None or compiled.origin is None:
        return False
    try:
        torch.ops.load_library(compiled.origin)
    except OSError:
        return False
    return _registered()


def _registered() -> bool:
    import torch

    return bool(torch._C._dispatch_has_kernel("torchvision::nms"))
