"""The convolutional autoencoder: its sizes are those of the founding document."""

import pytest
import torch
from torch import Tensor

from tlk.errors import UserError
from tlk.models.autoencoder import Autoencoder
from tlk.models.base import Given
from tlk.models.registry import MODELS, AutoencoderParameters
from tlk.recipe import load_recipe
from tlk.registry import parameters_of


def of_recipe(name: str, *settings: str) -> Autoencoder:
    recipe = load_recipe(name, settings)
    assert recipe.pixels is not None
    channels = 1 if recipe.pixels.colour == "grey" else 3
    model_class, parameters = parameters_of(recipe.model, MODELS)
    model: Autoencoder = model_class(parameters, Given(channels=channels, side=recipe.pixels.size))
    return model.eval()


def pixels(channels: int = 1, side: int = 128, count: int = 2) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, channels, side, side), dtype=torch.uint8, generator=random)


def count(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_the_recipe_encodes_128_grey_pixels_in_16_by_16_by_32_numbers() -> None:
    model = of_recipe("autoencoder")
    assert model.encoder(pixels().float()).shape == (2, 32, 16, 16)
    assert model(pixels()).shape == (2, 8192)
    assert model.reconstruct(pixels()).shape == (2, 1, 128, 128)


def test_its_parameters_are_as_many_as_one_counts_by_hand() -> None:
    encoder = (1 * 9 * 32 + 32) + 2 * (32 * 9 * 32 + 32)  # 18,816
    decoder = (32 * 9 * 16 + 16) + 2 * (16 * 9 * 16 + 16) + (16 * 9 * 1 + 1)  # 9,409
    model = of_recipe("autoencoder")
    assert count(model.encoder) == encoder == 18_816
    assert count(model) == encoder + decoder == 28_225


@pytest.mark.parametrize(
    ("setting", "channels", "width"),
    [("pixels.colour=rgb", 3, 8192), ("model.layers=2", 1, 32 * 32 * 32), ("model.activation=relu", 1, 8192)],
)
def test_its_variants(setting: str, channels: int, width: int) -> None:
    model = of_recipe("autoencoder", setting)
    assert model(pixels(channels)).shape == (2, width)
    assert model.reconstruct(pixels(channels)).shape == (2, channels, 128, 128)


def test_the_siamese_network_goes_on_from_the_encoding() -> None:
    model = of_recipe("autoencoder-siamese")
    assert count(model) == 28_225 + 8192 * 256 + 256
    encoding = model.encoder(pixels().float() / 255).flatten(1)
    torch.testing.assert_close(model(pixels()), model.dense(encoding))
    assert model(pixels()).shape == (2, 256)
    assert model.reconstruct(pixels()).shape == (2, 1, 128, 128)  # what it draws from is before the dense layers


def test_the_leak_is_kept_and_relu_has_none() -> None:
    kept, cut = (of_recipe("autoencoder", f"model.activation={name}")(pixels()) for name in ("leaky_relu", "relu"))
    assert (kept < 0).any()
    assert (cut >= 0).all()


def test_what_it_draws_can_be_learned() -> None:
    torch.manual_seed(0)
    model = Autoencoder(AutoencoderParameters(layers=1), Given(channels=1, side=8))
    given = pixels(side=8)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model.reconstruct(given), given / 255)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.02


@pytest.mark.parametrize(("layers", "side"), [(3, 100), (1, 9), (6, 96)])
def test_a_side_that_cannot_be_halved_is_said(layers: int, side: int) -> None:
    with pytest.raises(UserError, match=f"make pixels.size a multiple of {2**layers}"):
        Autoencoder(AutoencoderParameters(layers=layers), Given(channels=1, side=side))
