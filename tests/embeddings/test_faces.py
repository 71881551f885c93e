"""Faces: one where there is one, none in texture, the same whatever the thread, and cached like any other view."""

from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage
from PIL import Image

from tlk.data.reader import ImageReader
from tlk.data.source import FolderSource
from tlk.embeddings import faces as module
from tlk.embeddings.embed import embed, fill
from tlk.embeddings.faces import FaceDetector
from tlk.embeddings.store import VectorStore


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def portrait(side: int = 200) -> np.ndarray:
    """The head of an astronaut."""
    return np.asarray(cv2.resize(skimage.data.astronaut()[:300, 70:370], (side, side), interpolation=cv2.INTER_AREA))


def texture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (245, 200, 3), np.uint8)


def drawn_face() -> np.ndarray:
    """Shaded skin, brows, eyes, a nose and a mouth, as a pencil would have them."""
    image = np.full((245, 200, 3), 120, np.uint8)
    cv2.ellipse(image, (100, 125), (68, 92), 0, 0, 360, (205, 205, 205), -1)
    for x in (72, 128):
        cv2.ellipse(image, (x, 92), (20, 6), 0, 0, 360, (70, 70, 70), -1)
        cv2.ellipse(image, (x, 106), (17, 9), 0, 0, 360, (110, 110, 110), -1)
        cv2.circle(image, (x, 106), 7, (30, 30, 30), -1)
    cv2.ellipse(image, (100, 143), (14, 7), 0, 0, 360, (140, 140, 140), -1)
    cv2.ellipse(image, (100, 174), (28, 9), 0, 0, 360, (90, 60, 60), -1)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 3))


def test_one_face_at_any_size(detector: FaceDetector) -> None:
    assert detector.prepare(skimage.data.astronaut()) == 1  # small in the picture
    assert [detector.prepare(portrait(side)) for side in (100, 200, 320)] == [1, 1, 1]
    assert detector.prepare(np.ascontiguousarray(portrait()[:, ::-1])) == 1
    assert detector.prepare(drawn_face()) == 1


def test_two_faces_are_two(detector: FaceDetector) -> None:
    assert detector.prepare(np.vstack([portrait(), portrait()])) == 2
    assert detector.prepare(np.hstack([drawn_face(), drawn_face()])) == 2


def test_no_face_in_texture_or_plain_colour_or_upside_down(detector: FaceDetector) -> None:
    pictures = [texture(0), np.full((245, 200, 3), 200, np.uint8), skimage.data.coffee(), portrait()[::-1].copy()]
    assert [detector.prepare(picture) for picture in pictures] == [0, 0, 0, 0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 512), (512, 2), (30, 40)], ids=str)
def test_odd_shapes_have_no_face_and_no_error(detector: FaceDetector, shape: tuple[int, int]) -> None:
    assert detector.prepare(np.full((*shape, 3), 9, np.uint8)) == 0


def test_one_number_an_image(detector: FaceDetector) -> None:
    (counts,) = detector.compute([1, 0, 2])
    assert counts.dtype == np.float32
    assert counts.tolist() == [[1], [0], [2]]


def test_threads_agree(detector: FaceDetector) -> None:
    pictures = [portrait(), texture(1), drawn_face(), skimage.data.coffee()] * 4
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(detector.prepare, pictures)) == [1, 0, 1, 0] * 4


def test_counts_are_kept_by_content(detector: FaceDetector, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name, picture in (("face", portrait()), ("none", texture(2)), ("again", portrait())):
        Image.fromarray(picture).save(folder / f"{name}.png")
    reader, store = ImageReader(FolderSource(folder)), VectorStore(tmp_path / "store")
    paths = ["face.png", "none.png", "again.png"]
    assert fill(detector, reader, paths, store) == 2
    assert fill(FaceDetector(), reader, paths, store) == 0
    assert embed(detector, reader, paths, store)[0].tolist() == [[1], [0], [1]]


def test_the_view_knows_what_it_is_made_from(detector: FaceDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    (view,) = detector.views
    made_from = dict(view.made_from)
    assert made_from["code"] == detector.identity
    assert f"scikit-image {version('scikit-image')}" in made_from["libraries"]
    assert FaceDetector().views == detector.views
    monkeypatch.setitem(module._SEARCH, "scale_factor", 1.3)
    assert FaceDetector().views[0].fingerprint != view.fingerprint
