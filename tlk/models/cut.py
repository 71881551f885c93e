"""A backbone cut above a stage: it goes on from the stage's maps, and what lies below is computed once and kept."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tlk.backbones.depths import stage_number
from tlk.backbones.fold import fold_batch_norm
from tlk.backbones.load import load_backbone
from tlk.backbones.precision import keep_depthwise_exact
from tlk.backbones.stages import as_maps, find_stages, look, pool_cells
from tlk.errors import UserError


class _Injected(nn.Module):
    """Stands where a stage was, and gives what was laid in instead of its work."""

    maps: Tensor

    def forward(self, *arguments: Any, **keywords: Any) -> Tensor:
        return self.maps


class CutBackbone(nn.Module):
    """The stages above `at`, and everything behind them.

    The stages up to the cut are passed by: nothing about a network's own forward pass needs to be known. With `fold`,
    batch norm becomes part of the convolutions, which then train half as fast again.

    Raises:
        UserError: the backbone cannot be cut there.
    """

    def __init__(self, backbone: str, at: str | float, fold: bool = False) -> None:
        super().__init__()
        network = load_backbone(backbone).float()
        picture = torch.zeros(1, *network.pretrained_cfg["input_size"])
        # Not the picture that the cut network will be given: what found a way around the cut would show.
        other = torch.linspace(-2, 2, picture.numel()).view_as(picture)
        if fold:
            network = fold_batch_norm(network, lambda whole: whole(other))
        stages = find_stages(network)
        number = stage_number(at, len(stages))
        maps, expected = look(network, stages[number], other)
        names = {id(module): name for name, module in network.named_modules()}
        for stage in stages[:number]:
            network.set_submodule(names[id(stage)], nn.Identity())
        cut = _Injected()
        network.set_submodule(names[id(stages[number])], cut)
        self.network = network
        self.first = [cut]  # in a list, so that it is not registered twice
        self.width = expected.shape[1]
        self._stages = [*stages[:number], cut, *stages[number + 1 :]]
        self._lowest = number
        self.size = maps[0].numel()  # of the maps, laid out flat
        self._shape = maps.shape[1:]
        self.register_buffer("picture", picture, persistent=False)
        self._check(backbone, maps, expected)
        keep_depthwise_exact(network)
        for module in network.modules():
            if hasattr(module, "inplace"):
                module.inplace = False  # autograd would have to copy what it overwrites

    def _check(self, backbone: str, maps: Tensor, expected: Tensor) -> None:
        """Raise a UserError unless the cut network makes of the stage's output what the whole network made."""
        self.eval()
        try:
            with torch.no_grad():
                same = torch.allclose(self(maps.flatten(1)), expected, atol=1e-4, rtol=1e-3)
        except (RuntimeError, TypeError, AttributeError, ValueError):
            same = False
        if not same:
            raise UserError(
                f"backbone {backbone} cannot be cut at this stage\n"
                "train it on pixels instead (model network), or keep another view"
            )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the network's own `(b, d)` embeddings of `(b, m)` maps laid out flat."""
        maps = inputs.float().unflatten(1, self._shape)
        cut = self.first[0]
        cut.maps = maps.contiguous(memory_format=torch.channels_last) if maps.ndim == 4 else maps
        pooled: Tensor = self.network(self.picture)
        del cut.maps
        return pooled

    def views(self, inputs: Tensor, named: Sequence[tuple[str, int]]) -> list[Tensor]:
        """Return `(b, d)` activations of `(b, m)` maps, each a stage's name and its cells a side, or `final`.

        A stage below the cut is the cut.
        """
        kept: dict[int, Tensor] = {}

        def keep(number: int) -> Any:
            return self._stages[number].register_forward_hook(
                lambda module, args, output: kept.update({number: output})
            )

        numbers = [self._number(at) for at, _ in named]
        handles = [keep(number) for number in {number for number in numbers if number is not None}]
        try:
            final = self(inputs)
        finally:
            for handle in handles:
                handle.remove()
        return [
            final if number is None else pool_cells(as_maps(kept[number], self.network), cells).to(final.device)
            for number, (_, cells) in zip(numbers, named, strict=True)
        ]

    def _number(self, at: str) -> int | None:
        return None if at == "final" else max(self._lowest, stage_number(at, len(self._stages)))
