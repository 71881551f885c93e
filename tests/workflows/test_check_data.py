"""Looking data over: planted duplicates, leaks and faults are found, and nothing else."""

import json
import shutil
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image, ImageOps

from tlk.cli.main import run
from tlk.data.competition import CandidateLists, Pairs
from tlk.duplicates import DuplicatePairs, find_duplicates
from tlk.workflows.check_data import check_data, find_leaks
from tlk.workflows.progress import Silent
from tlk.workflows.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture
def data(competition_folder: Path, workspace_folder: Path) -> Path:
    shutil.copytree(competition_folder, workspace_folder / "data")
    return workspace_folder / "data"


def table(path: Path) -> list[list[str]]:
    return [line.split(",") for line in path.read_text().splitlines()[1:]]


def test_clean_data_are_clean(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "train" / "left" / ".DS_Store").write_bytes(b"\x00")
    (data / "train" / "left" / "notes.txt").write_text("not an image")
    result = check_data(Workspace.here(), Silent())
    assert result["faults"] == []
    assert result["leaks"] == []
    assert result["counts"]["training pairs"] == 110
    assert result["counts"]["test queries"] == 40
    assert result["counts"]["candidates a list"] == 20
    assert result["counts"]["images in train/left"] == 110
    assert result["duplicates"]["exact"] == 0
    assert run(["data", "check"]) == 0
    assert "faults: 0" in capsys.readouterr().out


def test_with_a_backbone_what_it_finds_alike_is_proposed(
    data: Path, mobilenet_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, query = table(data / "train.csv")[0][0], table(data / "test_truth.csv")[0][0]
    ImageOps.mirror(Image.open(data / f"train/left/{left}.jpg")).save(data / f"test/left/{query}.jpg", quality=85)
    proposed = []

    def finding(*arguments: Any, **options: Any) -> DuplicatePairs:
        proposed.append(options["proposed"])
        return find_duplicates(*arguments, **options)

    monkeypatch.setattr("tlk.workflows.check_data.find_duplicates", finding)
    alone = check_data(Workspace.here(), Silent())
    helped = check_data(Workspace.here(), Silent(), f"local-dir:{mobilenet_folder}")
    assert alone["pairs"] == helped["pairs"]
    paths = [path.rpartition(".")[0] for path in Workspace.here().competition().image_paths()]
    assert proposed[0] == []
    assert (paths.index(f"train/left/{left}"), paths.index(f"test/left/{query}"), True) in proposed[1]


def test_a_training_pair_that_returns_is_a_leak(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left, right = table(data / "train.csv")[0]
    query, answer = table(data / "test_truth.csv")[0]
    # The query is the training left, mirrored; the answer the training right, cropped a little.
    ImageOps.mirror(Image.open(data / f"train/left/{left}.jpg")).save(data / f"test/left/{query}.jpg", quality=85)
    picture = Image.open(data / f"train/right/{right}.jpg")
    picture.crop((6, 6, 196, 240)).resize((200, 245)).save(data / f"test/right/{answer}.jpg", quality=85)
    assert run(["data", "check", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["leaks"] == [{"query": query, "candidate": answer, "pairs": [[left, right]]}]
    assert result["duplicates"]["between train and test"] == 2
    assert result["duplicates"]["of them mirrored"] == 1
    assert {row["first"] for row in result["pairs"]} == {f"train/left/{left}", f"train/right/{right}"}
    assert run(["data", "check"]) == 0
    assert f"query {query} with candidate {answer} is {left} + {right}" in capsys.readouterr().out


def test_copies_are_exact_duplicates_and_share_a_fold(data: Path) -> None:
    rows = table(data / "train.csv")
    for column, side in enumerate(("left", "right")):
        shutil.copy(data / f"train/{side}/{rows[0][column]}.jpg", data / f"train/{side}/{rows[50][column]}.jpg")
    result = check_data(Workspace.here(), Silent())
    assert result["duplicates"]["exact"] == 2
    assert run(["folds", "--out", "folds.csv"]) == 0
    folds = {row[0]: row[2:] for row in table(Path("folds.csv"))}
    assert folds[rows[0][0]] == folds[rows[50][0]]
    assert len({tuple(value) for value in folds.values()}) < 110


def test_every_fault_is_listed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = table(data / "train.csv")
    (data / f"train/left/{rows[0][0]}.jpg").write_bytes(b"<html>not found</html>")
    (data / f"train/left/{rows[1][0]}.jpg").write_bytes(b"")
    (data / f"train/right/{rows[2][1]}.jpg").unlink()
    assert run(["data", "check", "--json"]) == 2
    printed = capsys.readouterr()
    faults = json.loads(printed.out)["faults"]
    assert len(faults) == 3
    for name in (rows[0][0], rows[1][0], rows[2][1]):
        assert any(name in fault for fault in faults)
    assert printed.err.startswith("error: 3 faults")
    assert run(["data", "check"]) == 2
    assert "faults: 3" in capsys.readouterr().out


def test_a_folder_with_nothing_in_it_is_said(workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace_folder / "data").mkdir()
    assert run(["data", "check"]) == 2
    assert "neither tables nor images" in capsys.readouterr().err
    assert run(["embed", "--recipe", "thumbnail"]) == 2


def test_leaks_in_either_order_of_the_sides() -> None:
    pairs = Pairs(("a", "b", "c"), ("x", "y", "z"))
    lists = CandidateLists(("p", "q"), (("r", "s"), ("t", "u")))

    def alike(first: str, second: str) -> dict[str, str]:
        return {"first": first, "second": second}

    straight = [alike("train/left/a", "test/left/p"), alike("train/right/x", "test/right/s")]
    swapped = [alike("test/left/q", "train/right/y"), alike("test/right/u", "train/left/b")]
    elsewhere = [alike("train/left/c", "test/left/p"), alike("train/right/z", "test/right/t")]  # not in p's list
    assert find_leaks(pairs, lists, straight + swapped + elsewhere) == [
        {"query": "p", "candidate": "s", "pairs": [["a", "x"]]},
        {"query": "q", "candidate": "u", "pairs": [["b", "y"]]},
    ]
    assert find_leaks(pairs, lists, straight[:1]) == []


def test_leaks_of_files_whose_names_are_composed_otherwise_than_the_ids() -> None:
    composed, apart = normalize("NFC", "éü"), normalize("NFD", "éü")
    pairs = Pairs((composed,), ("x",))
    lists = CandidateLists((f"{composed}p", "q"), (("r", f"{composed}s"), ("t", "u")))
    duplicates = [
        {"first": f"train/left/{apart}", "second": f"test/left/{apart}p"},
        {"first": "train/right/x", "second": f"test/right/{apart}s"},
    ]
    expected = {"query": f"{composed}p", "candidate": f"{composed}s", "pairs": [[composed, "x"]]}
    assert find_leaks(pairs, lists, duplicates) == [expected]


def test_pixels_are_kept_between_passes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    from tlk.data import reader

    real = reader.decode_image

    def counting(content: bytes, name: str) -> np.ndarray:
        decoded.append(name)
        return real(content, name)

    monkeypatch.setattr(reader, "decode_image", counting)
    assert run(["train", "thumbnail"]) == 0  # near-duplicates, then descriptors
    assert len(decoded) == len(set(decoded)) == 220
