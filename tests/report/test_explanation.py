"""The picture that explains a similarity."""

import numpy as np
from matplotlib.patches import ConnectionPatch, Rectangle

from tlk.report.drawing import encode
from tlk.report.explanation import Explanation, Link, Side, draw_explanation


def explanation(*links: Link, **changes: object) -> Explanation:
    random = np.random.default_rng(0)
    left = Side("a$b", random.integers(0, 255, (60, 40, 3), np.uint8), np.zeros((16, 16)))
    right = Side("x" * 99, random.integers(0, 255, (30, 80, 3), np.uint8), np.eye(16))
    values = {"similarity": 0.5, "measure": "cosine", "by": "run r", "links": links, "cells": (6, 4)}
    return Explanation(left, right, notes=("Saliency: so. " * 20, "Matches."), **(values | changes))  # type: ignore[arg-type]


def test_links_frame_the_cells_that_they_name() -> None:
    figure = draw_explanation(explanation(Link((0, 0), (5, 3)), Link((2, 1), (1, 0))))
    pair = [axes for axes in figure.axes if axes.patches]
    frames = [[patch.get_bbox().bounds for patch in axes.patches if isinstance(patch, Rectangle)] for axes in pair]
    assert frames[0][0] == (-0.5, -0.5, 10, 10)  # 40 × 60 pixels in 4 × 6 cells
    assert frames[1][0] == (59.5, 24.5, 20, 5)
    assert len(figure.findobj(ConnectionPatch)) == 4  # each with a rim
    numbers = [text.get_text() for text in figure.texts if text.get_text().isdecimal()]
    assert numbers == ["1", "1", "2", "2"]


def test_pictures_keep_their_shapes_and_nothing_overlaps() -> None:
    figure = draw_explanation(explanation(Link((0, 0), (5, 3))))
    width, height = figure.get_size_inches()
    boxes = [axes.get_position() for axes in figure.axes]
    shapes = [box.height * height / (box.width * width) for box in boxes]
    np.testing.assert_allclose(shapes, [1.5, 0.375] * 3, rtol=1e-6)
    assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in boxes)
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    assert any("Matches." in text.get_text() for text in figure.texts)


def test_without_links_it_says_so_and_is_a_png() -> None:
    figure = draw_explanation(explanation())
    assert "none" in [text.get_text() for text in figure.texts]
    assert encode(figure, "png").startswith(b"\x89PNG")
