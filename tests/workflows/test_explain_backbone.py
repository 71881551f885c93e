"""Sight by a backbone: as the engine embeds, for any kind of network and head, and in its pixels' own places."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr

from tlk.data.images import decode_image
from tlk.embeddings.backbone import BackboneEmbedder
from tlk.embeddings.schema import EmbeddingParameters, ViewOfBackbone
from tlk.models.base import Given, Model
from tlk.models.registry import MODELS
from tlk.registry import parameters_of
from tlk.workflows.explain_backbone import BackboneSight
from tlk.workflows.explain_cells import match_cells

CPU = torch.device("cpu")
POOLED = (ViewOfBackbone(at="middle", cells=2), ViewOfBackbone(at="last", inside=False), ViewOfBackbone(at="final"))
MAPS = (ViewOfBackbone(at="upper", maps=True),)
LEFT, RIGHT = np.random.default_rng(0).integers(0, 255, (2, 50, 40, 3), np.uint8)
HEADS = {
    "centred": ({}, POOLED),
    "adapter": ({"components": 8}, POOLED),
    "adapters": ({"components": 8, "closed_form": True}, POOLED),
    "adaptation": ({"hidden": 8}, POOLED),
    "same_artist": ({}, MAPS),
    "tail": ({"dimensions": 8}, MAPS),
    "tuned_adapters": ({"components": 8}, MAPS),
}


def sight_of(
    folder: Path, tmp_path: Path, name: str = "centred", mirrored: bool = False
) -> tuple[BackboneSight, BackboneEmbedder]:
    settings, views = HEADS[name]
    parameters = EmbeddingParameters(backbone=f"local-dir:{folder}", views=views, mirrored=mirrored)
    embedder = BackboneEmbedder(parameters.backbone or "", views, mirrored, CPU, tmp_path)

    def load(given: Given) -> Model:
        model_class, chosen = parameters_of({"name": name} | settings, MODELS)
        torch.manual_seed(0)
        model: Model = model_class(chosen, given)
        for tensor in model.state_dict().values():  # as if it had been fitted
            if tensor.is_floating_point() and not tensor.any():
                tensor.normal_()
        return model

    return BackboneSight(embedder, parameters, load, CPU), embedder


@pytest.mark.parametrize("name", HEADS)
def test_every_head_has_gradients_on_both_pictures(tiny_backbone: Path, tmp_path: Path, name: str) -> None:
    sight, _ = sight_of(tiny_backbone, tmp_path, name, mirrored=name != "same_artist")
    seen = sight.look(LEFT, RIGHT)
    assert np.isfinite(seen.similarity)
    for saliency in (seen.left, seen.right):
        assert saliency.max() == 1
        assert 0 <= saliency.min() < 0.5
    channels, height, width = sight.cells(LEFT).shape
    assert channels > 8
    assert height == width > 1


def test_every_kind_of_network(backbone_folder: Path, tmp_path: Path) -> None:
    sight, _ = sight_of(backbone_folder, tmp_path)
    assert sight.look(LEFT, RIGHT).left.max() == 1
    assert match_cells(sight.cells(LEFT), sight.cells(LEFT)).mutual.all()


@pytest.mark.parametrize("mirrored", [False, True])
def test_embeddings_are_those_of_the_engine(tiny_backbone: Path, tmp_path: Path, mirrored: bool) -> None:
    sight, embedder = sight_of(tiny_backbone, tmp_path, "adapter", mirrored)
    own = sight.embed(sight.inputs(LEFT)).detach().numpy()
    vectors = np.concatenate(embedder.compute([embedder.prepare(LEFT)]), axis=1)
    turns = torch.from_numpy(vectors.reshape(1, 1 + mirrored, -1))
    expected = sight.model.embed(sight.model.reduce(turns)).detach().numpy()
    np.testing.assert_allclose(own, expected, atol=2e-3)


def test_other_weights_another_saliency(tiny_backbone: Path, tmp_path: Path) -> None:
    sight, embedder = sight_of(tiny_backbone, tmp_path)
    first, again = (sight.look(LEFT, RIGHT).left for _ in range(2))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for module in embedder.model.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
    other = sight.look(LEFT, RIGHT).left
    assert spearmanr(first.ravel(), again.ravel()).statistic > 0.999
    assert spearmanr(first.ravel(), other.ravel()).statistic < 0.7


@pytest.fixture
def shared() -> Path:
    folder = Path(os.environ.get("TLK_SHARED", ""))
    if not (os.environ.get("TLK_SHARED") and (folder / "weights/mobilenetv2_100.keras_in1k").is_dir()):
        pytest.skip("TLK_SHARED names no folder with weights")
    return folder


def test_trained_weights_look_at_the_patch_and_match_its_mirror(shared: Path, tmp_path: Path) -> None:
    sight, _ = sight_of(shared / "weights/mobilenetv2_100.keras_in1k", tmp_path)
    face = decode_image((shared / "tll/train/left/aey.jpg").read_bytes(), "face")
    small = np.asarray(Image.fromarray(face).resize((80, 80)))
    pictures = []
    for row, column in ((20, 120), (120, 20)):  # of 224 pixels: the same face, planted at two places
        picture = np.full((224, 224, 3), 128, np.uint8)
        picture[row : row + 80, column : column + 80] = small
        pictures.append(picture)
    seen = sight.look(*pictures)
    for saliency, (row, column) in ((seen.left, (20, 120)), (seen.right, (120, 20))):
        inside = np.zeros(saliency.shape, bool)
        inside[row : row + 80, column : column + 80] = True
        assert saliency[inside].mean() > 2 * saliency[~inside].mean()
    mirror = match_cells(sight.cells(face), sight.cells(np.ascontiguousarray(face[:, ::-1])))
    expected = np.stack(np.indices(mirror.similarity.shape), axis=-1)
    expected[..., 1] = mirror.similarity.shape[1] - 1 - expected[..., 1]
    assert (np.abs(mirror.place - expected).max(axis=-1) <= 1).mean() > 0.8
