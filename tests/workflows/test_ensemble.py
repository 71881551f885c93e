"""Which runs may be blended: those that score the same pairs in the same folds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tlk.errors import UserError
from tlk.files import write_json
from tlk.recipe import load_recipe
from tlk.workflows.ensemble import require_same_pairs
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.run import Run

IDS = np.array([f"id{n}" for n in range(40)])
SIDE = np.eye(40, 4)
OOF = OutOfFold(IDS, IDS, np.arange(40) % 2, SIDE, SIDE, np.empty(0, np.float32), 5, 20)


def run_with(folder: Path, oof: OutOfFold, fingerprint: str = "x") -> Run:
    folder.mkdir()
    write_json(folder / "manifest.json", {"data": {"name": "d", "fingerprint": fingerprint}, "embedding": "e"})
    oof.write(folder / "oof.npz")
    found = Run(folder)
    found.write_recipe(load_recipe("thumbnail"))
    return found


def test_runs_of_the_same_pairs_may_be_blended(tmp_path: Path) -> None:
    require_same_pairs([run_with(tmp_path / name, OOF) for name in ("one", "two", "three")])


@pytest.mark.parametrize(
    ("oof", "fingerprint", "message"),
    [
        (OOF, "y", "one and two were trained on different images"),
        (replace(OOF, list_seed=6), "x", "one and two stand on other folds or another split"),
        (replace(OOF, query_ids=IDS[::-1]), "x", "one and two stand on other pairs"),
        (replace(OOF, gallery_ids=IDS[::-1]), "x", "one and two stand on other pairs"),
    ],
)
def test_others_are_refused(tmp_path: Path, oof: OutOfFold, fingerprint: str, message: str) -> None:
    one, two = run_with(tmp_path / "one", OOF), run_with(tmp_path / "two", oof, fingerprint)
    with pytest.raises(UserError, match=message):
        require_same_pairs([one, two])
