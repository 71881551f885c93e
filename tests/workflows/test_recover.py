"""Runs that killed processes have left half done: put right by whoever looks into the folder next."""

import os
from pathlib import Path

import pytest

from tlk import temporary
from tlk.errors import UserError
from tlk.locks import owned
from tlk.recipe import load_recipe
from tlk.workflows.checksums import CHECKSUMS
from tlk.workflows.partial import AT_ONCE, choose_place, complete, open_partial
from tlk.workflows.recover import recover
from tlk.workflows.run import Run, complete_runs, find_run

RECIPE = load_recipe("thumbnail")
INPUTS = {"folds": "1"}


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary, "_swept", {})


def make(folder: Path, content: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(content)
    return folder


def test_a_run_that_was_to_be_replaced_comes_back_unless_the_new_one_is_there(tmp_path: Path) -> None:
    make(tmp_path / ".one.old", "old")
    make(tmp_path / ".two.old", "old")
    make(tmp_path / "two", "new")
    (tmp_path / ".notes.old").mkdir()  # somebody's own
    assert [run.name for run in complete_runs(tmp_path)] == ["one", "two"]
    assert (tmp_path / "one" / "metrics.json").read_text() == "old"
    assert (tmp_path / "two" / "metrics.json").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == [".notes.old", "one", "two"]


def test_a_run_that_another_process_is_replacing_now_is_left_alone(tmp_path: Path) -> None:
    make(tmp_path / ".one.old", "old")
    with owned(make(tmp_path / "one.partial", "new")):
        recover(tmp_path)
        assert not (tmp_path / "one").exists()
    assert find_run(tmp_path, "one").folder.exists()


def test_the_inputs_of_a_complete_run_go_those_of_an_unfinished_one_stay(tmp_path: Path) -> None:
    for name in ("one", "two.partial"):
        (make(tmp_path / name, "{}") / "inputs.json").write_text("{}")
    recover(tmp_path)
    assert not (tmp_path / "one" / "inputs.json").exists()
    assert (tmp_path / "two.partial" / "inputs.json").exists()


def test_killed_at_every_step_of_taking_its_place_a_run_is_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rename and each removal of `complete` in turn is the one that never comes."""
    for step in range(12):
        runs = tmp_path / str(step)
        make(runs / "one", "old")
        with open_partial(runs / "one", RECIPE, INPUTS, False, False) as run:
            (run.folder / "metrics.json").write_text("new")
            with monkeypatch.context() as patch:
                done = die_at(step, patch)
                try:
                    complete(run, runs / "one")
                except Killed:
                    done = -1
        found = find_run(runs, "one")
        assert (found.folder / "metrics.json").read_text() in ("old", "new")
        if (runs / "one.partial").exists():
            with open_partial(choose_place(runs, "x", "one", True, False), RECIPE, INPUTS, True, False) as run:
                complete(run, runs / "one")
        monkeypatch.setattr(temporary, "_swept", {})
        recover(runs)
        assert os.listdir(runs) == ["one"]
        assert sorted(os.listdir(runs / "one")) == [CHECKSUMS, "metrics.json", "recipe.toml"]
        assert (runs / "one" / "metrics.json").read_text() == "new"
        if done >= 0:  # there were not so many steps
            assert step > 3
            return
    raise AssertionError("it never came to an end")


class Killed(BaseException):
    """In the place of SIGKILL: nobody catches it, and what clears up is not there."""


def die_at(step: int, patch: pytest.MonkeyPatch) -> int:
    steps = iter(range(100))
    for name in ("rename", "unlink"):
        real = getattr(Path, name)

        def change(path: Path, *arguments: object, real: object = real, **options: object) -> object:
            if ".tmp" not in path.name and next(steps) == step:
                raise Killed
            return real(path, *arguments, **options)  # type: ignore[operator]

        patch.setattr(Path, name, change)
    return 0


def test_nobody_else_may_have_a_run_that_is_being_made(tmp_path: Path) -> None:
    place = tmp_path / "one"
    with open_partial(place, RECIPE, INPUTS, False, False):
        for resume, overwrite in ((False, False), (True, False), (False, True)):
            with pytest.raises(UserError, match="is being made by another process now\nwait for it, or take another"):
                choose_place(tmp_path, "x", "one", resume, overwrite)
            with (
                pytest.raises(UserError, match="is being made by another process"),
                open_partial(place, RECIPE, INPUTS, resume, overwrite),
            ):
                pass
        assert choose_place(tmp_path, "one", None, False, False).name == "one-2"
        with open_partial(place, RECIPE, INPUTS, True, False, first=False) as run:  # one of several processes
            assert run.name == "one"
    with open_partial(place, RECIPE, INPUTS, True, False) as run:
        assert run.recipe() == RECIPE


@pytest.mark.parametrize("left", ["nothing", "the recipe", "what is made at once"])
def test_an_unfinished_run_that_nobody_could_resume_takes_no_name(left: str, tmp_path: Path) -> None:
    folder = tmp_path / "one.partial"
    folder.mkdir()
    if left != "nothing":
        Run(folder).write_recipe(RECIPE)
    if left == "what is made at once":
        with open_partial(tmp_path / "one", RECIPE, AT_ONCE, True, False):
            pass
        assert (folder / "inputs.json").exists()
    assert choose_place(tmp_path, "one", "one", False, False) == tmp_path / "one"
    assert not folder.exists()


def test_a_training_killed_before_its_first_fold_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "one.partial").mkdir()
    place = choose_place(tmp_path, "one", None, True, False)
    with open_partial(place, RECIPE, INPUTS, True, False) as run:
        assert run.document("inputs.json") == INPUTS
        assert run.recipe() == RECIPE
