"""Out-of-fold results: joined from folds in any order, by embeddings or by blocks of learned similarities."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tlk.data.competition import Pairs
from tlk.errors import UserError
from tlk.files import write_json
from tlk.workflows.evaluate import outcomes
from tlk.workflows.out_of_fold import FoldScores, OutOfFold
from tlk.workflows.run import Run, best_run

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


def test_runs_answer_the_same_lists_where_seed_length_and_pairs_are_the_same() -> None:
    fold = np.arange(COUNT) % 3
    oof = OutOfFold.of(PAIRS, fold, parts(fold, learned=False), 5, 10)
    assert oof.apart_from(replace(oof, queries=-oof.queries)) is None
    for change in ({"list_seed": 6}, {"list_length": 11}):
        assert oof.apart_from(replace(oof, **change)) == "other folds or another split"
    turned = replace(oof, query_ids=oof.query_ids[::-1])
    fewer = replace(oof, query_ids=oof.query_ids[1:], gallery_ids=oof.gallery_ids[1:], fold=oof.fold[1:])
    for other in (turned, fewer, replace(oof, gallery_ids=oof.gallery_ids[::-1])):
        assert oof.apart_from(other) == other.apart_from(oof) == "other pairs"


NUMBERS = {"expected_top_k": {"2": 0.5}, "seconds": 1.0}
MANIFEST = {"data": {"name": "tll"}, "embedding": "x"}


def a_run(folder: Path, top_2: float) -> Run:
    folder.mkdir(parents=True)
    write_json(folder / "metrics.json", NUMBERS | {"expected_top_k": {"2": top_2}})
    write_json(folder / "manifest.json", MANIFEST)
    return Run(folder)


@pytest.mark.parametrize(
    "numbers", [[], {"expected_top_k": {}, "seconds": 1.0}, {"expected_top_k": {"2": "x"}, "seconds": 1.0}]
)
def test_numbers_that_are_none_are_said_with_the_run_to_train_anew(tmp_path: Path, numbers: object) -> None:
    run = a_run(tmp_path / "mine", 0.5)
    write_json(run.folder / "metrics.json", numbers)
    with pytest.raises(UserError, match=r"metrics.json is not a run's\ndelete .*mine, .* --run mine --overwrite"):
        run.numbers()


def test_a_manifest_without_the_data_s_name_is_said(tmp_path: Path) -> None:
    run = a_run(tmp_path / "mine", 0.5)
    write_json(run.folder / "manifest.json", {"data": {}, "embedding": "x"})
    with pytest.raises(UserError, match=r"manifest\.json is not a run's"):
        run.manifest()


def test_sides_of_different_width_are_said(tmp_path: Path) -> None:
    oof = OutOfFold.of(PAIRS, np.zeros(COUNT, np.int64), parts(np.zeros(COUNT, np.int64), learned=False), 5, 10)
    arrays = vars(oof) | {"gallery": oof.gallery[:, :3]}
    np.savez(tmp_path / "oof.npz", **arrays)
    with pytest.raises(UserError, match="differ in length or width"):
        OutOfFold.read(tmp_path / "oof.npz")


def test_a_damaged_run_does_not_hide_the_best_one(tmp_path: Path) -> None:
    a_run(tmp_path / "good", 0.4)
    best = a_run(tmp_path / "best", 0.6)
    damaged = a_run(tmp_path / "damaged", 0.9)
    (damaged.folder / "metrics.json").write_text("{")
    assert best_run(tmp_path, "tll") == best
    for name in ("good", "best"):
        (tmp_path / name / "manifest.json").unlink()
    with pytest.raises(UserError, match="cannot read"):
        best_run(tmp_path, "tll")
