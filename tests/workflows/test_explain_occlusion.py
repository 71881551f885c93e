"""Sight by descriptors: covering what two pictures share costs their similarity."""

import numpy as np
import pytest
import torch

from tlk.embeddings.descriptors import DescriptorEmbedder
from tlk.embeddings.schema import EmbeddingParameters
from tlk.models.base import Given, Model
from tlk.models.centred import Centred
from tlk.models.registry import CentredParameters
from tlk.workflows.explain_occlusion import OcclusionSight, _rows_of_boxes
from tlk.workflows.progress import Silent


def plain(given: Given) -> Model:
    return Centred(CentredParameters(), given)


def sight_of(*names: str, mirrored: bool = False) -> OcclusionSight:
    parameters = EmbeddingParameters(descriptors=names, mirrored=mirrored)  # type: ignore[arg-type]
    embedder = DescriptorEmbedder(parameters.descriptors, mirrored)
    return OcclusionSight(embedder, parameters, plain, torch.device("cpu"), Silent())


@pytest.mark.parametrize("mirrored", [False, True])
def test_saliency_lies_on_the_patch_that_both_have(mirrored: bool) -> None:
    random = np.random.default_rng(0)
    pictures = random.integers(108, 148, (2, 80, 60, 3), np.uint8)
    pictures[:, 48:72, 6:24] = random.integers(0, 255, (6, 6, 3), np.uint8).repeat(4, 0).repeat(3, 1)
    seen = sight_of("grey-layout", "thumbnail", mirrored=mirrored).look(*pictures)
    for saliency in (seen.left, seen.right):
        assert saliency.shape == (80, 60)
        inside = np.zeros(saliency.shape, bool)
        inside[48:72, 6:24] = True
        assert inside[np.unravel_index(saliency.argmax(), saliency.shape)]
        assert saliency[inside].mean() > 3 * saliency[~inside].mean()


def test_the_similarity_is_that_of_the_embedder() -> None:
    left, right = np.random.default_rng(0).integers(0, 255, (2, 70, 70, 3), np.uint8)
    embedder = DescriptorEmbedder(("thumbnail-6", "histogram"), False)
    views = embedder.compute([embedder.prepare(left), embedder.prepare(right)])
    cosines = [float(v[0] @ v[1] / np.linalg.norm(v[0]) / np.linalg.norm(v[1])) for v in views]
    assert sight_of("thumbnail-6", "histogram").look(left, right).similarity == pytest.approx(
        np.mean(cosines), abs=1e-5
    )


def test_what_is_not_there_cannot_be_covered() -> None:
    grey = np.full((40, 40, 3), 128, np.uint8)
    assert not sight_of("thumbnail-6").look(grey, grey).left.any()


@pytest.mark.parametrize("size", [(100, 60), (7, 3), (1, 1)])
def test_every_place_is_covered(size: tuple[int, int]) -> None:
    covered = np.zeros(size, int)
    for boxes in _rows_of_boxes(*size):
        for box in boxes:
            assert covered[box].size
            covered[box] += 1
    assert covered.min() > 0
    if min(size) > 10:
        assert (covered == 4).all()
