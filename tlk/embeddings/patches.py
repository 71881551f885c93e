"""Which of a codebook's patches a picture is made of, and where: local texture and colour, finer than gradients.

The codebook lies beside this file: k-means centres of whitened 6 × 6 patches of four photographs that come with
scikit-image, neither the competition's pictures nor any network's weights. `python -m tlk.embeddings.patches` learns it
again.

Source: Coates, Lee and Ng, *An Analysis of Single-Layer Networks in Unsupervised Feature Learning*, 2011.
"""

from functools import cache
from pathlib import Path

import cv2
import numpy as np

CODEBOOK = Path(__file__).with_name("patches.npz")
SIDE, PATCH, CENTRES, CELLS = 65, 6, 400, 4
_PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
_CONTRAST, _WHITENING = 10.0, 0.1  # what is added to variances, so that flat patches and rare directions stay small


def patches(image: np.ndarray) -> np.ndarray:
    """Return how alike the patches in each of 4 × 4 cells are to each of 400 centres, of an `(h, w, 3)` uint8 image.

    A centre counts where it is nearer than centres are on average; square roots keep a few large ones from having all
    the say.
    """
    mean, whitening, centres = _codebook()
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    whitened = (_normalised(_windows(small)) - mean) @ whitening  # (n, 108)
    squares = (whitened**2).sum(axis=1, keepdims=True) + (centres**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares - 2 * whitened @ centres.T, 0))
    nearer = np.maximum(distances.mean(axis=1, keepdims=True) - distances, 0)
    side = (SIDE - PATCH + 1) // CELLS
    cells = nearer.reshape(CELLS, side, CELLS, side, CENTRES).mean(axis=(1, 3))
    return np.asarray(np.sqrt(cells).ravel())


def _windows(image: np.ndarray) -> np.ndarray:
    """Return the `(n, 108)` float32 patches of an image, row by row."""
    views = np.lib.stride_tricks.sliding_window_view(image, (PATCH, PATCH), axis=(0, 1))
    return views.reshape(-1, 3 * PATCH * PATCH).astype(np.float32)


def _normalised(windows: np.ndarray) -> np.ndarray:
    """Return patches without their brightness and contrast."""
    centred = windows - windows.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.sqrt(centred.var(axis=1, keepdims=True) + _CONTRAST))


@cache
def _codebook() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.load(CODEBOOK, allow_pickle=False) as arrays:
        return arrays["mean"], arrays["whitening"], arrays["centres"]


def learn_codebook() -> dict[str, np.ndarray]:
    """Return the mean and whitening of patches, and the centres of k-means among them."""
    from skimage import data
    from sklearn.cluster import KMeans

    found = []
    for name in _PHOTOGRAPHS:
        photograph = np.asarray(getattr(data, name)())
        for side in (64, 96, 128):
            small = cv2.resize(photograph, (side, side), interpolation=cv2.INTER_AREA)
            found += [_windows(small), _windows(small[:, ::-1])]
    every = _normalised(np.concatenate(found))
    chosen = every[np.random.default_rng(0).permutation(len(every))[:60_000]].astype(np.float64)
    mean = chosen.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(chosen.T, bias=True))
    whitening = axes / np.sqrt(variances + _WHITENING) @ axes.T
    centres = KMeans(CENTRES, n_init=1, max_iter=50, random_state=0).fit((chosen - mean) @ whitening).cluster_centers_
    return {"mean": mean, "whitening": whitening, "centres": centres}


if __name__ == "__main__":
    learned = {name: array.astype(np.float32) for name, array in learn_codebook().items()}
    np.savez(CODEBOOK, mean=learned["mean"], whitening=learned["whitening"], centres=learned["centres"])
