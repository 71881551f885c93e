"""What a model is given: embeddings in their orientations, pixels in their size."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tlk.data.reader import ImageReader
from tlk.data.source import FolderSource
from tlk.models.adapter import Adapter
from tlk.models.base import Given, Model
from tlk.models.registry import AdapterParameters
from tlk.recipe_schema import PixelParameters
from tlk.training import inputs as module
from tlk.training.inputs import EmbeddingInputs, PixelInputs

SEEDS = np.arange(8)


@pytest.fixture
def vectors() -> Tensor:
    return torch.randn(8, 2, 6, generator=torch.Generator().manual_seed(0)).half()


def test_a_drawn_embedding_has_the_orientation_of_its_seed(vectors: Tensor) -> None:
    images = np.array([5, 5, 0, 7, 2, 2, 2, 1])
    drawn = EmbeddingInputs(vectors).drawn(images, SEEDS)
    assert drawn.dtype == torch.float32
    for row, (image, seed) in enumerate(zip(images, SEEDS, strict=True)):
        assert torch.equal(drawn[row], vectors[image, seed % 2].float())


def test_whole_embeddings_have_all_orientations(vectors: Tensor) -> None:
    whole = EmbeddingInputs(vectors).whole(np.array([3, 3, 0]))
    assert torch.equal(whole, vectors[[3, 3, 0]].float())


def test_the_fixed_part_is_done_once_and_the_numbers_stay(vectors: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 3)
    model, inputs = Adapter(AdapterParameters(components=4), Given((4, 2))), EmbeddingInputs(vectors)
    model.fit(inputs.whole(np.arange(8)), 0)
    images = np.array([7, 1, 1, 4, 5])
    reduced = inputs.reduced(model, images)
    assert torch.equal(reduced.whole(images), model.reduce(vectors[torch.from_numpy(images)]))
    assert torch.equal(inputs.vectors, vectors)


def test_a_model_without_a_fixed_part_takes_them_as_they_are(vectors: Tensor) -> None:
    inputs = EmbeddingInputs(vectors)
    assert inputs.reduced(Model(), np.arange(8)) is inputs


PATHS = [f"{number}.png" for number in range(5)]


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[..., PixelInputs]:
    """Make inputs of five pictures of several sizes, each a colour gradient of its own."""
    for number, path in enumerate(PATHS):
        rows, columns = np.mgrid[: 20 + number, : 40 - number]
        colours = np.stack([rows * 5, columns * 5, np.full_like(rows, 40 * number)], axis=2)
        Image.fromarray(colours.astype(np.uint8)).save(tmp_path / path)

    def make(**settings: object) -> PixelInputs:
        parameters = PixelParameters.model_validate({"size": 16, **settings})
        return PixelInputs(ImageReader(FolderSource(tmp_path)), PATHS, parameters)

    return make


def test_pictures_are_squashed_to_size(pictures: Callable[..., PixelInputs], tmp_path: Path) -> None:
    whole = pictures().whole(np.array([4, 0, 4]))
    assert whole.shape == (3, 1, 3, 16, 16)
    assert whole.dtype == torch.uint8
    expected = np.asarray(Image.open(tmp_path / "4.png").resize((16, 16), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(whole[0, 0].permute(1, 2, 0).numpy(), expected)
    assert torch.equal(whole[0], whole[2])


def test_mirrored_and_grey(pictures: Callable[..., PixelInputs]) -> None:
    whole = pictures(mirrored=True).whole(np.arange(5))
    assert whole.shape == (5, 2, 3, 16, 16)
    assert torch.equal(whole[:, 1], whole[:, 0].flip(-1))
    grey = pictures(colour="grey").whole(np.arange(5))
    assert grey.shape == (5, 1, 1, 16, 16)
    luma = (whole[:, 0].float() * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1)
    assert (grey[:, 0, 0].float() - luma).abs().max() < 3  # rounded before the picture is resized, not after


def test_drawn_pictures_change_with_the_seed_alone(pictures: Callable[..., PixelInputs]) -> None:
    same = np.zeros(8, np.int64)
    assert torch.equal(pictures().drawn(same, SEEDS)[3], pictures().whole(np.array([0]))[0, 0])
    inputs = pictures(augment=("flip", "colour"))
    drawn = inputs.drawn(same, SEEDS)
    assert len({picture.numpy().tobytes() for picture in drawn}) > 4
    assert torch.equal(inputs.drawn(same[:2], SEEDS[[5, 2]]), drawn[[5, 2]])
    assert torch.equal(inputs.whole(same[:1])[0, 0], pictures().whole(same[:1])[0, 0])  # what is held is not changed


def test_pictures_are_read_once_while_there_is_room(
    pictures: Callable[..., PixelInputs], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = ImageReader.prepared

    def prepared(self: ImageReader, paths: list[str], prepare: Callable[[np.ndarray], np.ndarray]) -> object:
        read.extend(paths)
        return real(self, paths, prepare)

    monkeypatch.setattr(ImageReader, "prepared", prepared)
    held = pictures()
    first = held.whole(np.array([1, 2, 1]))
    assert torch.equal(held.whole(np.array([2, 1, 2]))[[1, 0, 1]], first)
    held.drawn(np.array([1, 3]), SEEDS[:2])
    assert read == ["1.png", "2.png", "3.png"]
    monkeypatch.setattr(module, "_HELD_BYTES", 0)
    free = pictures()
    for _ in range(2):
        assert torch.equal(free.whole(np.array([1, 2, 1])), first)
    assert read[3:] == ["1.png", "2.png"] * 2


def test_nothing_is_fixed_about_pixels(pictures: Callable[..., PixelInputs]) -> None:
    inputs = pictures()
    assert inputs.reduced(Model(), np.arange(5)) is inputs
