"""timm beside a torchvision whose compiled operators do not load."""

import subprocess
import sys
from pathlib import Path

import pytest

from tlk import torchvision_schemas


def run(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)


def test_timm_imports_after_the_declaration() -> None:
    code = "from tlk.torchvision_schemas import declare; declare(); declare(); import timm; declare(); print('fine')"
    done = run(code)
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


def test_without_the_declaration_torchvision_does_not_import() -> None:
    if torchvision_schemas._operators_load():
        pytest.skip("this torchvision brings operators that load")
    done = run("import torchvision")
    assert done.returncode != 0
    assert "operator torchvision::nms does not exist" in done.stderr


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for torch.library.Library and notes what is defined, so that this process stays as it is."""
    import torch

    defined: list[str] = []

    class Library:
        def __init__(self, namespace: str, kind: str) -> None:
            assert (namespace, kind) == ("torchvision", "DEF")

        def define(self, schema: str) -> None:
            defined.append(schema.partition("(")[0])

    monkeypatch.setattr(torch.library, "Library", Library)
    monkeypatch.setattr(torchvision_schemas, "_library", [])
    return defined


def test_both_operators_are_declared_once(library: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_schemas, "_operators_load", lambda: False)
    torchvision_schemas.declare()
    torchvision_schemas.declare()
    assert library == ["nms", "qnms"]


def test_nothing_is_declared_where_torchvision_is_absent(library: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_schemas.importlib.util, "find_spec", lambda name: None)
    torchvision_schemas.declare()
    assert library == []


@pytest.mark.parametrize("loads", [True, False])
def test_operators_that_load_are_left_alone(
    library: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loads: bool
) -> None:
    """A compiled file that torch can load registers the operators; one that it cannot load does not."""
    import torch

    registered = iter([False, loads])
    monkeypatch.setattr(torchvision_schemas, "_registered", lambda: next(registered))

    def load_library(path: str) -> None:
        assert Path(path).name.startswith("_C")
        if not loads:
            raise OSError("undefined symbol")

    monkeypatch.setattr(torch.ops, "load_library", load_library)
    spec = torchvision_schemas.importlib.machinery.ModuleSpec("_C", None, origin=str(tmp_path / "_C.so"))
    monkeypatch.setattr(torchvision_schemas.importlib.machinery.PathFinder, "find_spec", lambda *_: spec)
    torchvision_schemas.declare()
    assert library == ([] if loads else ["nms", "qnms"])


def test_operators_that_are_registered_already_count_as_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_schemas, "_registered", lambda: True)
    assert torchvision_schemas._operators_load()


def test_a_torchvision_without_compiled_operators_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_schemas, "_registered", lambda: False)
    monkeypatch.setattr(torchvision_schemas.importlib.machinery.PathFinder, "find_spec", lambda *_: None)
    assert not torchvision_schemas._operators_load()
