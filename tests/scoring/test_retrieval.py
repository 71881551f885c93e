"""What is found in a gallery, beside a naive search."""

import numpy as np
import pytest

from tlk.metrics import TIE
from tlk.scoring import retrieval as module
from tlk.scoring.retrieval import KS, retrieve
from tlk.scoring.similarity import Scorer

NAN = float("nan")


def units(random: np.random.Generator, count: int, width: int = 6) -> np.ndarray:
    drawn = random.normal(size=(count, width)).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def naive(embeddings: np.ndarray, label: np.ndarray, apart: np.ndarray) -> dict[str, dict[int, list[float]]]:
    """Return each query's recall and precision at k, by sorting all that it may find."""
    rows: dict[str, dict[int, list[float]]] = {"recall": {k: [] for k in KS}, "precision": {k: [] for k in KS}}
    for i in range(len(label)):
        others = [j for j in range(len(label)) if apart[j] != apart[i]]
        if label[i] < 0 or not any(label[j] == label[i] for j in others):
            continue
        scores = {j: float(embeddings[i] @ embeddings[j]) - TIE * (label[j] == label[i]) for j in others}
        found = [label[j] == label[i] for j in sorted(others, key=lambda j: -scores[j])]
        for k in KS:
            rows["recall"][k].append(float(any(found[:k])))
            rows["precision"][k].append(sum(found[:k]) / k)
    return rows


@pytest.mark.parametrize("seed", range(6))
def test_it_finds_what_a_naive_search_finds(seed: int) -> None:
    random = np.random.default_rng(seed)
    label = random.integers(-1, 12, size=80)
    apart = np.where(random.random(80) < 0.5, random.integers(15, size=80), 15 + np.arange(80))
    embeddings = units(random, 80)
    row, expected = retrieve(embeddings, label, apart), naive(embeddings, label, apart)
    assert row is not None
    assert (row["queries"], row["gallery"]) == (len(expected["recall"][1]), 80)
    for name, by_k in expected.items():
        assert row[name] == pytest.approx({str(k): np.mean(values) for k, values in by_k.items()})
        for k in map(str, KS):
            low, high = row[f"{name}_ci95"][k]
            assert low <= row[name][k] <= high


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(7)
    label, apart, embeddings = random.integers(9, size=70), np.arange(70) // 2, units(random, 70)
    whole = retrieve(embeddings, label, apart)
    for block in (1, 3, 69):
        monkeypatch.setattr(module, "_BLOCK", block)
        assert retrieve(embeddings, label, apart) == whole


def test_near_duplicates_are_not_found_and_do_not_count() -> None:
    embeddings = np.eye(5, dtype=np.float32)
    embeddings[1] = embeddings[0]  # a copy of the first
    label, apart = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 2, 3])
    row = retrieve(embeddings, label, apart)
    assert row is not None
    assert row["recall"] == {"1": 0}  # all that it may find is equally unlike
    alone = np.array([0, 0, 1, 2, 3])
    assert retrieve(embeddings, alone, apart) is None  # only copies share a label


@pytest.mark.parametrize("value", [0.0, 0.5, NAN])
def test_a_collapsed_space_finds_nothing(value: float) -> None:
    label = np.arange(60) % 6
    row = retrieve(np.full((60, 3), value, np.float32), label, np.arange(60))
    assert row is not None
    assert row["recall"] == row["precision"] == {"1": 0, "5": 0, "10": 0}
    assert row["chance"]["10"]["recall"] > 0.8


def test_where_nearly_all_is_relevant_ties_leave_chance() -> None:
    row = retrieve(np.ones((12, 2), np.float32), np.arange(12) // 11, np.arange(12))
    assert row is not None
    for k in KS:
        assert row["recall"][str(k)] <= row["chance"][str(k)]["recall"] + 1e-12
        assert row["precision"][str(k)] == pytest.approx((k - 1) / k)


def test_images_that_give_no_number_stand_before_what_is_sought() -> None:
    random = np.random.default_rng(0)
    embeddings, label = units(random, 40), np.arange(40) % 4
    whole = naive(embeddings, label, np.arange(40))["recall"]
    embeddings[1] = NAN
    row = retrieve(embeddings, label, np.arange(40))
    assert row is not None
    assert row["recall"]["1"] == 0
    assert 0 < row["recall"]["5"] < np.mean(whole[5])


def test_an_image_without_a_label_is_relevant_to_none() -> None:
    random = np.random.default_rng(1)
    embeddings = np.repeat(units(random, 10), 2, axis=0)  # each has a twin
    label = np.full(20, -1)
    assert retrieve(embeddings, label, np.arange(20)) is None
    label[:2] = 3
    row = retrieve(embeddings, label, np.arange(20))
    assert row is not None
    assert row["queries"] == 2
    assert row["recall"]["1"] == 1
    assert row["recall_ci95"]["1"] == pytest.approx((0.025, 1.0))  # all of one label: the exact interval of one in one
    assert row["chance"]["1"]["recall"] == pytest.approx(1 / 19)  # those without a label are in the gallery


def test_nothing_that_belongs_together_gives_nothing() -> None:
    random = np.random.default_rng(2)
    for count in (0, 1, 5):
        assert retrieve(units(random, count), np.arange(count), np.arange(count)) is None
    assert retrieve(units(random, 4), np.zeros(4, int), np.zeros(4, int)) is None  # all are one group


@pytest.mark.parametrize("count", [2, 3, 4, 6, 10, 11])
def test_small_galleries_have_fewer_ks(count: int) -> None:
    random = np.random.default_rng(count)
    embeddings, label = units(random, count), np.arange(count) // 2
    if count % 2:
        label[-1] = 0
    row, expected = retrieve(embeddings, label, np.arange(count)), naive(embeddings, label, np.arange(count))
    assert row is not None
    ks = [k for k in KS if k < count]
    for name in ("recall", "precision"):
        assert row[name] == pytest.approx({str(k): np.mean(expected[name][k]) for k in ks})
    assert list(row["chance"]) == [str(k) for k in ks]


def test_chance_is_that_of_random_orders() -> None:
    random = np.random.default_rng(4)
    label = np.repeat([0, 1, 2, -1], [3, 8, 15, 10])
    apart = np.arange(36)
    apart[4] = apart[3]
    row = retrieve(units(random, 36), label, apart)
    assert row is not None
    rows = [naive(units(random, 36, 60), label, apart) for _ in range(150)]
    for name in ("recall", "precision"):
        for k in KS:
            simulated = np.mean([np.mean(one[name][k]) for one in rows])
            assert simulated == pytest.approx(row["chance"][str(k)][name], abs=0.015)


def test_a_learned_similarity_is_asked() -> None:
    numbers = np.arange(8.0)[:, None]
    nearby = Scorer(lambda queries, gallery: -np.abs(queries - gallery.T), lambda first, second: first[..., 0])
    row = retrieve(numbers, np.arange(8) // 2, np.arange(8), nearby)
    assert row is not None
    assert row["recall"]["1"] == pytest.approx(2 / 8)  # the first and the last; ties count against the rest
    assert row["recall"]["5"] == 1
