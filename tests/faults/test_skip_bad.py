"""`--skip-bad` from training to a submission: what is left out is said, kept in mind, and changes nothing else."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlk.cli.main import run
from tlk.data.competition import Competition
from tlk.tables import read_table
from tlk.workflows.run import Run

pytestmark = pytest.mark.slow

SETTINGS = ['embedding.descriptors=["thumbnail-6"]', "model.components=16", "training.epochs=2"]
TRAIN = ["train", "descriptors", *(part for setting in SETTINGS for part in ("--set", setting))]


@pytest.fixture
def data(competition_folder: Path, workspace_folder: Path) -> Path:
    return Path(shutil.copytree(competition_folder, workspace_folder / "data"))


def spoil(data: Path) -> list[str]:
    """Spoil the images of three training pairs, each in its own way; return them as `--skip-bad` names them."""
    pairs = Competition(data).train_pairs()
    bad = [f"train/left/{pairs.lefts[3]}", f"train/right/{pairs.rights[50]}", f"train/left/{pairs.lefts[80]}"]
    cut, empty, gone = (data / f"{name}.jpg" for name in bad)
    cut.write_bytes(cut.read_bytes()[:900])
    empty.write_bytes(b"")
    gone.unlink()
    return bad


def pairs_in(run_name: str) -> dict[str, int]:
    """Return the fold that each left image was scored in."""
    oof = Run(Path("runs") / run_name).out_of_fold()
    return dict(zip(oof.query_ids.tolist(), oof.fold.tolist(), strict=True))


def test_training_goes_on_without_the_pairs_and_all_others_keep_their_folds(
    data: Path, works: Any, refused: Any
) -> None:
    works([*TRAIN, "--run", "whole"])
    folds = Path("folds/data-k5-seed0.csv").read_bytes()
    good = {path: path.read_bytes() for path in data.rglob("*.jpg")}
    bad = spoil(data)
    refused([*TRAIN, "--run", "strict"], "train.csv: no image", bad[2].rpartition("/")[2], "(line 82)", "--skip-bad")
    Path("folds/data-k5-seed0.csv").unlink()  # to be made again without what cannot be read
    told = works([*TRAIN, "--run", "left", "--skip-bad"])
    assert "3 of 220 images are left out:\n" in told
    assert all(f"  {name}: " in told for name in bad)
    assert "of 107 pairs" in told
    assert Path("folds/data-k5-seed0.csv").read_bytes() == folds
    assert json.loads(Path("runs/left/manifest.json").read_text())["data"]["skipped"] == sorted(bad)
    assert "skipped" not in json.loads(Path("runs/whole/manifest.json").read_text())["data"]
    before, after = pairs_in("whole"), pairs_in("left")
    assert len(before) == 110
    assert len(after) == 107
    assert after.items() <= before.items()
    works(["eval", "left"])
    works(["report", "left", "--out", "report.html"])
    assert "Without pictures" not in Path("report.html").read_text()
    works(["predict", "left"])  # whose own images are all good
    works(["check-submission", "submissions/left.csv"])
    for path, content in good.items():  # mended later on: the pictures of both runs can be shown
        path.write_bytes(content)
    for order in (["left", "whole"], ["whole", "left"]):
        works(["report", *order, "--out", "both.html", "--figures", "figures"])
        assert "Without pictures" not in Path("both.html").read_text()
        assert {f"{name}-successes.png" for name in order} <= {path.name for path in Path("figures").iterdir()}
        shutil.rmtree("figures")


def test_runs_that_lack_other_pairs_are_not_compared_query_by_query(data: Path, works: Any, refused: Any) -> None:
    works([*TRAIN, "--run", "whole"])
    pairs = Competition(data).train_pairs()
    for name, left in (("one", pairs.lefts[3]), ("other", pairs.lefts[50])):
        image = data / "train/left" / f"{left}.jpg"
        good = image.read_bytes()
        image.write_bytes(b"")
        works([*TRAIN, "--run", name, "--skip-bad"])
        works([*TRAIN, "--run", f"{name}-again", "--skip-bad", "--set", "seed=1"])
        image.write_bytes(good)
    told = works(["eval", "one", "whole", "other", "one-again"])
    for name in ("whole", "other"):
        assert f"{name} − one: not compared, they stand on other pairs\n" in told
    assert "one-again − one: " in told
    assert "points of expected top-2, paired" in told
    refused(["ensemble", "one", "other"], "were trained on different images")


def test_without_anything_bad_it_changes_nothing(data: Path, works: Any) -> None:
    told = works([*TRAIN, "--run", "a", "--skip-bad"])
    assert "left out" not in told
    works([*TRAIN, "--run", "b"])
    oof = [np.load(f"runs/{name}/oof.npz")["queries"] for name in "ab"]
    assert np.array_equal(*oof)
    works(["predict", "a", "--skip-bad"])
    works(["predict", "b"])
    assert Path("submissions/a.csv").read_bytes() == Path("submissions/b.csv").read_bytes()


def test_what_was_left_out_stays_left_out_when_a_run_is_resumed(
    data: Path, works: Any, monkeypatch: pytest.MonkeyPatch, refused: Any
) -> None:
    from tlk.workflows import train_one

    bad = spoil(data)
    real, seen = train_one.train_folds, list[Path]()

    def interrupted(begun: Run, *arguments: Any) -> Any:
        seen.append(begun.folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(train_one, "train_folds", interrupted)
    assert run([*TRAIN, "--run", "cut", "--skip-bad"]) == 130
    monkeypatch.setattr(train_one, "train_folds", real)
    shutil.copyfile(next((data / "test/left").iterdir()), data / f"{bad[1]}.jpg")  # mended meanwhile: too late
    assert "of 107 pairs" in works([*TRAIN, "--run", "cut", "--resume"])
    assert json.loads(Path("runs/cut/manifest.json").read_text())["data"]["skipped"] == sorted(bad)
    assert seen == [Path("runs/cut.partial")]


def test_an_ensemble_leaves_out_the_same_for_all_its_members(data: Path, works: Any) -> None:
    members = [f'{{ recipe = "descriptors", name = "{name}", settings = {json.dumps(SETTINGS)} }}' for name in "ab"]
    text = f'name = "both"\nsummary = "s"\nsource = "s"\nmembers = [{", ".join(members)}]\n'
    Path("both.toml").write_text(text)
    bad = spoil(data)
    told = works(["train", "both.toml", "--skip-bad"])
    assert told.count("images are left out") == 1
    for place in ("both", "both/members/a"):
        assert json.loads((Path("runs") / place / "manifest.json").read_text())["data"]["skipped"] == sorted(bad)
    assert len(pairs_in("both")) == 107


def test_too_few_pairs_that_are_left_are_said(data: Path, refused: Any, works: Any) -> None:
    works(["folds"])
    folds = read_table(Path("folds/data-k5-seed0.csv"))
    for left, _, _, fold in folds.rows:
        if fold == "2":
            (data / "train/left" / f"{left}.jpg").write_bytes(b"")
    refused([*TRAIN, "--skip-bad"], "no pair of fold 2 has two images that can be read")
    shutil.rmtree(data / "train/left")
    refused([*TRAIN, "--skip-bad"], "no training pair has two images that can be read")


def scores_of(path: str) -> dict[str, list[float]]:
    return {row[0]: [float(cell) for cell in row[1:]] for row in read_table(Path(path)).rows}


@pytest.mark.parametrize("matching", ["--no-matching", "--matching"])
def test_a_prediction_is_whole_whatever_cannot_be_read(trained: Path, works: Any, refused: Any, matching: str) -> None:
    predict = ["predict", "run", matching]
    works([*predict, "--out", "whole.csv"])
    lists = Competition(trained / "data").test_lists()
    query, candidate = lists.queries[7], lists.candidates[2][11]
    (trained / "data/test/left" / f"{query}.jpg").unlink()
    (trained / "data/test/right" / f"{candidate}.jpg").write_bytes(b"<html>")
    refused([*predict, "--out", "strict.csv"], "test_candidates.csv: no image", f"{query!r} (line 9)")
    told = works([*predict, "--out", "left.csv", "--skip-bad"])
    assert "2 of 80 images are left out:\n" in told
    assert "1 queries are answered with a guess" in told
    works(["check-submission", "left.csv"])
    works(["eval", "--submission", "left.csv"])
    before, after = scores_of("whole.csv"), scores_of("left.csv")
    assert list(before) == list(after)
    for name, candidates in zip(lists.queries, lists.candidates, strict=True):
        if name != query and candidate in candidates and matching == "--no-matching":
            at = candidates.index(candidate)
            rest = [number for number in range(20) if number != at]
            assert after[name][at] < min(after[name][number] for number in rest)
            assert np.ptp([after[name][n] - before[name][n] for n in rest]) < 1e-6  # and their distances are kept
        elif name != query and matching == "--no-matching":
            assert after[name] == before[name]
    assert len(set(after[query])) > 1  # a valid guess
    if matching == "--no-matching":
        assert after[query] == sorted(after[query], reverse=True)  # in the order of the list


def test_nothing_that_can_be_scored_is_refused(trained: Path, refused: Any) -> None:
    shutil.rmtree(trained / "data/test/left")
    refused(["predict", "run", "--skip-bad"], "of no list can the images be read")


def test_where_it_has_no_meaning_it_is_refused(trained: Path, refused: Any) -> None:
    from tlk.data.collection import write_collection

    Path("art").mkdir()
    write_collection(Path("art"), (), [("a", "a.jpg")])
    refused(["predict", "run", "--data", "art", "--pairs", "p.csv", "--skip-bad"], "--skip-bad", "--pairs")
    refused([*TRAIN, "--data", "art", "--skip-bad"], "--skip-bad is for competitions", "tlk data")
