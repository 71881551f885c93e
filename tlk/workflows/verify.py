"""How well a run tells matched pairs of a collection from unmatched ones, and finds what belongs together.

Mean cosines of both kinds of pairs, as Rathod, *Task 2: Similarity*, 2025, reports them, can be made to look good by a
space that has collapsed; beside them stand what cannot: the accuracy at a threshold that the validation part chose, the
area under the ROC curve, and what is found among all images of the test part.
"""

from typing import Any

import numpy as np

from tlk.data.collection import Collection
from tlk.data.collection_pairs import PAIRS_TABLE, CollectionPairs, read_pairs
from tlk.data.parts import TEST, TRAIN, VALIDATION
from tlk.data.reader import ImageReader
from tlk.data.relevance import labels_of
from tlk.errors import UserError
from tlk.scoring.retrieval import retrieve
from tlk.scoring.similarity import COSINE, Scorer
from tlk.verification import best_threshold, verification
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run
from tlk.workflows.run_embeddings import RunEmbeddings
from tlk.workflows.workspace import Workspace

_BLOCK = 256  # pairs
_RANKED = 2000  # images, where a learned similarity compares each with each


def verify(run: Run, workspace: Workspace, device: str, reporter: Reporter) -> dict[str, Any]:
    """Return the numbers of a run on the collection it was trained on.

    `threshold`, `deviation` and `probability`, see `fit_probability`, are what the pairs of the validation part say of
    any score; `quantiles` has 101 of the scores of either kind. `pairs` has a row for all pairs of the test part, for
    those of each rule, and for artists (labels of the first rule) that the training part has and has not; `gallery`
    what is found among the images of the test part, by rule.
    """
    collection = Collection(workspace.data)
    found = read_pairs(collection, workspace.data)
    labels = labels_of(collection, found.rules, PAIRS_TABLE)
    images = np.flatnonzero((found.image_part == VALIDATION) | (found.image_part == TEST))
    embeddings, scorer = embedded(run, collection, images, workspace, device, reporter)
    place = np.full(len(collection), -1)
    place[images] = np.arange(len(images))
    judged = np.flatnonzero(found.part != TRAIN)
    scores = np.full(len(found.left), np.nan)
    scores[judged] = _compare(embeddings, scorer, place[found.left[judged]], place[found.right[judged]])
    chosen = (found.part == VALIDATION) & counted_once(found)
    threshold = best_threshold(scores[chosen], found.match[chosen])
    return {
        "threshold": threshold,
        "deviation": float(scores[chosen].std()),
        "probability": fit_probability(scores[chosen], found.match[chosen], threshold),
        "quantiles": {
            "matched": quantiles(scores[chosen & found.match]),
            "unmatched": quantiles(scores[chosen & ~found.match]),
        },
        "pairs": _pairs(found, labels, scores, threshold),
        "gallery": _gallery(found, labels, embeddings, place, scorer),
    }


def fit_probability(scores: np.ndarray, match: np.ndarray, threshold: float) -> dict[str, float]:
    """Return `slope` and `intercept` of the logistic curve that makes a probability of a score, and the matches' share.

    `scores` and `match` are `(n,)`. Fitted with the soft targets of Platt, *Probabilistic Outputs for Support Vector
    Machines*, 1999: the curve stays finite where the two kinds do not overlap. It rises with the score in any case: for
    scores that fall with likeness, or say nothing, it passes a half at the threshold, and is as wide as they spread.
    """
    finite = np.isfinite(scores)
    spread = float(scores[finite].std()) if len(np.unique(scores[finite])) > 1 else 0.0
    slope = intercept = 0.0
    if spread > 0 and len(np.unique(match[finite])) == 2:
        from sklearn.linear_model import LogisticRegression

        centre, kind = float(scores[finite].mean()), match[finite]
        target = np.where(kind, (kind.sum() + 1) / (kind.sum() + 2), 1 / ((~kind).sum() + 2))
        # Each pair is there twice, matched and unmatched: a classifier takes soft targets as weights.
        standard = np.tile((scores[finite] - centre) / spread, 2)[:, None]
        fitted = LogisticRegression(C=1e6).fit(
            standard, np.repeat([1, 0], len(kind)), sample_weight=np.concatenate([target, 1 - target])
        )
        slope = float(fitted.coef_[0, 0]) / spread
        intercept = float(fitted.intercept_[0]) - slope * centre
    if not 0 < slope < np.inf:
        slope = 1 / (spread or 1.0)
        intercept = -slope * threshold
    return {"slope": slope, "intercept": intercept, "share": float(match.mean())}


