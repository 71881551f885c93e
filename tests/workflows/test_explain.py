"""From two names to one PNG."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlk.data.competition import Competition
from tlk.errors import UserError
from tlk.workflows.explain import ExplainOptions, explain, strongest
from tlk.workflows.explain_cells import Matches
from tlk.workflows.progress import Silent
from tlk.workflows.workspace import Workspace


@pytest.fixture
def workspace(competition_folder: Path, workspace_folder: Path) -> Workspace:
    return Workspace.here(competition_folder)


def test_one_png_the_same_each_time(workspace: Workspace, tiny_backbone: Path) -> None:
    pairs = Competition(workspace.data).train_pairs()
    files = []
    for name in ("a.png", "deep/b.png"):
        options = ExplainOptions(
            pairs.lefts[0], pairs.rights[0], backbone=f"local-dir:{tiny_backbone}", device="cpu", out=Path(name)
        )
        done = explain(workspace, options, Silent())
        assert -1 <= done.similarity <= 1
        assert done.measure == "cosine"
        files.append(done.out.read_bytes())
    assert files[0] == files[1]
    with Image.open("a.png") as picture:
        assert picture.width > 1200
        assert len(np.unique(np.asarray(picture))) > 100


def test_a_picture_with_itself(workspace: Workspace, tiny_backbone: Path) -> None:
    own = Competition(workspace.data).train_pairs().lefts[0]
    options = ExplainOptions(own, own, backbone=f"local-dir:{tiny_backbone}", device="cpu")
    assert explain(workspace, options, Silent()).similarity == pytest.approx(1, abs=1e-4)


def test_another_ending_is_refused_before_anything_is_done(workspace: Workspace) -> None:
    with pytest.raises(UserError, match=r"--out a\.jpg"):
        explain(workspace, ExplainOptions("nobody", "nobody", out=Path("a.jpg")), Silent())


def test_a_picture_is_never_drawn_over(workspace: Workspace) -> None:
    Path("photos").mkdir()
    files = [Path("photos/p2.png"), Path("photos/p3.png")]
    for shade, file in enumerate(files):
        Image.new("L", (40, 40), 100 * shade).save(file)
    for data in (workspace.data, Path("photos"), Path("none")):
        for names in (("photos/p2.png", "photos/p3.png"), ("photos/p3.png", "photos/p2.png")):
            for out in files:
                before = out.read_bytes()
                with pytest.raises(UserError, match="the command reads it"):
                    explain(Workspace.here(data), ExplainOptions(*names, device="cpu", out=out), Silent())
                assert out.read_bytes() == before


def test_the_strongest_stand_apart() -> None:
    place = np.stack(np.indices((4, 4)), axis=-1)[:, ::-1]
    product = np.arange(16.0).reshape(4, 4)
    mutual = np.ones((4, 4), bool)
    mutual[3, 3] = False
    similarity = np.full((4, 4), 0.5)
    similarity[1, 2] = -0.1
    links = strongest(Matches(place, similarity, mutual, product), 3)
    assert [link.left for link in links] == [(3, 2), (3, 0), (1, 3)]
    assert links[0].right == (3, 1)
