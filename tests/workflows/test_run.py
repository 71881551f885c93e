"""Out-of-fold results: joined from folds in any order, by embeddings or by blocks of learned similarities."""

from pathlib import Path

import numpy as np

from tlk.data.competition import Pairs
from tlk.workflows.evaluate import outcomes
from tlk.workflows.run import FoldScores, OutOfFold

COUNT = 60
PAIRS = Pairs(tuple(f"l{i}" for i in range(COUNT)), tuple(f"r{i}" for i in range(COUNT)))


def embeddings(seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(COUNT, 8)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def parts(fold: np.ndarray, learned: bool) -> list[FoldScores]:
    """Two sides that are alike but for noise, as embeddings, or as the block of their cosines."""
    left = embeddings(0)
    right = left + 2 * embeddings(1)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    found = []
    for number in range(fold.max() + 1):
        members = np.flatnonzero(fold == number)
        block = left[members] @ right[members].T if learned else None
        found.append(FoldScores(members, left[members], right[members], block))
    return found


def test_a_learned_similarity_is_ranked_as_its_embeddings_would_be(tmp_path: Path) -> None:
    fold = np.random.default_rng(2).permutation(COUNT) % 3
    by_cosine = OutOfFold.of(PAIRS, fold, parts(fold, learned=False), 5, 10)
    by_block = OutOfFold.of(PAIRS, fold, parts(fold, learned=True), 5, 10)
    by_block.write(tmp_path / "oof.npz")
    one, two = outcomes(by_cosine), outcomes(OutOfFold.read(tmp_path / "oof.npz"))
    np.testing.assert_array_equal(one.ranks, two.ranks)
    np.testing.assert_array_equal(one.beating, two.beating)
    assert 0.2 < one.expected(2).mean() < 0.99  # neither chance nor perfect: the ranks say something


def test_pairs_that_are_never_scored_are_left_out_and_the_rest_keep_their_order() -> None:
    fold = np.where(np.arange(COUNT) % 2, 0, -1)
    for learned in (False, True):
        oof = OutOfFold.of(PAIRS, fold, parts(fold, learned), 5, 10)
        assert oof.query_ids.tolist() == [f"l{i}" for i in range(1, COUNT, 2)]
        assert oof.fold.tolist() == [0] * (COUNT // 2)
        assert len(outcomes(oof).ranks) == COUNT // 2
