"""Handing a submission to Kaggle's client: a program of the test's own stands in for it."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from tlk.data.competition import Competition
from tlk.errors import UserError
from tlk.files import write_text
from tlk.submission import format_submission
from tlk.workflows.submit import submit
from tlk.workflows.workspace import Workspace

FILE = Path("submissions/a.csv")
MESSAGE = "-m; $(touch hacked) 'quoted'"


@pytest.fixture
def workspace(competition_folder: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A valid submission, no network forbidden, and neither client nor credentials."""
    lists = Competition(competition_folder).test_lists()
    scores = np.random.default_rng(0).normal(size=(len(lists), lists.length))
    write_text(FILE, format_submission(lists.queries, scores))
    for name in ("TLK_OFFLINE", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN", "KAGGLE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(workspace_folder))
    monkeypatch.setenv("PATH", str(workspace_folder / "bin"))
    monkeypatch.setattr(sys, "executable", str(workspace_folder / "venv/bin/python"))
    return Workspace.here(competition_folder)


def client(script: str, place: Path = Path("bin")) -> None:
    """Put a program called kaggle there."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "kaggle").write_text(f"#!/bin/sh\n{script}\n")
    (place / "kaggle").chmod(0o755)


def credentials() -> None:
    write_text(Path(".kaggle/kaggle.json"), '{"username": "me", "key": "secret"}')


GOOD = """
for word in "$@"; do echo "$word" >> told; done
echo "100%|##########| 1.0k/1.0k [00:01<00:00]" >&2
echo "Successfully submitted to Drawn"
"""


@pytest.mark.parametrize("place", ["bin", "venv/bin"])
def test_a_valid_file_is_handed_over_word_by_word(workspace: Workspace, place: str) -> None:
    client(GOOD, Path(place))
    credentials()
    assert submit(workspace, FILE, "drawn-alike", MESSAGE) == "Successfully submitted to Drawn"
    expected = ["competitions", "submit", "--competition=drawn-alike", f"--file={FILE}", f"--message={MESSAGE}"]
    assert Path("told").read_text().splitlines() == expected
    assert not Path("hacked").exists()


def test_nothing_is_started_where_something_is_missing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand = "www.kaggle.com/competitions/drawn-alike/submit"
    with pytest.raises(UserError, match=rf"client is not installed\npip install 'tlk\[kaggle\]', or .*{by_hand}"):
        submit(workspace, FILE, "drawn-alike", "m")
    client(GOOD)
    monkeypatch.setenv("KAGGLE_USERNAME", "me")  # without a key
    with pytest.raises(UserError, match=rf"no credentials for Kaggle\nput the kaggle.json (.|\n)*{by_hand}"):
        submit(workspace, FILE, "drawn-alike", "m")
    monkeypatch.setenv("KAGGLE_KEY", "secret")
    with pytest.raises(UserError, match=r"'\.\./x' is not the name of a competition"):
        submit(workspace, FILE, "../x", "m")
    monkeypatch.setenv("TLK_OFFLINE", "1")
    with pytest.raises(UserError, match="TLK_OFFLINE=1 forbids it"):
        submit(workspace, FILE, "drawn-alike", "m")
    write_text(FILE, FILE.read_text().replace("c19", "c20"))
    with pytest.raises(UserError, match=r"a.csv: wrong header"):
        submit(workspace, FILE, "drawn-alike", "m")
    assert not Path("told").exists()


@pytest.mark.parametrize(
    "where", [{"KAGGLE_USERNAME": "me", "KAGGLE_KEY": "s"}, {"KAGGLE_API_TOKEN": "s"}, {"KAGGLE_CONFIG_DIR": ".kaggle"}]
)
def test_credentials_are_found_where_the_client_looks(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, where: dict[str, str]
) -> None:
    client(GOOD)
    credentials()
    monkeypatch.setenv("HOME", os.devnull)
    with pytest.raises(UserError, match="no credentials"):
        submit(workspace, FILE, "drawn-alike", "m")
    for name, value in where.items():
        monkeypatch.setenv(name, value)
    submit(workspace, FILE, "drawn-alike", "m")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'Could not find competition - please verify'; exit 0", "Could not find competition"),
        ("echo 'at first'; echo 'line'; echo \"401 for $KAGGLE_KEY\" >&2; exit 1", "401 for …"),
        ("exit 3", "it ended with 3"),
    ],
)
def test_what_kaggle_refuses_is_said_without_a_secret(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    client(script)
    monkeypatch.setenv("KAGGLE_USERNAME", "me")
    monkeypatch.setenv("KAGGLE_KEY", "top-secret")
    with pytest.raises(UserError, match=rf"Kaggle has not taken submissions/a.csv: {why}") as raised:
        submit(workspace, FILE, "drawn-alike", "m")
    assert "top-secret" not in str(raised.value)
