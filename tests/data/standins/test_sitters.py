"""Sitters: who they are, what is written of their pose, and pictures of one that look alike."""

import cv2
import numpy as np
import pytest

from tlk.data.standins.hands import draw_hand
from tlk.data.standins.sitters import SITTERS, another_view, draw_portrait, draw_sitter, in_technique
from tlk.seeding import generator


def test_names_differ_and_the_first_is_george():
    sitters = [draw_sitter(0, number) for number in range(SITTERS)]
    assert len({sitter.name for sitter in sitters}) == SITTERS
    assert (sitters[0].name, sitters[0].female) == ("George Example", False)
    assert sum(sitter.female for sitter in sitters) == SITTERS / 2


def test_portraits_of_one_sitter_are_more_alike_than_of_two():
    def outline(sitter: int, index: int) -> np.ndarray:
        # Few details and no colour, so that this is about people rather than about hands.
        hand = draw_hand(0, 100 + index)
        image, _ = draw_portrait(people[sitter], hand, generator(0, "portrait", sitter, index))
        small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (24, 28), interpolation=cv2.INTER_AREA).ravel()
        centred = small - small.mean()
        return centred / np.linalg.norm(centred)

    people = [draw_sitter(0, number) for number in range(24)]
    firsts, seconds = (np.array([outline(sitter, index) for sitter in range(24)]) for index in (0, 1))
    likeness = firsts @ seconds.T
    beaten = np.mean(likeness >= np.diag(likeness)[:, None])
    assert beaten < 0.4  # chance is one half


def test_the_pose_is_that_of_the_picture():
    """A face that looks left stands right of the middle: a sitter's silhouette must follow the words."""
    sitter, hand = draw_sitter(0, 2), draw_hand(0, 1)
    places: dict[str, list[float]] = {"left": [], "front": [], "right": []}
    for index in range(40):
        image, pose = draw_portrait(sitter, hand, generator(0, "pose", index))
        extent, _, side = pose.partition(" facing ")
        assert extent in ("bust", "head")
        columns = np.abs(cv2.Sobel(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_32F, 1, 0)).mean(0)
        places[side].append(float((columns * np.linspace(0, 1, len(columns))).sum() / columns.sum()))
    assert min(map(len, places.values())) > 5
    assert np.mean(places["left"]) > np.mean(places["front"]) > np.mean(places["right"])


@pytest.mark.parametrize("technique", ["Print", "Drawing"])
def test_prints_and_drawings_have_one_pigment_and_show_the_picture(technique: str):
    random = generator(0, technique)
    image, _ = draw_portrait(draw_sitter(0, 0), draw_hand(0, 3), random)
    sheet = in_technique(image, technique, random)
    assert (sheet.shape, sheet.dtype) == (image.shape, image.dtype)
    flat = sheet.reshape(-1, 3) - sheet.reshape(-1, 3).mean(0)
    strengths = np.linalg.svd(flat, compute_uv=False)
    assert strengths[1] < 0.05 * strengths[0]  # all colours lie between paper and ink
    assert in_technique(image, "Painting", random) is image


def test_another_view_is_nearer():
    image, _ = draw_portrait(draw_sitter(0, 0), draw_hand(0, 3), generator(0, "view"))
    again = another_view(image, generator(0, "again"))
    assert 0.45 < again[..., 0].size / image[..., 0].size < 0.85
