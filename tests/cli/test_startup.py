"""Start-up: help, version and usage errors load nothing heavy."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "timm", "accelerate", "sklearn", "scipy", "cv2", "numpy", "pandas", "PIL")


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"], ["data"], []], ids=str)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    found = f"[module for module in {HEAVY!r} if module in sys.modules]"
    code = f"import sys; from tlk.cli.main import run; print(run({arguments!r})); print({found})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["0", "[]"]


def test_recipes_load_no_torch() -> None:
    code = "import sys; from tlk.cli.main import run; print(run(['recipes'])); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["0", "False"]


def test_python_m_tlk() -> None:
    done = subprocess.run([sys.executable, "-m", "tlk", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("tlk ")
