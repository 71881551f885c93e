"""What mining costs beside the training that it serves, at 2,000 pairs, and what embedding all for every pair would."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tlk.models.base import Given
from tlk.recipe import load_recipe
from tlk.training import train as module
from tlk.training.accelerator import make_accelerator
from tlk.training.examples import Examples
from tlk.training.inputs import EmbeddingInputs
from tlk.training.loop import Listener
from tlk.training.negatives import MinedNegatives

PAIRS, EPOCHS = 2000, 4


def test_share_of_an_epoch(mobilenet_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipe siamese-hard-negatives on MobileNetV2 (random weights: the work is the same) with its default refresh."""
    kept: list[MinedNegatives] = []

    class Recorded(MinedNegatives):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments)  # type: ignore[arg-type]
            kept.append(self)

    monkeypatch.setattr(module, "MinedNegatives", Recorded)
    backbone = f"local-dir:{mobilenet_folder}"
    recipe = load_recipe("siamese-hard-negatives", [f"training.epochs={EPOCHS}", "split=80/10/10"], backbone)
    maps = torch.randn(2 * PAIRS, 2, 160 * 7 * 7, generator=torch.Generator().manual_seed(0)).half()
    numbers = np.arange(PAIRS)
    examples = Examples(EmbeddingInputs(maps), numbers, numbers + PAIRS, numbers)
    accelerator = make_accelerator(torch.device("cpu"), "mixed")
    given = Given((160 * 7 * 7,), backbone, "late")
    trainer = module.Trainer(recipe, given, accelerator, np.empty(0, np.int64), 0)
    _, histories = trainer.train(examples, 0, None, Listener())
    (negatives,) = kept
    seconds = sum(row.seconds for row in histories["training"])
    embedding, selecting = negatives.seconds["embedding"], negatives.seconds["selecting"]
    minings = -(-EPOCHS // recipe.mining["refresh"]) if recipe.mining else 0
    learned = len(negatives)
    gallery = embedding / minings / 2  # one of the two sides that were embedded
    share, all_of_it = selecting / seconds, (embedding + selecting) / seconds
    each = gallery * learned  # the gallery embedded anew for every pair, once for all pairs: extrapolated
    print(
        f"\n{learned} pairs, {EPOCHS} epochs, mined {minings} times: selecting {share:.2%}, "
        f"selecting and embedding {all_of_it:.1%} of the time; embedding the gallery for every pair would take "
        f"{each / (seconds / EPOCHS):,.0f} epochs, {each * minings / (embedding + selecting):,.0f} times a mining"
    )
    assert selecting <= 0.02 * seconds
    assert embedding + selecting <= 0.15 * seconds
