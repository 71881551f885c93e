"""From a run on a collection and a list of pairs, millions of them, to the probability that each of them matches."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlk.data.collection import Collection, is_collection
from tlk.data.painters import read_submission_pairs
from tlk.errors import UserError, damaged_run
from tlk.workflows.device import require_device
from tlk.workflows.outputs import require_output_folder
from tlk.workflows.pair_parts import own_parts, replacing_parts, write_parts
from tlk.workflows.pair_scores import Block, Curve, score_pairs
from tlk.workflows.progress import Reporter, Step
from tlk.workflows.run import VERIFICATION, Run, complete_runs, find_run
from tlk.workflows.verify import embedded
from tlk.workflows.workspace import Workspace

SHARD_ROWS = 5_000_000
_SHARDS = 1000  # at the most: their names have three digits
_ABSENT = 0.01  # of all pairs, at the most


@dataclass(frozen=True)
class PairsPrediction:
    """What was written: into how many parts of a folder, for how many pairs of how many images."""

    run: Run
    folder: Path
    parts: int
    pairs: int
    images: int
    absent: int  # pairs of an image that the collection lacks


def predict_pairs(
    workspace: Workspace,
    name: str | None,
    pairs: Path,
    out: Path | None,
    device: str,
    reporter: Reporter,
    shard_rows: int = SHARD_ROWS,
) -> PairsPrediction:
    """Write the probability of a match for each pair that the file `pairs` names, in parts of `shard_rows`.

    The file is read twice, block by block: first to learn which images it names, and whether every row is sound. They
    are embedded where the store does not have them, each once. The parts that there were are replaced at the end.

    Raises:
        UserError: no such run, the data are no collection, a row is bad, or one pair in a hundred is of images that the
            collection lacks.
    """
    if not is_collection(workspace.data):
        raise UserError(f"--pairs: {workspace.data} is no collection\nleave it out: a competition has lists of its own")
    require_device(device)
    collection = Collection(workspace.data)
    run = find_run(workspace.runs, name) if name else _best_run(workspace.runs, collection.name, reporter)
    curve = Curve.of(run)
    own = run.manifest()["data"]["name"]
    if own != collection.name:
        reporter.note(f"run {run.name} was trained on {own}, not on {collection.name}")
    folder = out or Path("submissions") / f"{run.name}-pairs"
    if folder.suffix == ".csv" or folder.is_file():
        raise UserError(f"--out {folder}: the pairs are written in parts, into a folder\nname a folder")
    require_output_folder(folder, workspace)
    own_parts(folder)
    reporter.note(f"reading {pairs}")
    survey = _survey(pairs, collection, workspace.data)
    _refuse_unfit(survey, pairs, shard_rows)
    if survey.absent:
        reporter.note(f"{survey.lack}: {curve.share:.6g} stands there, the share of matches")
    embeddings, scorer = embedded(run, collection, survey.images, workspace, device, reporter)
    place = np.full(len(collection) + 1, -1)  # the last is for absent images, whose number is -1
    place[survey.images] = np.arange(len(survey.images))
    with replacing_parts(folder) as made, reporter.track("pairs") as progress:
        blocks = _again(pairs, _Numbers(collection), survey.pairs, progress)
        placed = ((index, place[first], place[second]) for index, first, second in blocks)
        parts = write_parts(score_pairs(embeddings, placed, scorer, curve), made, shard_rows)
    return PairsPrediction(run, folder, parts, survey.pairs, len(survey.images), survey.absent)


@dataclass(frozen=True)
class _Survey:
    """What a file of pairs names: the numbers of the collection's images, and how many pairs are of another image."""

    pairs: int
    images: np.ndarray
    absent: int
    lack: str  # how many are absent, for people


class _Numbers(dict[str, int]):
    """The numbers of a collection's images by id, -1 for what it lacks; it remembers the last of these."""

    def __init__(self, collection: Collection) -> None:
        super().__init__((name, number) for number, name in enumerate(collection.ids))
        self.lacked = ""

    def __missing__(self, name: str) -> int:
        self.lacked = name
        return -1

    def of(self, names: list[str]) -> np.ndarray:
        """Return the `(n,)` numbers."""
        return np.fromiter(map(self.__getitem__, names), np.int64, len(names))


def _best_run(runs: Path, data_name: str, reporter: Reporter) -> Run:
    """Return the run on the data that tells the pairs of its test part best, a damaged one never hiding the others."""
    rated: list[tuple[float, Run]] = []
    damage: list[UserError] = []
    for run in complete_runs(runs):
        try:
            told = run.verification()
            if told is not None and run.manifest()["data"]["name"] == data_name:
                rated.append((float(told["pairs"]["all"]["auc"]), run))
        except UserError as error:
            damage.append(error)
        except (KeyError, TypeError, ValueError):
            damage.append(damaged_run(run.folder, f"{run.folder / VERIFICATION} has no area under the ROC curve"))
    if not rated:
        nothing = UserError(f"no run in {runs} was trained on the collection {data_name}\ntrain one, or name a run")
        raise damage[0] if damage else nothing
    auc, best = max(rated, key=lambda row: row[0])
    among = f", the best of {len(rated)}" if len(rated) > 1 else ""
    reporter.note(f"predicting with run {best.name}{among}: ROC AUC {100 * auc:.1f} % on the test part's pairs")
    return best


def _survey(path: Path, collection: Collection, data: Path) -> _Survey:
    numbers, pairs, absent = _Numbers(collection), 0, 0
    named = np.zeros(len(collection) + 1, bool)  # the last is for absent images, whose number is -1
    for _, *images in read_submission_pairs(path):
        first, second = (numbers.of(names) for names in images)
        named[first] = named[second] = True
        pairs += len(first)
        absent += int(((first < 0) | (second < 0)).sum())
    lack = f"{absent:,} of {pairs:,} pairs are of images that {data} lacks, such as {numbers.lacked!r}"
    return _Survey(pairs, np.flatnonzero(named[:-1]), absent, lack)


def _refuse_unfit(survey: _Survey, path: Path, shard_rows: int) -> None:
    if not survey.pairs:
        raise UserError(f"{path} has a header but no pairs\ndownload it again")
    if survey.absent > _ABSENT * survey.pairs:
        raise UserError(f"{path}: {survey.lack}\nmake the collection of all archives: tlk data painters")
    least = -(-survey.pairs // _SHARDS)
    if shard_rows < least:
        what = f"--shard-rows {shard_rows}: {survey.pairs:,} pairs would be too many parts"
        raise UserError(f"{what}\ntake {least} or more")


def _again(path: Path, numbers: _Numbers, pairs: int, progress: Step) -> Iterator[Block]:
    """Yield the blocks of the file once more, which must have as many pairs as before."""
    done = 0
    for index, first, second in read_submission_pairs(path):
        yield index, numbers.of(first), numbers.of(second)
        done += len(index)
        progress(done, pairs)
    if done != pairs:
        raise UserError(f"{path} has changed while it was read, or is a pipe\nname a file that stays as it is")