def quantiles(scores: np.ndarray) -> list[float]:
    """Return the smallest of `(n,)` scores, the 1 % quantile and so on, and the largest; none of no finite ones."""
    finite = scores[np.isfinite(scores)]
    return np.quantile(finite, np.linspace(0, 1, 101)).tolist() if len(finite) else []


def embedded(
    run: Run, collection: Collection, images: np.ndarray, workspace: Workspace, device: str, reporter: Reporter
) -> tuple[np.ndarray, Scorer]:
    """Return the embeddings of some images by the run's model, and how they compare.

    Those of an ensemble's members stand side by side, scaled so that their product is the blend of the cosines.

    Raises:
        UserError: a member of an ensemble has a similarity of its own.
    """
    blend = run.blend()
    reader = workspace.reader(collection, passes=1)
    paths = [collection.paths[image] for image in images]
    if blend is None and not run.gives_embeddings():
        from tlk.workflows.run_models import embeddings_and_scorers

        return next(iter(embeddings_and_scorers(run, reader, paths, workspace, device, reporter)))
    if blend is None:
        return _stored(run, paths, reader, workspace, device, reporter), COSINE
    parts = []
    for member in blend.members:
        one = run.member(member.run)
        if not one.gives_embeddings():
            what = f"member {member.run} has a similarity of its own, which a blend on a collection cannot take up"
            raise UserError(f"run {run.name}: {what}\ntrain that recipe by itself")
        told = one.verification() or {}
        share = (member.weight / (told.get("deviation") or 1.0)) ** 0.5  # of the validation part, not of the test
        parts.append(share * _stored(one, paths, reader, workspace, device, reporter))
    return np.concatenate(parts, axis=1), COSINE


def _stored(
    run: Run, paths: list[str], reader: ImageReader, workspace: Workspace, device: str, reporter: Reporter
) -> np.ndarray:
    stored = RunEmbeddings(run, paths, reader.keys(paths), workspace)
    stored.compute(reader, device, reporter)
    return stored.read(stored.views[0])


def _compare(embeddings: np.ndarray, scorer: Scorer, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    blocks = range(0, len(first), _BLOCK)
    parts = [scorer.compare(embeddings[first[at : at + _BLOCK]], embeddings[second[at : at + _BLOCK]]) for at in blocks]
    return np.concatenate([np.empty(0), *parts])


def counted_once(found: CollectionPairs) -> np.ndarray:
    """Return an `(m,)` mask of the pairs, each counted once although several rules relate its images."""
    if len(found.rules) == 1:
        return np.ones(len(found.left), bool)
    both = np.sort(np.column_stack([found.left, found.right]), axis=1)
    once = np.zeros(len(both), bool)
    once[np.unique(both, axis=0, return_index=True)[1]] = True
    return once


def _pairs(found: CollectionPairs, labels: np.ndarray, scores: np.ndarray, threshold: float) -> dict[str, Any]:
    tested = found.part == TEST
    known = np.isin(labels[:, 0], labels[found.image_part == TRAIN, 0]) & (labels[:, 0] >= 0)
    kinds = {"all": tested & counted_once(found)}
    if len(found.rules) > 1:
        kinds |= {f"rule {rule}": tested & (found.rule == number) for number, rule in enumerate(found.rules)}
    first = tested & (found.rule == 0)
    kinds["seen in training"] = first & known[found.left] & known[found.right]
    kinds["unseen in training"] = first & ~known[found.left] & ~known[found.right]
    cluster = np.where(labels[found.left, 0] >= 0, labels[found.left, 0], len(labels) + found.left)
    return {
        name: verification(scores[members], found.match[members], threshold, cluster[members])
        for name, members in kinds.items()
        if found.match[members].any() and not found.match[members].all()
    }


def _gallery(
    found: CollectionPairs, labels: np.ndarray, embeddings: np.ndarray, place: np.ndarray, scorer: Scorer
) -> dict[str, Any]:
    images = np.flatnonzero(found.image_part == TEST)
    if scorer is not COSINE:
        images = np.sort(np.random.default_rng(0).permutation(images)[:_RANKED])
    rows = {}
    for number, rule in enumerate(found.rules):
        apart = np.arange(len(images)) if "object" in rule.split("+") else found.group[images]
        row = retrieve(embeddings[place[images]], labels[images, number], apart, scorer)
        if row is not None:
            rows[rule] = row
    return rows
