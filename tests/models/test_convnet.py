"""Convolutional networks from pixels: the layers are those of the founding documents."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from tlk.errors import UserError
from tlk.models.base import Given
from tlk.models.convnet import ConvNet
from tlk.models.registry import MODELS, ConvNetParameters
from tlk.recipe import load_recipe
from tlk.registry import parameters_of


def of_recipe(name: str, *settings: str) -> ConvNet:
    recipe = load_recipe(name, settings)
    assert recipe.pixels is not None
    model_class, parameters = parameters_of(recipe.model, MODELS)
    model: ConvNet = model_class(parameters, Given(channels=3, side=recipe.pixels.size))
    return model


def small(side: int = 16, **parameters: Any) -> ConvNet:
    given = {"filters": (4, 6), "kernels": (3,), "dense": (5,), **parameters}
    return ConvNet(ConvNetParameters(**given), Given(side=side))


def pixels(count: int = 2, side: int = 16, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, 3, side, side), dtype=torch.uint8, generator=random)


def weights(model: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(p.shape) for p in model.parameters() if p.ndim > 1]


def kinds(model: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in model.modules() if not list(layer.children())]


def test_siamese_scratch_is_64_filters_of_5_and_128_of_3() -> None:
    model = of_recipe("siamese-scratch")
    assert weights(model) == [(64, 3, 5, 5), (128, 64, 3, 3), (128, 128 * 16 * 16)]
    assert kinds(model)[:6] == ["Conv2d", "ReLU", "MaxPool2d"] * 2
    torch.testing.assert_close(model.eval()(pixels(side=64)).norm(dim=1), torch.ones(2))


def test_its_variant_with_more_dense_layers() -> None:
    model = of_recipe("siamese-scratch", "model.dense=[512,256,128]")
    assert weights(model)[2:] == [(512, 128 * 16 * 16), (256, 512), (128, 256)]


@pytest.mark.parametrize("name", ["portrait-contrastive", "portrait-triplet"])
def test_portraits_are_three_blocks_and_two_dense_layers(name: str) -> None:
    model = of_recipe(name)
    flat = 128 * 28 * 28  # 224 halved three times
    assert weights(model) == [(32, 3, 3, 3), (64, 32, 3, 3), (128, 64, 3, 3), (512, flat), (128, 512)]
    assert kinds(model)[:9] == ["Conv2d", "ReLU", "MaxPool2d"] * 3


def test_from_scratch_keeps_a_layout_of_four_by_four() -> None:
    model = of_recipe("from-scratch")
    assert weights(model)[-1] == (256, 128 * 4 * 4)
    assert kinds(model).count("BatchNorm2d") == kinds(model).count("Conv2d") == 6
    assert kinds(model).count("MaxPool2d") == 2  # none behind the last block
    assert all(layer.bias is None for layer in model.modules() if isinstance(layer, nn.Conv2d))


def test_the_output_is_the_layers_by_hand() -> None:
    model = small(unit_length=False).eval()
    first, second = (layer for layer in model.modules() if isinstance(layer, nn.Conv2d))
    dense = next(layer for layer in model.modules() if isinstance(layer, nn.Linear))
    maps = pixels().float() / 255
    for convolution in (first, second):
        maps = nn.functional.max_pool2d(nn.functional.relu(convolution(maps)), 2)
    torch.testing.assert_close(model(pixels()), dense(maps.flatten(1)))


@pytest.mark.parametrize("unit_length", [True, False])
def test_the_length_is_1_where_it_is_asked_for(unit_length: bool) -> None:
    lengths = small(unit_length=unit_length)(pixels(5)).norm(dim=1)
    assert torch.allclose(lengths, torch.ones(5)) == unit_length


def test_grey_pixels_have_one_channel() -> None:
    model = ConvNet(ConvNetParameters(), Given(channels=1, side=8))
    assert weights(model)[0] == (64, 1, 5, 5)
    assert model(pixels(side=8)[:, :1]).shape == (2, 128)


def test_building_leaves_statistics_alone_and_the_model_in_training() -> None:
    model = small(batch_norm=True)
    assert model.training
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert [int(layer.num_batches_tracked) for layer in norms] == [0, 0]
    assert all(layer.training for layer in norms)


def test_dropout_stands_before_the_dense_layers() -> None:
    model = small(dropout=0.5, unit_length=False)
    assert not torch.equal(model(pixels()), model(pixels()))
    model.eval()
    assert torch.equal(model(pixels()), model(pixels()))


@pytest.mark.parametrize(("pool_last", "least"), [(True, 8), (False, 4)])
def test_a_side_that_the_poolings_use_up_is_said(pool_last: bool, least: int) -> None:
    filters = (4, 4, 4)
    assert small(least, filters=filters, pool_last=pool_last)(pixels(side=least)).shape == (2, 5)
    with pytest.raises(UserError, match=f"make pixels.size at least {least}, or give fewer model.filters"):
        small(least - 1, filters=filters, pool_last=pool_last)


def test_local_contrast_is_one_more_channel() -> None:
    model = small(contrast=5, unit_length=False).eval()
    assert weights(model)[0] == (4, 4, 3, 3)
    first = next(layer for layer in model.modules() if isinstance(layer, nn.Conv2d))
    with torch.no_grad():
        first.weight[:, :3] = 0  # sees nothing but the contrast, for which strength hardly counts
    strong = pixels() // 2
    weak = strong // 2 + 60
    other = (model(pixels(seed=1)) - model(strong)).norm()
    assert (model(weak) - model(strong)).norm() < 0.2 * other


@pytest.mark.parametrize("window", [1, 2, -1, 65])
def test_a_window_of_contrast_is_odd(window: int) -> None:
    with pytest.raises(ValidationError, match="contrast"):
        ConvNetParameters(contrast=window)
