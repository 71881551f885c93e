"""Heads: they learn what can be learned, nothing where there is nothing, and never look at what they are scored on."""

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from tlk.errors import UserError
from tlk.metrics import bootstrap_interval, expected_top_k
from tlk.recipe import Recipe, load_recipe
from tlk.scoring.similarity import count_beating
from tlk.training.heads import PairFeatures, apply_head, load_head, save_head, train_head

PAIRS, WIDTH = 500, 64
TRAINING = ("training.epochs=30", "training.batch_size=128", "training.learning_rate=5e-3")


def recipe(*settings: str) -> Recipe:
    return load_recipe("descriptors", ["model.components=48", *TRAINING, *settings])


def features(seed: int = 0, pairs: int = PAIRS) -> PairFeatures:
    """Pairs share a cause in some directions; louder noise in others drowns it for an untrained cosine."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(WIDTH, WIDTH)) / np.sqrt(WIDTH)
    cause = random.normal(size=(pairs, 1, 16))

    def side() -> torch.Tensor:
        own = cause + 0.5 * random.normal(size=(pairs, 2, 16))
        noise = 1.5 * random.normal(size=(pairs, 1, WIDTH - 16)).repeat(2, axis=1)
        return torch.from_numpy(np.concatenate([own, noise], axis=2) @ mixing).float()

    return PairFeatures(side(), side(), (40, 24))


def top_2(head: object, scored: PairFeatures) -> np.ndarray:
    beating = count_beating(apply_head(head, scored.left), apply_head(head, scored.right))
    return expected_top_k(beating, len(beating) - 1, 20, 2)


def split(all_features: PairFeatures) -> tuple[PairFeatures, PairFeatures, np.ndarray]:
    count = len(all_features.left)
    learned, scored = np.arange(count - 150), np.arange(count - 150, count)
    return all_features.of(learned), all_features.of(scored), np.arange(count - 150)


def test_training_beats_the_untrained_head_by_far() -> None:
    learned, scored, group = split(features())
    untrained, history = train_head(load_recipe("thumbnail"), learned, group, 0, Accelerator(cpu=True))
    assert history == []
    trained, history = train_head(recipe(), learned, group, 0, Accelerator(cpu=True))
    assert history[-1].loss < history[0].loss
    assert top_2(trained, scored).mean() > top_2(untrained, scored).mean() + 0.15
    assert top_2(trained, scored).mean() > 0.5


def test_shuffled_pairs_stay_at_chance() -> None:
    """No signal: whatever leaks between training and scoring would lift this above one in ten."""
    everything = features()
    outcomes = []
    for seed in range(3):
        order = torch.from_numpy(np.random.default_rng(seed).permutation(PAIRS))
        shuffled = PairFeatures(everything.left, everything.right[order], everything.sizes)
        learned, scored, group = split(shuffled)
        head, _ = train_head(recipe(), learned, group, seed, Accelerator(cpu=True))
        outcomes.append(top_2(head, scored))
    low, high = bootstrap_interval(np.concatenate(outcomes))
    assert low <= 0.10 <= high


def test_a_leak_would_be_seen() -> None:
    """The check above can fail: scored on the shuffled pairs that it learned, the head is far from chance."""
    everything = features()
    order = torch.from_numpy(np.random.default_rng(0).permutation(PAIRS))
    shuffled = PairFeatures(everything.left, everything.right[order], everything.sizes)
    head, _ = train_head(recipe("training.patience=12"), shuffled, np.arange(PAIRS), 0, Accelerator(cpu=True))
    low, _ = bootstrap_interval(top_2(head, shuffled))
    assert low > 0.10


def test_same_seed_same_weights() -> None:
    learned, _, group = split(features())
    one, two, other = (train_head(recipe(), learned, group, seed, Accelerator(cpu=True))[0] for seed in (1, 1, 2))
    assert torch.equal(one.linear.weight, two.linear.weight)
    assert not torch.equal(one.linear.weight, other.linear.weight)


def test_training_leaves_the_global_random_state_alone() -> None:
    learned, _, group = split(features())
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    train_head(recipe(), learned, group, 0, Accelerator(cpu=True))
    assert torch.equal(before, torch.random.get_rng_state())


def test_save_and_load(tmp_path: Path) -> None:
    learned, scored, group = split(features())
    head, _ = train_head(recipe(), learned, group, 0, Accelerator(cpu=True))
    save_head(head, tmp_path / "model.safetensors")
    again = load_head(recipe(), learned.sizes, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(apply_head(head, scored.left), apply_head(again, scored.left))


@pytest.mark.parametrize("damage", ["missing", "truncated", "other sizes", "other recipe"])
def test_heads_that_do_not_fit_are_said(tmp_path: Path, damage: str) -> None:
    learned, _, group = split(features())
    path = tmp_path / "model.safetensors"
    head, _ = train_head(recipe(), learned, group, 0, Accelerator(cpu=True))
    if damage != "missing":
        save_head(head, path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:100])
    sizes = (40, 25) if damage == "other sizes" else learned.sizes
    wanted = load_recipe("thumbnail") if damage == "other recipe" else recipe()
    with pytest.raises(UserError, match="cannot load"):
        load_head(wanted, sizes, path)


def test_too_few_pairs_are_said() -> None:
    few = features(pairs=3)
    with pytest.raises(UserError, match="too few"):
        train_head(recipe(), few, np.arange(3), 0, Accelerator(cpu=True))


def test_one_group_cannot_be_split() -> None:
    with pytest.raises(UserError, match="1 groups"):
        train_head(recipe(), features(pairs=40), np.zeros(40, np.int64), 0, Accelerator(cpu=True))
