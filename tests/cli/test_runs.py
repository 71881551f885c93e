"""`tlk runs`: what there is, how far the unfinished have come, and removal of exactly what was named."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import save_file

from tlk.cli.main import run
from tlk.locks import owned
from tlk.recipe import load_recipe
from tlk.workflows.run import Run

DAYS = 86400


def make(folder: Path, top_2: float = 0.5) -> Path:
    """Write what the listing reads of a complete run."""
    folder.mkdir(parents=True)
    Run(folder).write_recipe(load_recipe("thumbnail"))
    calibration = {"deviations": [1.0], "temperature": 1.0}
    data = {"name": "small", "fingerprint": "x", "pairs": 3}
    found = {"data": data, "embedding": "e", "calibration": calibration}
    (folder / "manifest.json").write_text(json.dumps(found))
    numbers: dict[str, Any] = {"expected_top_k": {"2": top_2}, "expected_ci95": {"2": [0.25, 0.75]}, "seconds": 1.0}
    (folder / "metrics.json").write_text(json.dumps(numbers))
    (folder / "oof.npz").write_bytes(b"x" * 2048)
    (folder / "fold0").mkdir()
    save_file({}, folder / "fold0" / "model.safetensors")
    return folder


def begin(folder: Path, folds: int = 0, recipe: str = "descriptors") -> Path:
    """Write what an interrupted training leaves."""
    folder.mkdir(parents=True)
    Run(folder).write_recipe(load_recipe(recipe))
    (folder / "inputs.json").write_text("{}")
    for fold in range(folds):
        (folder / f"fold{fold}").mkdir()
        (folder / f"fold{fold}" / "model.safetensors").write_bytes(b"")
    return folder


@pytest.fixture
def here(workspace_folder: Path) -> Path:
    runs = workspace_folder / "runs"
    make(runs / "done")
    begin(runs / "done.partial", folds=1)  # is being overwritten
    state = begin(runs / "cut.partial", folds=2) / "fold2" / "state" / "training" / "state-7"
    state.mkdir(parents=True)
    make(runs / "broken")
    (runs / "broken" / "metrics.json").write_text("{")
    members = begin(runs / "many.partial", recipe="best-no-weights") / "members"
    make(members / "one")
    begin(members / "two.partial", folds=3)
    (runs / "notes").mkdir()  # somebody's own
    (runs / "notes" / "text.md").write_text("")
    return workspace_folder


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run(["runs", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(["runs", *arguments]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert len(message.splitlines()) <= 3
    return message


def test_no_runs(workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys) == []
    assert run(["runs", "--runs", "elsewhere"]) == 0
    assert capsys.readouterr().out == "there is no run in elsewhere\n"


def test_what_there_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in (here / "runs" / "done").rglob("*"):
        os.utime(file, (time.time() - 3 * DAYS,) * 2)
    rows = {(row["run"], row["state"]): row for row in listed(capsys)}
    assert set(rows) == {
        ("broken", "damaged"), ("cut", "unfinished"), ("done", "complete"), ("done", "unfinished"),
        ("many", "unfinished"),
    }  # fmt: skip
    done = rows["done", "complete"]
    assert (done["recipe"], done["data"], done["expected_top_2"]) == ("thumbnail", "small", 0.5)
    assert done["expected_ci95"] == [0.25, 0.75]
    assert done["size"] == sum(path.stat().st_size for path in (here / "runs/done").rglob("*") if path.is_file())
    assert 3 * DAYS <= done["age"] < 3 * DAYS + 600
    assert "metrics.json" in rows["broken", "damaged"]["fault"]
    assert rows["cut", "unfinished"]["progress"] == "folds trained: 2, the next at epoch 7"
    assert rows["many", "unfinished"]["progress"] == "members trained: 1, two: folds trained: 3"
    assert run(["runs"]) == 0
    printed = capsys.readouterr().out
    assert "50.0 [25.0, 75.0]" in printed
    assert "3 days" in printed
    assert "cut: unfinished; folds trained: 2, the next at epoch 7" in printed
    assert "notes" not in printed


def test_a_selection(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["run"] for row in listed(capsys, "--unfinished")] == ["cut", "done", "many"]
    assert [row["state"] for row in listed(capsys, "done")] == ["complete", "unfinished"]
    assert "'nope'" in refused(capsys, "nope")


@pytest.mark.parametrize("missing", ["oof.npz", "fold0/model.safetensors", "recipe.toml", "manifest.json"])
def test_a_run_that_lacks_something_is_damaged(here: Path, capsys: pytest.CaptureFixture[str], missing: str) -> None:
    (here / "runs" / "done" / missing).unlink()
    assert listed(capsys, "done")[0]["state"] == "damaged"
    assert listed(capsys, "--prune", "done")["removed"] == ["done"]


def names(here: Path) -> set[str]:
    return {path.name for path in (here / "runs").iterdir()}


def test_pruning_removes_what_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = names(here)
    size = listed(capsys, "broken")[0]["size"] + listed(capsys, "done")[0]["size"]
    assert listed(capsys, "--prune", "broken", "done") == {"removed": ["broken", "done"], "freed": size}
    assert names(here) == before - {"broken", "done"}
    assert run(["runs", "--prune", "--unfinished", "cut", "done"]) == 0
    assert capsys.readouterr().out.startswith("cut.partial, done.partial: removed, ")
    assert names(here) == {"many.partial", "notes"}


def test_what_is_not_clear_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = names(here)
    assert "name them" in refused(capsys, "--prune")
    assert "name them" in refused(capsys, "--prune", "--unfinished")
    assert "--unfinished" in refused(capsys, "--prune", "done", "cut")  # nothing of it is done
    assert "unfinished run 'broken'" in refused(capsys, "--prune", "--unfinished", "broken")
    for name in ("notes", "..", "done/", "done.partial", ""):
        assert "there is no run" in refused(capsys, "--prune", name)
    assert names(here) == before


def test_what_is_being_trained_stays(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, place in (("cut", "cut.partial"), ("many", "many.partial/members/two.partial")):
        with owned(here / "runs" / place):
            assert "is training" in refused(capsys, "--prune", "--unfinished", name)
        assert listed(capsys, "--prune", "--unfinished", name)["removed"] == [f"{name}.partial"]


def test_of_a_link_the_link_goes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(here / "elsewhere")
    (here / "runs" / "link").symlink_to(here / "elsewhere")
    assert listed(capsys, "--prune", "link")["removed"] == ["link"]
    assert (here / "elsewhere" / "oof.npz").exists()
    assert "link" not in names(here)
