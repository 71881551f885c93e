"""Several embedders as one."""

import numpy as np

from tlk.embeddings.joined import Joined
from tlk.embeddings.views import View


class Constant:
    """Views of one number each: what the pixels sum to, times a factor; mirrored ones are negative."""

    def __init__(self, factors: tuple[int, ...], batch_size: int) -> None:
        self.batch_size = batch_size
        self.parallel = 1
        self.identity = str(factors)
        self.places = (0, *range(len(factors)))  # two names of the first
        self._values = [*factors, *(-factor for factor in factors)]
        self.views = tuple(View(str(value), ()) for value in self._values)

    def prepare(self, image: np.ndarray) -> int:
        return int(image.sum())

    def compute(self, prepared: list[int]) -> list[np.ndarray]:
        return [np.array([[value * total] for total in prepared], np.float32) for value in self._values]


def test_views_come_orientation_by_orientation() -> None:
    joined = Joined([Constant((1, 2), 8), Constant((5,), 3)], 2)
    assert [view.name for view in joined.views] == ["1", "2", "5", "-1", "-2", "-5"]
    images = [np.full((1, 1, 3), value, np.uint8) for value in (1, 2)]
    outputs = joined.compute([joined.prepare(image) for image in images])
    assert [output.ravel().tolist() for output in outputs] == [[3 * v, 6 * v] for v in (1, 2, 5, -1, -2, -5)]
    assert joined.batch_size == 3
    assert joined.places == (0, 0, 1, 2, 2)


def test_its_identity_is_that_of_all() -> None:
    one = Joined([Constant((1,), 8), Constant((5,), 8)], 2)
    other = Joined([Constant((1,), 8), Constant((6,), 8)], 2)
    assert one.identity != other.identity
