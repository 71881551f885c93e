"""Drawn pictures as JPEG files of one kind."""

import cv2
import numpy as np

QUALITY = 88


def to_jpeg(image: np.ndarray) -> bytes:
    """Return the (h, w, 3) uint8 RGB `image` as a JPEG file."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(data.tobytes())
