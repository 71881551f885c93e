"""The autoencoder on a backbone's lower part: what it encodes, what it draws, and what of it learns."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tlk.backbones.depths import DEPTHS, stage_number
from tlk.backbones.load import load_backbone
from tlk.backbones.stages import as_maps, look
from tlk.errors import UserError
from tlk.models.base import Given
from tlk.models.registry import TransferAutoencoderParameters
from tlk.models.transfer_autoencoder import TransferAutoencoder

Train = Callable[..., set[str]]
SIDE = 64


def built(backbone: str, side: int = SIDE, **parameters: Any) -> TransferAutoencoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TransferAutoencoder(TransferAutoencoderParameters(backbone=backbone, **parameters), Given(side=side))


def pixels(count: int = 2) -> Tensor:
    random = torch.Generator().manual_seed(3)
    return torch.randint(256, (count, 3, SIDE, SIDE), dtype=torch.uint8, generator=random)


def stage_maps(backbone: str, at: str) -> Tensor:
    """Return what the backbone gives at a depth, counted as timm counts the levels that can be taken out."""
    network = load_backbone(backbone)
    level = network.feature_info[stage_number(at, len(network.feature_info))]
    mean, deviation = (torch.tensor(network.pretrained_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    pictures = (pixels() / 255 - mean) / deviation
    output, _ = look(network, network.get_submodule(level["module"]), pictures)
    if output.ndim == 3:  # its grid is that of smaller pictures here
        return output[:, 1:].transpose(1, 2).unflatten(2, (SIDE // 16, SIDE // 16))
    return as_maps(output, network)


@pytest.mark.parametrize("at", DEPTHS)
def test_the_encoding_is_a_stage_narrowed_and_the_drawing_as_large_as_the_picture(backbone: str, at: str) -> None:
    model = built(backbone, at=at, encoder_filters=6, decoder_filters=4).eval()
    with torch.no_grad():
        expected = model.narrow(stage_maps(backbone, at)).flatten(1)
        torch.testing.assert_close(model(pixels()), expected, rtol=1e-3, atol=1e-4)
        assert model.reconstruct(pixels()).shape == (2, 3, SIDE, SIDE)


@pytest.mark.parametrize("at", DEPTHS)
def test_every_layer_has_a_part_in_the_drawing(backbone: str, at: str) -> None:
    """What lies above the stage is gone: it would be computed for nothing, and learn nothing."""
    model = built(backbone, at=at)
    model.reconstruct(pixels()).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_all_layers_learn_and_no_statistic_moves(backbone: str, train: Train) -> None:
    model = built(backbone)
    assert train(model, pixels(), model.reconstruct) == {name for name, _ in model.named_parameters()}
    model.train()
    assert model.decoder.training
    assert not any(module.training for module in model.backbone.modules())


def test_the_backbone_learns_at_its_own_rate(tiny: str) -> None:
    model = built(tiny, rate=0.25)
    new, backbone = model.parameter_groups(0.1)
    assert (new["lr"], backbone["lr"]) == (0.1, 0.025)
    assert len(new["params"]) + len(backbone["params"]) == len(list(model.parameters()))
    assert {id(p) for p in backbone["params"]} == {id(p) for p in model.backbone.parameters()}


def test_without_pretrained_weights_they_are_drawn(tiny: str) -> None:
    drawn, loaded = built(tiny, pretrained=False), built(tiny)
    name, weight = next(iter(loaded.backbone.named_parameters()))
    assert not torch.equal(dict(drawn.backbone.named_parameters())[name], weight)


def test_a_side_that_does_not_fit_the_strides_is_said(tiny: str) -> None:
    with pytest.raises(UserError, match="makes 4 cells of 50 pixels, which is not a power of 2 fewer"):
        built(tiny, side=50)


def test_a_side_that_the_backbone_does_not_take_is_said() -> None:
    with pytest.raises(UserError, match="backbone test_vit takes no pictures of 50 pixels"):
        built("test_vit", side=50, pretrained=False)


def test_channels_that_stand_last_are_put_first() -> None:
    model = built("swin_tiny_patch4_window7_224", side=224, pretrained=False, at="early")
    assert model.narrow.in_channels == 96
    assert model.decoder[-1].weight.shape[:2] == (3, 16)
    assert len([layer for layer in model.decoder if isinstance(layer, torch.nn.ConvTranspose2d)]) == 2


def test_a_picture_that_comes_alone_is_standardised_by_the_kept_statistics(tiny: str) -> None:
    """Of a single picture with a single cell a batch has no deviation."""
    model = built(tiny, side=32, pretrained=False, at="last")
    picture = pixels(1)[..., :32, :32]
    before = {name: value.clone() for name, value in model.named_buffers()}
    drawn = model.reconstruct(picture)
    drawn.square().mean().backward()
    assert drawn.shape == (1, 3, 32, 32)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
    assert model.backbone.training
    torch.testing.assert_close(drawn, model.eval().reconstruct(picture))
