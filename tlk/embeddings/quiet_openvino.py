"""OpenVINO without its telemetry: `import openvino` alone would report itself over the network."""

import importlib
import sys
from typing import Any


def import_openvino() -> Any:
    """Import OpenVINO and return it.

    Left to itself it tells a server of each import, from a process of its own and unless CI is set. Where it does not
    find the package that does so it goes without.
    """
    if "openvino" not in sys.modules:
        absent: dict[str, Any] = sys.modules
        before = {name: absent.pop(name) for name in list(absent) if name.partition(".")[0] == "openvino_telemetry"}
        absent["openvino_telemetry"] = None  # what cannot be imported, as Python notes it
        try:
            importlib.import_module("openvino")
        finally:
            del absent["openvino_telemetry"]
            absent.update(before)
    return importlib.import_module("openvino")
