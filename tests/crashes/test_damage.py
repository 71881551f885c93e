"""Flipped bytes, torn and emptied files: in the cache they are named and made anew, in a run they are named."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SharedFolder
from tlk.cli.main import run
from tlk.workflows.checksums import CHECKSUMS

pytestmark = pytest.mark.slow

NETWORK = """
name = "network"
summary = "A small head on a frozen backbone, with pixels kept for the folds."
source = "made for this test"
embedding = { backbone = "local-dir:weights", views = [{ at = "final" }], mirrored = false }
model = { name = "centred" }
"""
Damage = Callable[[Path, np.random.Generator], None]


def flip(path: Path, drawn: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    content[int(drawn.integers(len(content)))] ^= 1 << int(drawn.integers(8))
    path.write_bytes(content)


def tear(path: Path, drawn: np.random.Generator) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(drawn.integers(1, len(content)))])


def empty(path: Path, drawn: np.random.Generator) -> None:
    path.write_bytes(b"")


DAMAGES: dict[str, Damage] = {"flipped": flip, "torn": tear, "emptied": empty}


@pytest.fixture(scope="module")
def base(competition_folder: Path, tiny_backbone: Path, shared_folder: SharedFolder) -> tuple[Path, bytes, bytes]:
    """A workspace with a run and a full cache, its submission and its out-of-fold numbers."""

    def make(folder: Path) -> None:
        shutil.copytree(tiny_backbone, "weights")
        Path("network.toml").write_text(NETWORK)
        assert run(["train", "network.toml", "--data", str(competition_folder)]) == 0
        assert run(["predict", "network", "--data", str(competition_folder), "--out", "whole.csv"]) == 0

    folder = shared_folder("damage", make)
    return folder, (folder / "whole.csv").read_bytes(), (folder / "runs/network/oof.npz").read_bytes()


@pytest.fixture
def here(
    base: tuple[Path, bytes, bytes], competition_folder: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    shutil.copytree(base[0], workspace_folder, dirs_exist_ok=True)
    return workspace_folder


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_never_served(
    damage: str, base: tuple[Path, bytes, bytes], here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every file of the cache is damaged, one a time, some at several places: what comes out is the same."""
    drawn = np.random.default_rng(len(damage))
    files = sorted(path.relative_to(here) for path in Path(here, ".tlk").rglob("*.*") if path.is_file())
    files = [path for path in files if path.suffix != ".lock"]  # which is empty
    assert {path.suffix for path in files} >= {".npy", ".xml", ".bin", ".json"}
    assert {path.parts[1] for path in files} == {"exports", "pixels", "sources.json", "vectors"}
    for file in files:
        shutil.rmtree(here / ".tlk")
        shutil.copytree(base[0] / ".tlk", here / ".tlk")
        for _ in range(3 if damage == "flipped" else 1):
            DAMAGES[damage](here / file, drawn)
        caplog.clear()
        check(file, base, here, caplog)


def check(file: Path, base: tuple[Path, bytes, bytes], here: Path, caplog: pytest.LogCaptureFixture) -> None:
    if "pixels" in file.parts:
        shutil.rmtree(here / "folds")  # near-duplicates are looked for anew, in the pixels
    if file.parts[2:] and file.parts[2].startswith("weights"):
        for folder in (here / ".tlk" / "vectors").glob("run_*"):  # the run's are made anew, of these
            shutil.rmtree(folder)
    if "exports" in file.parts:
        shutil.rmtree(here / ".tlk" / "vectors")  # all are computed anew
    with caplog.at_level(logging.WARNING, "tlk"):
        assert run(["predict", "network", "--out", "again.csv"]) == 0
        assert run(["train", "network.toml", "--run", "again", "--overwrite"]) == 0
    assert Path("again.csv").read_bytes() == base[1]
    with np.load(here / "runs/again/oof.npz") as now, np.load(here / "runs/network/oof.npz") as then:
        assert all(np.array_equal(now[name], then[name]) for name in then.files)
    told = " ".join(record.getMessage() for record in caplog.records)
    if file.name not in ("view.json", "sources.json"):  # read by `tlk cache` alone
        name = file.parts[2] if "exports" in file.parts else file.name.partition(".")[0]
        assert name in told, (file, told)
        assert "damaged" in told


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_named(
    damage: str, base: tuple[Path, bytes, bytes], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every file of a run is damaged, one a time: it is named, or changes nothing."""
    drawn = np.random.default_rng(len(damage))
    files = sorted(path for path in Path("runs/network").rglob("*") if path.is_file())
    assert {path.name for path in files} >= {"model.safetensors", "oof.npz", "recipe.toml", "manifest.json", CHECKSUMS}
    for file in files:
        shutil.rmtree("runs")
        shutil.copytree(base[0] / "runs", "runs")
        DAMAGES[damage](file, drawn)
        capsys.readouterr()
        codes = [run(["predict", "network", "--out", "again.csv"]), run(["eval", "network"])]
        told = capsys.readouterr().err
        assert set(codes) <= {0, 2}, told
        if codes[0] == 0:
            assert Path("again.csv").read_bytes() == base[1]
        if codes == [0, 0]:
            assert file.name in ("history.csv", "metrics.json")  # neither looks at them
        else:
            assert (
                f"error: {file} is damaged" in told or f"error: {Path('runs/network') / CHECKSUMS} is damaged" in told
            )
            assert "tlk train RECIPE --run network --overwrite" in told


def test_a_damaged_member_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "thumbnail"]) == 0
    assert run(["ensemble", "network", "thumbnail", "--weights", "equal"]) == 0
    file = Path("runs/ensemble/members/network/fold1/model.safetensors")
    content = file.read_bytes()
    file.unlink()  # a link to the run's own
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert run(["predict", "ensemble"]) == 2
    told = capsys.readouterr().err
    assert f"error: {file} is damaged" in told
    assert "delete runs/ensemble, or" in told
    assert run(["predict", "network"]) == 0


def test_a_run_of_former_times_has_no_checksums(base: tuple[Path, bytes, bytes], here: Path) -> None:
    Path("runs/network", CHECKSUMS).unlink()
    assert run(["predict", "network", "--out", "again.csv"]) == 0
    assert Path("again.csv").read_bytes() == base[1]
