"""`tlk train --profile`: a table of where the time went; the waiting is in the manifest without it, too."""

import json
import re
from pathlib import Path

import pytest

from tlk.cli.main import run
from tlk.training.profile import PARTS, REST

FAST = ("--set", "training.epochs=2", "--set", "model.components=16", "--set", "split=60/20/20")


@pytest.fixture
def data(competition_folder: Path, warm_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    return warm_workspace


def seconds_of(name: str) -> dict[str, float]:
    manifest = json.loads((Path("runs") / name / "manifest.json").read_text())
    return dict(manifest["seconds"])


def table(printed: str) -> dict[str, tuple[float, float]]:
    """Return seconds and percent by part."""
    found = re.findall(
        r"^ *(\S.*?) +([\d,.]+) +([\d.]+) *$", printed.partition("where the training time went")[2], re.M
    )
    return {name: (float(seconds.replace(",", "")), float(percent)) for name, seconds, percent in found}


@pytest.mark.slow
def test_the_table_is_printed_when_it_is_asked_for(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "descriptors", *FAST, "--profile"]) == 0
    rows = table(capsys.readouterr().out)
    assert list(rows) == [*PARTS, REST]
    assert sum(percent for _, percent in rows.values()) == pytest.approx(100, abs=0.5)
    assert 0 < sum(seconds for seconds, _ in rows.values()) <= seconds_of("descriptors")["training"] + 0.05
    assert seconds_of("descriptors")["waiting for data"] == pytest.approx(rows["waiting for data"][0], abs=0.01)
    assert run(["train", "descriptors", *FAST, "--run", "plain"]) == 0
    assert "where the training time went" not in capsys.readouterr().out
    seconds = seconds_of("plain")
    assert 0 < seconds["waiting for data"] < seconds["training"]


@pytest.mark.slow
def test_the_members_of_an_ensemble_are_added_up(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    members = [
        f'{{recipe = "descriptors", name = "m{seed}", settings = {[*FAST[1::2], f"seed={seed}"]}}}' for seed in (1, 2)
    ]
    described = 'name = "both"\nsummary = ""\nsource = ""\n'
    Path("both.toml").write_text(f"{described}members = [{', '.join(members)}]\n")
    assert run(["train", "both.toml", "--profile"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("where the training time went") == 1
    waited = [seconds_of(f"both/members/m{seed}")["waiting for data"] for seed in (1, 2)]
    assert min(waited) > 0
    assert table(printed)["waiting for data"][0] == pytest.approx(sum(waited), abs=0.01)


def test_a_recipe_that_learns_nothing(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "thumbnail", "--profile"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "no training step was taken: there is nothing to profile"
    assert seconds_of("thumbnail")["waiting for data"] == 0
