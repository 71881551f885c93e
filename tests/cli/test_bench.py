"""The ablation: every variant is a recipe, and a change that changes nothing makes no difference."""

import json
from pathlib import Path

import pytest

from tlk.cli.main import run
from tlk.recipe import load_recipe
from tlk.workflows import ablation
from tlk.workflows.ablation import BASE, WITH_WEIGHTS, WITHOUT_WEIGHTS, variants

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", [WITH_WEIGHTS, WITHOUT_WEIGHTS])
def test_every_variant_is_another_recipe(name: str) -> None:
    base, found = load_recipe(name, BASE[name]), variants(name)
    recipes = [load_recipe(name, BASE[name] + settings) for settings in found.values()]
    assert all(recipe != base for recipe in recipes)
    assert all(one != two for i, one in enumerate(recipes) for two in recipes[:i])


def test_the_table(
    competition_folder: Path,
    warm_workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    chosen = {
        "the same again": ["summary=again"],
        "rows and columns alone": ['embedding.descriptors=["profiles"]'],
    }
    monkeypatch.setattr(ablation, "variants", lambda name: chosen)
    assert run(["bench", "ablation", "--json"]) == 0
    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    base = next(iter(rows))
    assert base.startswith("recipe descriptors training.epochs=15")
    assert list(rows)[:3] == [base, "the same again", "rows and columns alone"]
    same, worse = rows["the same again"], rows["rows and columns alone"]
    assert (same["top_2"], same["gain"], same["gain_ci95"]) == (rows[base]["top_2"], 0, [0, 0])
    assert worse["gain"] == pytest.approx(worse["top_2"] - same["top_2"])
    assert worse["gain_ci95"][1] < 0
    assert {"CSLS (transductive)", "inverted softmax (transductive)", "matching (transductive)"} <= set(rows)
    assert not Path("runs").exists()


def test_an_unknown_bench_is_said(workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "speed"]) == 2
    assert "there is no such bench" in capsys.readouterr().err
