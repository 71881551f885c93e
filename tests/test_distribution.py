"""The wheel and the sdist: built, installed into a clean environment, and used there, outside the source tree.

Nothing is downloaded: the environment sees the dependencies that are installed here, but not the source tree.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from tlk.recipe import recipe_names

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_{kind}(sys.argv[1]))"
SOURCES = ("tlk", "tests", "pyproject.toml", "README.md", "LICENSE")


def call(command: list[str], folder: Path, **settings: str) -> str:
    """Run a command in a folder, without this run's Python settings, and return what it prints."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TLK_", "PIP_"))}
    environment = inherited | {"TLK_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | settings
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build a wheel or an sdist of a source tree by what pyproject.toml names, setuptools, as it is installed."""
    folder.mkdir()
    code = BUILD.format(kind=kind)
    name = call([sys.executable, "-W", "error::DeprecationWarning", "-c", code, str(folder)], source).split()[-1]
    return folder / name


def contents(wheel: Path) -> dict[str, bytes]:
    """Return what is in a wheel, but for the list of it."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree: building leaves folders behind."""
    folder = tmp_path_factory.mktemp("source") / "tlk"
    folder.mkdir()
    for name in SOURCES:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", source, tmp_path_factory.mktemp("built") / "wheel")


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that has the wheel, and sees this one's dependencies."""
    folder = tmp_path_factory.mktemp("clean")
    call([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], folder)
    python = folder / "venv" / "bin" / "python"
    call([*PIP, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)], folder)
    place = call([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).strip()
    dependencies = Path(pytest.__file__).parent.parent
    # A path in a .pth file is searched, but the .pth files there, one of which leads to the source tree, are not read.
    Path(place, "dependencies.pth").write_text(f"{dependencies}\n")
    where = call([str(python), "-c", "import tlk; print(tlk.__file__)"], folder)
    assert Path(where.strip()).is_relative_to(place)
    return python.parent


def test_the_wheel_has_every_file_of_the_package(source: Path, wheel: Path) -> None:
    packed = contents(wheel)
    files = {str(path.relative_to(source)): path.read_bytes() for path in (source / "tlk").rglob("*") if path.is_file()}
    assert {name: data for name, data in packed.items() if ".dist-info/" not in name} == files
    for needed in ("tlk/embeddings/patches.npz", "tlk/recipes/best.toml", "tlk/py.typed"):
        assert needed in packed
    assert any(name.startswith("tlk/report/templates/") for name in packed)
    assert packed[f"tlk-{VERSION}.dist-info/licenses/LICENSE"] == (source / "LICENSE").read_bytes()


def test_the_sdist_makes_the_same_wheel(source: Path, wheel: Path, tmp_path: Path) -> None:
    archive = build("sdist", source, tmp_path / "sdist")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert contents(build("wheel", unpacked, tmp_path / "wheel")) == contents(wheel)


def test_the_wheel_works_outside_the_source_tree(clean: Path, tmp_path: Path) -> None:
    def tlk(*arguments: str) -> str:
        return call([str(clean / "tlk"), *arguments], tmp_path)

    assert tlk("--version").split() == ["tlk", VERSION]
    listed = tlk("recipes")
    assert all(name in listed for name in recipe_names())
    tlk("data", "demo", "data", "--pairs", "104", "--queries", "30")
    tlk("train", "thumbnail")
    tlk("train", "descriptors", "--set", "training.epochs=2", "--set", "model.components=32")
    assert "descriptors" in tlk("eval", "descriptors", "thumbnail")
    tlk("predict", "descriptors")
    tlk("check-submission", "submissions/descriptors.csv")
    tlk("report", "descriptors")
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not [path for path in tmp_path.rglob("*") if "source" in path.parts]
