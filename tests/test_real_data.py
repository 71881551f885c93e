"""The competition's own data, where they lie in tll/ below TLK_TEST_DATA; skipped elsewhere."""

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REAL_DATA
from tlk.cli.main import run
from tlk.data.competition import Competition
from tlk.data.reader import ImageReader
from tlk.workflows.out_of_fold import OutOfFold

FOLDER = REAL_DATA / "tll"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (FOLDER / "train.csv").is_file(), reason="the competition data are not here"),
]


def test_tables_and_images_are_read_as_distributed() -> None:
    competition = Competition(FOLDER)
    pairs, lists = competition.train_pairs(), competition.test_lists()
    assert len(lists) == 2000
    assert lists.length == 20
    assert len(lists.gallery) == 2000
    assert len(set(pairs.lefts)) == len(pairs) >= 1500
    paths = competition.paths("train/left", pairs.lefts[:50])
    assert {image.shape for image in ImageReader(competition.source).images(paths)} == {(245, 200, 3)}


def test_the_thumbnail_stands_where_it_was_measured(workspace_folder: Path) -> None:
    """Untrained colour thumbnails reach about .28 top-2 on these pairs, well above the chance of .10."""
    pairs = Competition(FOLDER).train_pairs()
    rows = [
        f"{left},{right},{i},{i % 5}" for i, (left, right) in enumerate(zip(pairs.lefts, pairs.rights, strict=True))
    ]
    Path("folds.csv").write_text("left,right,group,fold\n" + "\n".join(rows) + "\n")
    assert run(["train", "thumbnail", "--data", str(FOLDER), "--folds", "folds.csv"]) == 0
    oof = OutOfFold.read(Path("runs/thumbnail/oof.npz"))
    assert np.allclose(np.linalg.norm(oof.queries, axis=1), 1, atol=1e-3)
    from tlk.workflows.evaluate import outcomes

    assert 0.25 < outcomes(oof).expected(2).mean() < 0.33
