"""The places that commands work in, as the environment names them."""

from pathlib import Path

import pytest

from tlk.workflows.workspace import Workspace


def test_settings_may_name_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook's %env expands nothing, and a folder called ~ is dangerous to remove."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("TLK_DATA", "~/data.zip")
    monkeypatch.setenv("TLK_CACHE", "~/cache")
    here = Workspace.here()
    assert (here.data, here.cache) == (tmp_path / "data.zip", tmp_path / "cache")
