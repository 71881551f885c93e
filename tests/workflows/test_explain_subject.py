"""Which model is explained, and what is said of it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import SharedFolder
from tests.workflows.conftest import Notes
from tlk.data.images import decode_image
from tlk.embeddings.schema import EmbeddingParameters, ViewOfBackbone
from tlk.errors import UserError
from tlk.files import write_json
from tlk.workflows.checksums import CHECKSUMS
from tlk.workflows.ensemble import EnsembleOptions, ensemble
from tlk.workflows.explain_occlusion import OcclusionSight
from tlk.workflows.explain_pixels import PixelSight
from tlk.workflows.explain_sight import GradientSight
from tlk.workflows.explain_subject import Subject, _embedded, _plain, subject_of
from tlk.workflows.progress import Silent
from tlk.workflows.run import Run
from tlk.workflows.train import train
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace

PIXELS = """
name = "pixels"
summary = "s"
source = "s"
pixels = { size = 16, colour = "grey" }
model = { name = "convnet", filters = [4], kernels = [3], dense = [4] }
loss = { name = "info_nce", temperature = 0.1 }
training = { epochs = 1, batch_size = 32 }
"""
VERDICT = ('embedding={mirrored=false, trimmed=true, descriptors=["thumbnail-6"]}', "split=folds", "training.epochs=1")
LEFT, RIGHT = np.random.default_rng(0).integers(0, 255, (2, 40, 40, 3), np.uint8)


@pytest.fixture(scope="module")
def trained(competition_folder: Path, shared_folder: SharedFolder) -> Path:
    """A workspace with a run on descriptors, one of a verdict, one on pixels, and a blend."""

    def make(folder: Path) -> None:
        Path("pixels.toml").write_text(PIXELS)
        workspace = Workspace(competition_folder, Path("runs"), Path(".tlk"))
        for recipe, name, settings in (
            ("thumbnail", "thumbnail", ()),
            ("adaptation", "verdict", VERDICT),
            ("pixels.toml", "pixels", ()),
        ):
            train(workspace, TrainOptions(recipe=recipe, run=name, settings=tuple(settings)), Silent())
        ensemble(workspace, ["thumbnail", "pixels"], EnsembleOptions(run="blend", weights="equal"))

    return shared_folder("explained", make)


@pytest.fixture
def workspace(trained: Path, competition_folder: Path, tmp_path: Path) -> Workspace:
    """A copy of it, whose runs may be changed."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return Workspace(competition_folder, tmp_path / "runs", tmp_path / ".tlk")


def of(workspace: Workspace, run: str | None = None, backbone: str | None = None) -> tuple[Subject, list[str]]:
    notes = Notes()
    return subject_of(workspace, run, backbone, "cpu", notes), notes.notes


def test_the_first_of_several_models(workspace: Workspace) -> None:
    subject, notes = of(workspace, "pixels")
    assert subject.name == "run pixels, the model of fold 1 of 5"
    assert isinstance(subject.sight, PixelSight)
    assert subject.measure == "cosine"
    assert not notes
    assert subject.sight.look(LEFT, RIGHT).left.shape == (16, 16)


@pytest.mark.parametrize("name", ["pixels", "thumbnail"])
def test_a_pair_of_the_data_is_explained_by_the_model_that_saw_neither(name: str, workspace: Workspace) -> None:
    oof = Run(workspace.runs / name).out_of_fold()
    one, two = np.flatnonzero(oof.fold == 2)[:2]
    paths = (f"train/left/{oof.query_ids[one]}.jpg", f"train/right/{oof.gallery_ids[two]}.jpg")
    subject = subject_of(workspace, name, None, "cpu", Silent(), paths)
    assert subject.name == f"run {name}, the model of fold 3 of 5, which saw neither"
    seen = subject.sight.look(*(decode_image((workspace.data / path).read_bytes(), path) for path in paths))
    expected = oof.scorer.similarity(oof.queries[[one]], oof.gallery[[two]])[0, 0]
    assert seen.similarity == pytest.approx(float(expected), abs=2e-3)
    elsewhere = f"train/right/{oof.gallery_ids[np.flatnonzero(oof.fold == 1)[0]]}.jpg"
    other = subject_of(workspace, name, None, "cpu", Silent(), (paths[0], elsewhere))
    assert other.name == f"run {name}, the model of fold 1 of 5"  # no model saw neither


def test_a_verdict_on_what_is_trimmed(workspace: Workspace) -> None:
    subject, _ = of(workspace, "verdict")
    assert subject.trimmed
    assert subject.measure == "logit of a match"
    assert isinstance(subject.sight, OcclusionSight)
    assert np.isfinite(subject.sight.look(LEFT, RIGHT).similarity)


def test_the_heaviest_member_of_an_ensemble(workspace: Workspace) -> None:
    run = Run(workspace.runs / "blend")
    blend = run.blend()
    assert blend is not None
    weights = {"thumbnail": 0.2, "pixels": 0.7}
    members = [member.model_copy(update={"weight": weights[member.run]}) for member in blend.members]
    (run.folder / CHECKSUMS).unlink()  # made by hand from here on
    run.write_blend(blend.model_copy(update={"members": tuple(members)}))
    assert of(workspace, "blend")[0].name == "run blend, its heaviest member pixels, the model of fold 1 of 5"


def test_the_best_run_where_none_is_named(workspace: Workspace) -> None:
    subject, notes = of(workspace)
    assert subject.name.startswith("run ")
    assert notes[0].startswith("explaining run ")


def test_a_frozen_backbone(workspace: Workspace, tiny_backbone: Path) -> None:
    subject, _ = of(workspace, backbone=f"local-dir:{tiny_backbone}")
    assert isinstance(subject.sight, GradientSight)
    assert subject.sight.look(LEFT, RIGHT).left.max() == 1


def test_without_runs_and_weights_descriptors(workspace: Workspace, tmp_path: Path) -> None:
    subject, notes = of(Workspace(workspace.data, tmp_path / "none", tmp_path / ".tlk"))
    assert subject.name == "descriptors of shape and colour"
    assert isinstance(subject.sight, OcclusionSight)
    assert "no run" in notes[-1]


def test_descriptors_beside_a_backbone_have_its_cells(workspace: Workspace, tiny_backbone: Path) -> None:
    views = (ViewOfBackbone(at="final"),)
    both = EmbeddingParameters(backbone=f"local-dir:{tiny_backbone}", views=views, descriptors=("thumbnail-6",))
    sight = _embedded(both, _plain, workspace, torch.device("cpu"), Silent())
    assert isinstance(sight, OcclusionSight)
    assert "backbone" in sight.regions
    assert sight.cells(LEFT).shape[0] > 50
    assert sight.model.sizes[1] == 6 * 6 * 3  # type: ignore[index]


def test_faults(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="one of the two"):
        of(workspace, "pixels", "resnet50")
    with pytest.raises(UserError, match="no run 'nobody'"):
        of(workspace, "nobody")
    run = Run(workspace.runs / "pixels")
    (run.folder / CHECKSUMS).unlink()  # made by hand from here on
    write_json(run.folder / "manifest.json", run.manifest() | {"embedding": "other"})
    with pytest.raises(UserError, match="trained with other code"):
        of(workspace, "pixels")
