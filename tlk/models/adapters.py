"""One adapter for each group of views; the similarity is the mean of theirs."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from tlk.errors import UserError
from tlk.models.adapter import Adapter
from tlk.models.base import Given, Model
from tlk.models.pair_whitening import PairWhitening
from tlk.models.registry import AdaptersParameters
from tlk.seeding import derive_seed


class Adapters(Model):
    """Adapters side by side, each with a PCA and a linear layer of its own, each trained on its own loss; and, if asked
    for, a whitening behind each PCA, which has an equal say.

    An embedding is the adapters' unit embeddings laid end to end, so that its cosine is the mean of their cosines.

    Raises:
        UserError: `groups` names a view that there is not.
    """

    def __init__(self, parameters: AdaptersParameters, given: Given) -> None:
        super().__init__()
        self.groups = _groups(parameters, given)
        self.sizes = given.sizes
        self.parts = len(self.groups)
        sizes = [tuple(given.sizes[number] for number in group) for group in self.groups]
        self.adapters = nn.ModuleList(Adapter(parameters, Given(size)) for size in sizes)
        count = self.parts if parameters.closed_form else 0
        self.whitenings = nn.ModuleList(PairWhitening(parameters.components) for _ in range(count))

    def fit(self, inputs: Tensor, seed: int) -> None:
        """Fit every adapter on `(n, o, d)` training embeddings, and the whitenings behind them."""
        for number, (adapter, own) in enumerate(self._with_own(inputs)):
            adapter.fit(own, derive_seed(seed, "adapter", number))
            if len(self.whitenings):
                self._whitening(number).fit(adapter.reduce(own), seed)

    def reduce(self, inputs: Tensor) -> Tensor:
        """Return `(…, k × components)` vectors in the fitted spaces, the adapters' and then the whitened."""
        reduced = [adapter.reduce(own) for adapter, own in self._with_own(inputs)]
        whitened = [self._whitening(number).reduce(reduced[number]) for number in range(len(self.whitenings))]
        return torch.cat(reduced + whitened, dim=-1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the `(…, parts × components)` outputs of those that learn, each part scaled to length 1."""
        parts = inputs.chunk(self.parts + len(self.whitenings), dim=-1)
        outputs = [nn.functional.normalize(a(part), dim=-1) for a, part in zip(self.adapters, parts, strict=False)]
        return torch.cat(outputs, dim=-1)

    def embed(self, inputs: Tensor) -> Tensor:
        """Return `(n, e)` unit embeddings of `(n, o, d)` reduced inputs: all parts, of equal length."""
        count = self.parts + len(self.whitenings)
        learned = self(inputs.flatten(0, 1)).float().unflatten(0, inputs.shape[:2]).unflatten(-1, (self.parts, -1))
        fixed = inputs.unflatten(-1, (count, -1))[..., self.parts :, :].float()
        parts = torch.cat([learned, nn.functional.normalize(fixed, dim=-1)], dim=-2).mean(dim=1)
        unit: Tensor = nn.functional.normalize(parts, dim=-1).flatten(-2) / count**0.5
        return unit

    def _with_own(self, inputs: Tensor) -> Iterator[tuple[Adapter, Tensor]]:
        """Yield each adapter with the views that are its own."""
        views = inputs.split(self.sizes, dim=-1)
        for adapter, group in zip(self.adapters, self.groups, strict=True):
            assert isinstance(adapter, Adapter)  # noqa: S101  # nn.ModuleList forgets what it holds
            yield adapter, torch.cat([views[number] for number in group], dim=-1)

    def _whitening(self, number: int) -> PairWhitening:
        whitening = self.whitenings[number]
        assert isinstance(whitening, PairWhitening)  # noqa: S101
        return whitening


def _groups(parameters: AdaptersParameters, given: Given) -> tuple[tuple[int, ...], ...]:
    """Return the places of each group's views, none twice."""
    if not parameters.groups:
        return tuple((place,) for place in range(len(given.sizes)))
    unknown = sorted({number for group in parameters.groups for number in group if number >= len(given.places)})
    if unknown:
        count = len(given.places)
        raise UserError(f"model.groups: there is no view {unknown[0]}\nthe {count} views count from 0 to {count - 1}")
    return tuple(tuple(dict.fromkeys(given.places[number] for number in group)) for group in parameters.groups)
