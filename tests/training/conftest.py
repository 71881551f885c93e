"""Fixtures: small problems that a model can learn, recipes for them, what a training is made of, how it is scored."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tlk.metrics import expected_top_k
from tlk.models.base import Given, Model
from tlk.recipe import parse_recipe
from tlk.recipe_schema import Recipe
from tlk.scoring.similarity import count_beating
from tlk.training import train as module
from tlk.training.accelerator import make_accelerator
from tlk.training.embed import embed_images
from tlk.training.examples import Examples
from tlk.training.history import Epoch
from tlk.training.inputs import EmbeddingInputs
from tlk.training.loop import Job, Listener
from tlk.training.scorer import scorer_of
from tlk.training.train import Histories, Trainer

WIDTH = 64
SIDE = 8

Document = dict[str, Any]
Make = Callable[..., Examples]
MakeRecipe = Callable[..., Recipe]
MakeTrainer = Callable[..., Trainer]
CENTRED = {"model": {"name": "centred"}, "loss": None, "training": None}
PIXELS = {"size": 8, "colour": "grey"}
CONVNET = {"name": "convnet", "filters": (8, 16), "kernels": (3,), "dense": (32,)}
TRAINING = {"epochs": 8, "batch_size": 16, "learning_rate": 5e-3, "patience": 8}
IDLE = {"epochs": 1, "learning_rate": 1e-9}  # so slow that nothing changes
SCORED = 150


class HeldPixels:
    """Pictures that lie in memory, `(n, c, h, w)` uint8; a drawn one is a little brighter or darker."""

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels

    def drawn(self, images: np.ndarray, seeds: np.ndarray) -> Tensor:
        change = torch.from_numpy(seeds % 21).view(-1, 1, 1, 1) - 10
        return (self.pixels[torch.from_numpy(images)] + change).clamp(0, 255).to(torch.uint8)

    def whole(self, images: np.ndarray) -> Tensor:
        return self.pixels[torch.from_numpy(images)][:, None]

    def reduced(self, model: Model, images: np.ndarray) -> "HeldPixels":
        return self


class Numbers:
    """Inputs that say what they were asked for: `(b, 2)` numbers and seeds of the images."""

    def drawn(self, images: np.ndarray, seeds: np.ndarray) -> Tensor:
        return torch.from_numpy(np.stack([images, seeds.astype(np.int64)], axis=1))

    def whole(self, images: np.ndarray) -> Tensor:
        return torch.from_numpy(images)[:, None, None]

    def reduced(self, model: Model, images: np.ndarray) -> "Numbers":
        return self


class Scale(Model):
    """One number, which should become 1."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.0))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * self.factor


def of_pairs(inputs: Any, pairs: int, group: np.ndarray | None = None) -> Examples:
    return Examples(inputs, np.arange(pairs), np.arange(pairs, 2 * pairs), np.arange(pairs) if group is None else group)


@pytest.fixture
def accelerator() -> Accelerator:
    return make_accelerator(torch.device("cpu"), "fp32")


@pytest.fixture
def embedded() -> Callable[..., Examples]:
    """Pairs that share a cause in some directions; louder noise in others drowns it for an untrained cosine."""

    def draw(pairs: int = 500, seed: int = 0, shuffled: int | None = None, noise: float = 1.5) -> Examples:
        random = np.random.default_rng(seed)
        mixing = random.normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH)
        cause = random.normal(size=(pairs, 1, 16))

        def side() -> Tensor:
            own = cause + 0.5 * random.normal(size=(pairs, 2, 16))
            rest = noise * random.normal(size=(pairs, 1, WIDTH - 16)).repeat(2, axis=1)
            return torch.from_numpy(np.concatenate([own, rest], axis=2) @ mixing).float()

        left, right = side(), side()
        if shuffled is not None:
            right = right[torch.from_numpy(np.random.default_rng(shuffled).permutation(pairs))]
        return of_pairs(EmbeddingInputs(torch.cat([left, right])), pairs)

    return draw


@pytest.fixture
def pictured() -> Callable[..., Examples]:
    """Pairs of pictures with the same faint pattern under stripes of their own, which confuse an untrained network."""

    def draw(pairs: int = 120, seed: int = 0, faint: float = 0.3) -> Examples:
        random = torch.Generator().manual_seed(seed)
        pattern = torch.rand(pairs, 1, 4, 4, generator=random).repeat(2, 1, 1, 1)
        pattern = torch.nn.functional.interpolate(pattern, SIDE)
        stripes = torch.rand(2 * pairs, 1, SIDE, 1, generator=random).expand_as(pattern)
        noise = torch.rand(pattern.shape, generator=random)
        pixels = 255 * (faint * pattern + (0.9 - faint) * stripes + 0.1 * noise)
        return of_pairs(HeldPixels(pixels.to(torch.uint8)), pairs)

    return draw


@pytest.fixture
def numbered() -> Callable[..., Examples]:
    """Pairs whose inputs say what was asked for."""

    def make(pairs: int, group: np.ndarray | None = None) -> Examples:
        return of_pairs(Numbers(), pairs, group)

    return make


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    """Make a recipe for `embedded` pairs, or with `pixels` for `pictured` ones; tables replace the usual ones."""

    def make(**tables: Any) -> Recipe:
        usual: Document = {
            "name": "test",
            "summary": "",
            "source": "",
            "model": {"name": "adapter", "components": 48},
            "loss": {"name": "info_nce"},
            "training": {"epochs": 30, "batch_size": 128, "learning_rate": 5e-3, "patience": 12},
        }
        given = {} if "pixels" in tables else {"embedding": {"descriptors": ["thumbnail"]}}
        document = {key: value for key, value in (usual | given | tables).items() if value is not None}
        return parse_recipe(document, "test")

    return make


@pytest.fixture
def trainer(accelerator: Accelerator) -> Callable[..., Trainer]:
    """Make a trainer for a recipe of `embedded` or `pictured` pairs."""

    def make(recipe: Recipe, unlabelled: np.ndarray | None = None, on: Accelerator | None = None) -> Trainer:
        given = Given(channels=1, side=SIDE) if recipe.pixels is not None else Given((40, WIDTH - 40))
        none = np.empty(0, np.int64)
        return Trainer(recipe, given, on or accelerator, none if unlabelled is None else unlabelled, 0)

    return make


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The jobs that a training is made of; nothing is trained."""
    made: list[Job] = []

    def fit(job: Job, accelerator: Accelerator, checkpoint: object) -> list[Epoch]:
        made.append(job)
        return []

    monkeypatch.setattr(module, "fit", fit)
    return made


def split(examples: Examples) -> tuple[Examples, Examples]:
    count = len(examples)
    return examples.of(np.arange(count - SCORED)), examples.of(np.arange(count - SCORED, count))


def train(trainer: Trainer, examples: Examples, seed: int = 0) -> tuple[Model, Histories]:
    return trainer.train(examples, seed, None, Listener())


def embeddings(model: Model, examples: Examples, accelerator: Accelerator) -> tuple[np.ndarray, np.ndarray]:
    inputs = examples.inputs.reduced(model, examples.images)
    left, right = (embed_images(model, inputs, side, accelerator) for side in (examples.left, examples.right))
    return left.cpu().numpy(), right.cpu().numpy()


def top_2(model: Model, scored: Examples) -> np.ndarray:
    queries, gallery = embeddings(model, scored, make_accelerator(torch.device("cpu"), "fp32"))
    beating = count_beating(queries, gallery, scorer_of(model))
    return expected_top_k(beating, len(beating) - 1, 20, 2)
