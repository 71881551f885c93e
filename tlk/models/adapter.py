"""A small head on frozen embeddings: PCA, light whitening, and a learned map that starts as the identity."""

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn

from tlk.models.base import Given
from tlk.models.centred import Centred
from tlk.models.heads import make_head
from tlk.models.registry import AdapterParameters, CentredParameters
from tlk.seeding import derive_seed, generator

# Axes with less than this share of the largest variance are rounding noise, which whitening would blow up.
_RANK_TOLERANCE = 1e-10
_NARROW = 1600  # dimensions up to which a covariance is faster, and exact


class Adapter(Centred):
    """A learned map in a PCA space.

    The PCA is turned by a random rotation: dropout on principal axes would strike out whole directions of meaning at a
    time, on rotated ones it strikes out a little of each. `whitening` is the exponent that the axes' deviations are
    divided by: 0 keeps them, 1 makes all equal.
    """

    projection: Tensor
    projection_mean: Tensor

    def __init__(self, parameters: AdapterParameters, given: Given) -> None:
        super().__init__(CentredParameters(), given)
        self.parameters_ = parameters
        width = parameters.components
        self.register_buffer("projection_mean", torch.zeros(len(self.mean)))
        self.register_buffer("projection", torch.zeros(len(self.mean), width))
        self.dropout = nn.Dropout(parameters.dropout)
        self.head = make_head(parameters.head, width, parameters.rank)

    def fit(self, inputs: Tensor, seed: int) -> None:
        """Fit mean and PCA on `(n, o, d)` training embeddings; components beyond their rank stay zero.

        Of images that are all alike, or a single one, nothing is left: every embedding is then zero, and so is every
        cosine, which counts as a tie.
        """
        super().fit(inputs, seed)
        flat = Centred.reduce(self, inputs).mean(dim=1).numpy()  # an image counts once, whatever its orientations
        width = min(self.parameters_.components, *flat.shape)
        # Two power iterations: the axes that matter stand well apart, and more would take longer than the training.
        narrow = flat.shape[1] <= min(_NARROW, len(flat))
        solver = "covariance_eigh" if narrow else "randomized"
        flat = flat.astype(np.float64) if narrow else flat  # a covariance holds half the digits
        pca = PCA(width, svd_solver=solver, iterated_power=2, random_state=derive_seed(seed, "pca"))
        with np.errstate(invalid="ignore"):  # sklearn divides by a variance of 0 where there is one image, or all alike
            variance = np.nan_to_num(pca.fit(flat).explained_variance_)
        spanned = variance > _RANK_TOLERANCE * variance.max()
        whitened = np.where(spanned, variance, 1) ** (self.parameters_.whitening / -2)
        axes = pca.components_.T * np.where(spanned, whitened, 0)
        rotation = np.linalg.qr(generator(seed, "rotation").normal(size=(width, width)))[0]
        projection = (axes @ rotation).astype(np.float32)
        # Entries of about one: Adam's step is then in proportion to what it changes.
        projection *= np.sqrt(width) / np.linalg.norm((flat - pca.mean_) @ projection, axis=1).mean().clip(1e-12)
        self.projection_mean = torch.from_numpy(pca.mean_).float()
        unused = self.parameters_.components - width
        self.projection = nn.functional.pad(torch.from_numpy(projection), (0, unused))

    def reduce(self, inputs: Tensor) -> Tensor:
        """Return `(…, components)` vectors in the fitted space."""
        centred: Tensor = super().reduce(inputs) - self.projection_mean
        return centred @ self.projection

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the `(…, components)` outputs, not scaled to length 1."""
        outputs: Tensor = self.head(self.dropout(inputs))
        return outputs
