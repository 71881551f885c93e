"""OpenVINO is imported without what reports it, and leaves nothing in the user's home."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openvino")

CODE = """
import sys
from tlk.embeddings.quiet_openvino import import_openvino
assert import_openvino() is import_openvino() is sys.modules["openvino"]
assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]
"""


def test_nothing_is_counted(tmp_path: Path) -> None:
    given = {key: value for key, value in os.environ.items() if key != "CI"} | {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", CODE], env=given, check=True)
    assert list(tmp_path.iterdir()) == []


def test_who_has_imported_the_reporting_package_keeps_it(tmp_path: Path) -> None:
    stand_in = "import sys, types; mine = sys.modules['openvino_telemetry'] = types.ModuleType('openvino_telemetry')\n"
    check = "assert sys.modules['openvino_telemetry'] is mine"
    code = stand_in + CODE.replace(
        'assert not [name for name in sys.modules if name.startswith("openvino_telemetry")]', check
    )
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"HOME": str(tmp_path)}, check=True)
