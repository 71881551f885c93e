"""Trimmed images: a frame changes nothing any more, and the store cannot mistake one view for the other."""

import numpy as np

from tlk.embeddings.descriptors import DescriptorEmbedder
from tlk.embeddings.trimmed import Trimmed


def test_a_frame_is_no_cue() -> None:
    image = np.random.default_rng(0).integers(60, 200, (80, 60, 3)).astype(np.uint8)
    framed = np.pad(image, ((9, 12), (0, 0), (0, 0)))
    plain = DescriptorEmbedder(["thumbnail-6", "profiles"], mirrored=True)
    trimmed = Trimmed(plain)
    for view, other in zip(plain.views, trimmed.views, strict=True):
        assert view.fingerprint != other.fingerprint
    assert trimmed.identity != plain.identity
    one, two = (trimmed.compute([trimmed.prepare(picture)]) for picture in (image, framed))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.allclose(plain.compute([plain.prepare(framed)])[0], two[0])
