"""From runs on disk to a page: pictures, strata, curves, and what is said where something is missing."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import SharedFolder
from tests.workflows.conftest import Notes
from tlk.data.competition import Competition
from tlk.errors import UserError
from tlk.report.blocks import Table
from tlk.workflows.checksums import CHECKSUMS
from tlk.workflows.ensemble import EnsembleOptions, ensemble
from tlk.workflows.progress import Silent
from tlk.workflows.report import ReportOptions, report
from tlk.workflows.report_curves import learning_curves, stages
from tlk.workflows.report_pictures import look_at, make_album
from tlk.workflows.report_runs import ReportedRun, groups_of, read_runs
from tlk.workflows.report_strata import group_sizes, kinds_of, strata
from tlk.workflows.run import Run
from tlk.workflows.train import train
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace

pytestmark = pytest.mark.slow

LEARNED = ("embedding={mirrored=false, descriptors=['thumbnail-6']}", "training.epochs=2", "model.components=16")


@pytest.fixture(scope="module")
def trained(competition_folder: Path, shared_folder: SharedFolder) -> Path:
    """A workspace with a run that learns nothing, one that does, and a blend of both."""

    def make(folder: Path) -> None:
        workspace = Workspace.here(competition_folder)
        train(workspace, TrainOptions(recipe="thumbnail"), Silent())
        train(workspace, TrainOptions(recipe="descriptors", run="learned", settings=LEARNED), Silent())
        ensemble(workspace, ["thumbnail", "learned"], EnsembleOptions(run="blend", weights="equal"))

    return shared_folder("report", make)


@pytest.fixture
def workspace(trained: Path, competition_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """That workspace, to read from."""
    monkeypatch.chdir(trained)
    return Workspace(competition_folder, Path("runs"), Path(".tlk"))


def read_island(path: Path) -> dict[str, Any]:
    found = re.search(r'id="report-data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def pictures(path: Path) -> list[str]:
    found = re.search(r'id="report-pictures">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1].split()


def test_a_page_of_all_runs_the_best_first(workspace: Workspace, tmp_path: Path) -> None:
    done = report(workspace, [], ReportOptions(tmp_path / "r.html"), Silent())
    best = [workspace.runs / name / "metrics.json" for name in done.runs]
    values = [json.loads(path.read_text())["expected_top_k"]["2"] for path in best]
    assert sorted(done.runs) == ["blend", "learned", "thumbnail"]
    assert values == sorted(values, reverse=True)
    assert done.size == (tmp_path / "r.html").stat().st_size
    shown = read_island(done.path)
    pairs = Competition(workspace.data).train_pairs()
    assert [run["name"] for run in shown["runs"]] == list(done.runs)
    assert dict(zip(shown["pairs"][0]["left"], shown["pairs"][0]["right"], strict=True)) == dict(
        zip(pairs.lefts, pairs.rights, strict=True)
    )
    assert done.pictures == len(pictures(done.path)) == 2 * len(pairs)
    assert not list(tmp_path.glob("*.tmp"))


def test_each_picture_is_the_one_of_its_id(workspace: Workspace) -> None:
    import io

    from PIL import Image

    runs = read_runs(workspace, ["thumbnail"], Silent())
    album, notes = make_album(workspace, runs, Silent())
    assert notes == []
    files = [look.picture for look in album.looks.values()]
    for pair in (0, 17, 109):
        for side, number, ids in (
            ("left", album.left(runs[0], pair), runs[0].oof.query_ids),
            ("right", album.right(runs[0], pair), runs[0].oof.gallery_ids),
        ):
            with Image.open(workspace.data / "train" / side / f"{ids[pair]}.jpg") as whole:
                expected = np.asarray(whole.convert("RGB").resize((20, 24))).astype(int)
            with Image.open(io.BytesIO(files[number])) as small:
                shown = np.asarray(small.convert("RGB").resize((20, 24))).astype(int)
            assert np.abs(shown - expected).mean() < 8


def test_without_the_images_it_says_so(workspace: Workspace, tmp_path: Path) -> None:
    notes = Notes()
    nowhere = Workspace(tmp_path / "gone", workspace.runs, workspace.cache)
    done = report(nowhere, ["thumbnail"], ReportOptions(tmp_path / "r.html", faces=True), notes)
    assert done.pictures == 0
    assert any(note.startswith("Without pictures") and "does not exist" in note for note in notes.notes)
    assert any("faces" in note for note in notes.notes)
    assert all(note.replace("'", "&#39;") in done.path.read_text() for note in notes.notes)
    assert set(read_island(done.path)["pairs"][0]["leftPicture"]) == {-1}


def test_images_that_a_run_was_not_trained_on_are_not_shown(workspace: Workspace, tmp_path: Path) -> None:
    other = tmp_path / workspace.data.name
    shutil.copytree(workspace.data, other)
    first = next((other / "train" / "left").iterdir())
    second = next(path for path in (other / "train" / "left").iterdir() if path != first)
    shutil.copyfile(second, first)
    notes = Notes()
    changed = Workspace(other, workspace.runs, workspace.cache)
    done = report(changed, ["thumbnail"], ReportOptions(tmp_path / "r.html"), notes)
    assert done.pictures == 0
    assert "thumbnail" in notes.notes[0]


def test_ids_that_are_markup_stay_ids(workspace: Workspace, tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script>\"'"
    left_out = shutil.ignore_patterns(CHECKSUMS)  # the ids are changed by hand
    shutil.copytree(workspace.runs / "thumbnail", tmp_path / "runs" / "thumbnail", ignore=left_out)
    oof = tmp_path / "runs" / "thumbnail" / "oof.npz"
    with np.load(oof) as arrays:
        values = dict(arrays)
    for name in ("query_ids", "gallery_ids"):
        values[name] = np.array([f"{hostile}{n}" for n in range(len(values[name]))])
    np.savez(oof, **values)
    gone = Workspace(tmp_path / "gone", tmp_path / "runs", workspace.cache)
    done = report(gone, ["thumbnail"], ReportOptions(tmp_path / "r.html"), Silent())
    assert "<script>alert" not in done.path.read_text()
    assert read_island(done.path)["pairs"][0]["left"][3] == f"{hostile}3"


def rows_of(table: Table) -> dict[str, int]:
    return {str(row[0]): int(str(row[1]).replace(",", "")) for row in table.rows}


def of(workspace: Workspace, faces: bool = False) -> tuple[dict[str, int], Table]:
    runs = read_runs(workspace, ["thumbnail", "learned"], Silent())
    album, _ = make_album(workspace, runs, Silent())
    groups = groups_of(runs)
    kinds, notes = kinds_of(workspace, groups, album, faces, Silent())
    assert notes == []
    section = strata(groups, kinds)
    assert [chart.title for chart in section.charts] == list(kinds[0])
    (table,) = section.tables
    return rows_of(table), table


def test_strata_of_the_data_itself(workspace: Workspace) -> None:
    counts, table = of(workspace)
    lines = (workspace.data / "train_strata.csv").read_text().splitlines()
    kinds = [line.split(",")[2] for line in lines[1:]]
    assert counts["kind: face"] == kinds.count("face")
    assert counts["kind: face"] + counts["kind: object"] == counts["all"] == len(kinds)
    assert counts["flipped: yes"] + counts["flipped: no"] == counts["all"]
    assert not [name for name in counts if name.startswith("near-duplicates")]  # each pair stands alone: no kinds
    numbers = json.loads((workspace.runs / "learned" / "metrics.json").read_text())
    assert str(table.rows[-1][3]).startswith(f"{100 * numbers['expected_top_k']['2']:.1f} [")


def test_how_many_near_duplicates_a_pair_has(workspace: Workspace, tmp_path: Path) -> None:
    (run,) = read_runs(workspace, ["thumbnail"], Silent())
    pairs = list(zip(run.oof.query_ids.tolist(), run.oof.gallery_ids.tolist(), strict=True))
    lines = [f"{left},{right},{max(0, place - 4)},0" for place, (left, right) in enumerate(pairs)]  # the first five: 0
    lines = [line.replace(",7,0", ",6,0") for line in lines]
    table = tmp_path / "folds.csv"
    table.write_text("\n".join(["left,right,group,fold", *lines]) + "\n")
    stratum = group_sizes(replace(run, manifest=run.manifest | {"folds": str(table)}))["near-duplicates"]
    assert {word: int(own.sum()) for word, own in stratum.members()} == {
        "1 pair alone": len(pairs) - 7,
        "2 pairs": 2,
        "3 pairs or more": 5,
    }
    assert group_sizes(replace(run, manifest={"folds": str(tmp_path / "none.csv")})) == {}


def test_strata_of_the_images_where_the_data_say_nothing(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tlk.embeddings import faces

    plain = tmp_path / workspace.data.name
    shutil.copytree(workspace.data, plain)
    (plain / "train_strata.csv").unlink()
    monkeypatch.setattr(faces.FaceDetector, "prepare", lambda self, image: int(image[:8, :8].mean() > 128))
    counts, _ = of(Workspace(plain, workspace.runs, tmp_path / "cache"), faces=True)
    assert not [name for name in counts if name.startswith("kind")]
    for stratum in ("border", "grey", "more alike", "faces"):
        assert sum(count for name, count in counts.items() if name.startswith(stratum)) == counts["all"]


def test_what_a_look_sees() -> None:
    random = np.random.default_rng(0)
    colour = random.integers(60, 200, (100, 80, 3), dtype=np.uint8)
    colour[:, :40] //= 2
    colour[..., 0] //= 2
    grey = np.repeat(colour.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    framed = np.full((140, 120, 3), 255, np.uint8)
    framed[20:120, 20:100] = colour
    assert [(look.border, look.grey) for look in map(look_at, (colour, grey, framed))] == [
        (False, False),
        (False, True),
        (True, False),
    ]
    one, mirrored = look_at(colour).sketch, look_at(colour[:, ::-1]).sketch
    assert (one * mirrored[:, ::-1]).sum() == pytest.approx(1, abs=1e-3)
    assert (one * mirrored).sum() < 0.5
    assert not np.isnan(look_at(np.zeros((5, 5, 3), np.uint8)).sketch).any()


def test_learning_curves_of_runs_and_of_members(workspace: Workspace) -> None:
    runs = read_runs(workspace, ["thumbnail", "learned", "blend"], Silent())
    section = learning_curves(runs)
    assert [chart.title for chart in section.charts] == [
        "learned: loss",
        "learned: inner split",
        "blend: learned: loss",
        "blend: learned: inner split",
    ]
    assert "thumbnail" in section.text[1]
    folds = stages(runs[1].run)["training"]
    losses = [rows[0].loss for rows in folds.values()]
    assert len(losses) == 5
    assert section.charts[0].table is not None
    assert section.charts[0].table.rows[0][:2] == ("1", f"{np.mean(losses):.4g}")
    assert len([mark for mark in section.charts[0].marks if mark.kind == "faint"]) == 10  # both losses, five folds


def test_a_damaged_run_is_an_error_when_named_and_left_out_when_not(workspace: Workspace, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("thumbnail", "learned"):
        shutil.copytree(workspace.runs / name, runs / name)
    here = Workspace(workspace.data, runs, workspace.cache)
    (runs / "learned" / "history.csv").write_text("fold,stage\n0,training\n")
    with pytest.raises(UserError, match=r"history\.csv"):
        learning_curves([ReportedRun.read(Run(runs / "learned"))])
    (runs / "learned" / CHECKSUMS).unlink()
    (runs / "learned" / "metrics.json").write_text("{}")
    notes = Notes()
    done = report(here, [], ReportOptions(tmp_path / "r.html"), notes)
    assert done.runs == ("thumbnail",)
    assert "learned" in notes.notes[0]
    with pytest.raises(UserError, match="is not a run's"):
        report(here, ["learned"], ReportOptions(tmp_path / "other.html"), Silent())
    assert not (tmp_path / "other.html").exists()


def test_runs_whose_scores_are_damaged_are_left_out_unless_all_are(workspace: Workspace, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("thumbnail", "learned"):
        shutil.copytree(workspace.runs / name, runs / name)
    here = Workspace(workspace.data, runs, workspace.cache)
    notes = Notes()
    for damaged, other in (("learned", "thumbnail"), ("thumbnail", "")):
        (runs / damaged / "oof.npz").write_bytes(b"cut off")
        if other:
            assert report(here, [], ReportOptions(tmp_path / "r.html"), notes).runs == (other,)
            assert "run learned is left out" in notes.notes[0]
    with pytest.raises(UserError, match=r"oof\.npz is damaged"):
        report(here, [], ReportOptions(tmp_path / "other.html"), Silent())
