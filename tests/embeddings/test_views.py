"""Views and their fingerprints."""

import numpy as np
import pytest

from tlk.embeddings.views import View, digest, unit


def test_a_fingerprint_depends_on_everything_a_view_is_made_from() -> None:
    views = [
        View("a", (("weights", "1"),)),
        View("b", (("weights", "1"),)),
        View("a", (("weights", "2"),)),
        View("a", (("weight", "s1"),)),
        View("a", (("weights", "1"), ("pooling", "mean"))),
        View("a", ()),
    ]
    assert len({view.fingerprint for view in views}) == len(views)
    assert View("a", (("weights", "1"),)).fingerprint == views[0].fingerprint
    assert len(views[0].fingerprint) == 32


def test_a_digest_depends_on_the_bytes_in_order() -> None:
    assert digest([b"a", b"b"]) == digest(iter([b"a", b"b"]))
    assert digest([b"a", b"b"]) != digest([b"b", b"a"])
    assert digest([]) != digest([b"\0"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unit_vectors_have_length_1_and_zero_stays_zero(dtype: type[np.floating]) -> None:
    vectors = np.array([[[3, 4], [0, 0]], [[-1, 0], [1e-20, 0]]], dtype)
    result = unit(vectors)
    assert result.dtype == dtype
    assert np.allclose(result, [[[0.6, 0.8], [0, 0]], [[-1, 0], [1, 0]]])
