"""Look data over before anything is trained on them: counts, faults, duplicates, leaks between train and test."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tlk.data.competition import FOLDERS, CandidateLists, Pairs
from tlk.data.names import composed
from tlk.data.reader import ImageReader
from tlk.duplicates import find_duplicates
from tlk.duplicates.embedded import alike_embeddings
from tlk.embeddings.embed import embed
from tlk.embeddings.schema import EmbeddingParameters, ViewOfBackbone
from tlk.embeddings.views import unit
from tlk.errors import UserError
from tlk.workflows.progress import Reporter
from tlk.workflows.workspace import Workspace

# Cosine less the mean, from which on geometry has a look. Of 7,000 photographs and drawings MobileNetV2 proposes 14,000
# pairs, and 3 of them are duplicates beyond the 458 found without it; at 0.5 it proposes 82,000, and no more are.
ALIKE = 0.6


def check_data(workspace: Workspace, reporter: Reporter, backbone: str | None = None) -> dict[str, Any]:
    """Return what `tlk data check --json` prints: counts, faults, duplicates with their pairs of paths, leaks.

    Faults are collected, not raised: one look shows them all. With a `backbone`, pairs whose embeddings are alike are
    looked at for duplicates, too.

    Raises:
        UserError: there are neither tables nor images to look at, or the backbone cannot be had.
    """
    competition = workspace.competition()
    paths = competition.image_paths()
    if not (paths or competition.has_train() or competition.has_test()):
        raise UserError(f"{workspace.data} has neither tables nor images of a competition\npoint at its folder or zip")
    faults: list[str] = []
    pairs = _collect(competition.train_pairs, faults) if competition.has_train() else None
    lists = _collect(competition.test_lists, faults) if competition.has_test() else None
    reader = workspace.reader(competition, passes=2)
    good = _decodable(reader, paths, faults, reporter)
    proposed = _alike(workspace, reader, good, backbone, reporter) if backbone is not None else []
    duplicates = _duplicates(reader, good, proposed, reporter)
    return {
        "data": str(workspace.data),
        "counts": {
            "training pairs": len(pairs) if pairs else 0,
            "test queries": len(lists) if lists else 0,
            "candidates a list": lists.length if lists else 0,
            **{f"images in {folder}": len(competition.images(folder)) for folder in FOLDERS},
        },
        "faults": faults,
        "duplicates": _summary(duplicates),
        "pairs": duplicates,
        "leaks": find_leaks(pairs, lists, duplicates) if pairs and lists else [],
    }


def find_leaks(pairs: Pairs, lists: CandidateLists, duplicates: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the test queries that are a training pair come again, with the candidate that is then the answer.

    One image of the pair is a near-duplicate of the query, the other one of a candidate in its list. Such answers are
    known without any model, so a score on them says nothing.
    """
    alike: dict[str, set[str]] = defaultdict(set)
    for row in duplicates:
        first, second = composed(row["first"]), composed(row["second"])
        alike[first].add(second)
        alike[second].add(first)
    queries = {composed(query): query for query in lists.queries}
    candidates = {
        query: {composed(name): name for name in names}
        for query, names in zip(lists.queries, lists.candidates, strict=True)
    }
    found: dict[tuple[str, str], list[list[str]]] = defaultdict(list)
    for left, right in zip(pairs.lefts, pairs.rights, strict=True):
        sides = (_near(alike, "train/left", left), _near(alike, "train/right", right))
        for one, other in (sides, sides[::-1]):
            for query in (queries[name] for name in one["test/left"] if name in queries):
                for name in other["test/right"] & candidates[query].keys():
                    found[query, candidates[query][name]].append([left, right])
    return [{"query": query, "candidate": answer, "pairs": again} for (query, answer), again in sorted(found.items())]


def _near(alike: dict[str, set[str]], folder: str, name: str) -> dict[str, set[str]]:
    """Return folder → ids of the near-duplicates of one image."""
    near: dict[str, set[str]] = defaultdict(set)
    for found in alike[composed(f"{folder}/{name}")]:
        place, _, other = found.rpartition("/")
        near[place].add(other)
    return near


def _collect(read: Callable[[], Any], faults: list[str]) -> Any:
    try:
        return read()
    except UserError as error:
        faults.append(str(error).splitlines()[0])
        return None


def _decodable(reader: ImageReader, paths: list[str], faults: list[str], reporter: Reporter) -> list[str]:
    """Return the paths whose images can be decoded, and name the others."""
    good = []
    with reporter.track("decoding") as progress:
        for done, (path, result) in enumerate(zip(paths, reader.attempts(paths), strict=True), start=1):
            progress(done, len(paths))
            if isinstance(result, UserError):
                faults.append(str(result).splitlines()[0])
            else:
                good.append(path)
    return good


def _alike(
    workspace: Workspace, reader: ImageReader, paths: list[str], backbone: str, reporter: Reporter
) -> list[tuple[int, int, bool]]:
    """Return the pairs of images whose embeddings, or that of the one's mirror image and the other's, are alike."""
    from tlk.workflows.inputs import build_embedder, choose_device

    view = ViewOfBackbone(at="final")
    parameters = EmbeddingParameters(backbone=backbone, views=(view,), mirrored=True)
    embedder = build_embedder(parameters, choose_device("auto"), workspace.exports)
    with reporter.track("embedding") as progress:
        plain, turned = embed(embedder, reader, paths, workspace.store(), progress)
    plain, turned = (
        unit(vectors.astype(np.float32) - plain.mean(axis=0, dtype=np.float32)) for vectors in (plain, turned)
    )
    found = [(first, second, False) for first, second in alike_embeddings(plain, ALIKE)]
    return found + [(first, second, True) for first, second in alike_embeddings(plain, ALIKE, turned)]


def _duplicates(
    reader: ImageReader, paths: list[str], proposed: list[tuple[int, int, bool]], reporter: Reporter
) -> list[dict[str, Any]]:
    """Return the near-duplicates among images: `first` and `second` as folder/id, most alike first."""
    with reporter.track("near-duplicates") as progress:
        found = find_duplicates(
            reader.images(paths),
            reader.keys(paths),
            proposed=proposed,
            progress=lambda done: progress(done, len(paths)),
        )
    names = [path.rpartition(".")[0] for path in paths]
    rows = [
        {
            "first": names[found.first[i]],
            "second": names[found.second[i]],
            "inliers": int(found.inliers[i]),
            "mirrored": bool(found.mirrored[i]),
            "exact": bool(found.exact[i]),
        }
        for i in range(len(found.first))
    ]
    return sorted(rows, key=lambda row: (not row["exact"], -row["inliers"], row["first"], row["second"]))


def _summary(duplicates: Sequence[dict[str, Any]]) -> dict[str, int]:
    halves = [{row["first"].split("/")[0], row["second"].split("/")[0]} for row in duplicates]
    return {
        "exact": sum(row["exact"] for row in duplicates),
        "near": sum(not row["exact"] for row in duplicates),
        "of them mirrored": sum(row["mirrored"] for row in duplicates),
        "within train": sum(half == {"train"} for half in halves),
        "within test": sum(half == {"test"} for half in halves),
        "between train and test": sum(len(half) == 2 for half in halves),
    }
