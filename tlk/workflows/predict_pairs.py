"""From a run on a collection and a list of pairs, millions of them, to the probability that each of them matches."""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tlk.data.collection import Collection, is_collection
from tlk.data.painters import read_submission_pairs
from tlk.errors import UserError, damaged_run
from tlk.files import replacing
from tlk.scoring.similarity import COSINE, Scorer
from tlk.workflows.progress import Reporter, Step
from tlk.workflows.run import VERIFICATION, Run, complete_runs, find_run
from tlk.workflows.verify import embedded
from tlk.workflows.workspace import Workspace

HEADER = ("index", "sameArtist")
SHARD_ROWS = 5_000_000
_SHARDS = 1000  # at the most: their names have three digits
_ABSENT = 0.01  # of all pairs, at the most
_NUMBERS = 1 << 16  # of each side that are compared together: they stay in the processor's cache
_LEARNED = 1 << 20  # the same where each comparison is a call of a network

Block = tuple[list[str], np.ndarray, np.ndarray]  # the index, and `(n,)` rows of both images, -1 for one that is absent


@dataclass(frozen=True)
class Curve:
    """How a score becomes a probability, and the share of matches, which stands where there is no score."""

    slope: float
    intercept: float
    share: float

    @classmethod
    def of(cls, run: Run) -> "Curve":
        """Return what a run's validation pairs have said.

        Raises:
            UserError: the run was not trained on a collection, or what it says is damaged.
        """
        told = run.verification()
        if told is None:
            raise UserError(f"run {run.name} was not trained on a collection\ntrain one: tlk train --data COLLECTION")
        found = told.get("probability")
        try:
            curve = cls(*(float(found[name]) for name in ("slope", "intercept", "share")))  # type: ignore[index]
        except (KeyError, TypeError, ValueError) as error:
            raise damaged_run(run.folder, f"{run.folder / VERIFICATION} has no probability") from error
        if not (0 < curve.slope < np.inf and np.isfinite(curve.intercept) and 0 <= curve.share <= 1):
            raise damaged_run(run.folder, f"{run.folder / VERIFICATION}: its probability does not rise with the score")
        return curve

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """Return the `(n,)` float64 probabilities of scores; they rise with them."""
        return np.asarray(np.exp(-np.logaddexp(0, -(self.slope * scores.astype(np.float64) + self.intercept))))


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
    if device not in ("auto", "cpu"):
        from tlk.workflows.inputs import choose_device

        choose_device(device)  # said now, even where the store has all that is needed
    collection = Collection(workspace.data)
    run = find_run(workspace.runs, name) if name else _best_run(workspace.runs, collection.name, reporter)
    curve = Curve.of(run)
    folder = out or Path("submissions") / f"{run.name}-pairs"
    if folder.suffix == ".csv" or folder.is_file():
        raise UserError(f"--out {folder}: the pairs are written in parts, into a folder\nname a folder")
    reporter.note(f"reading {pairs}")
    survey = _survey(pairs, collection, workspace.data)
    _refuse_unfit(survey, pairs, shard_rows)
    if survey.absent:
        reporter.note(f"{survey.lack}: {curve.share:.6g} stands there, the share of matches")
    embeddings, scorer = embedded(run, collection, survey.images, workspace, device, reporter)
    place = np.full(len(collection) + 1, -1)  # the last is for absent images, whose number is -1
    place[survey.images] = np.arange(len(survey.images))
    with _replacing_parts(folder) as made, reporter.track("pairs") as progress:
        blocks = _again(pairs, _Numbers(collection), survey.pairs, progress)
        placed = ((index, place[first], place[second]) for index, first, second in blocks)
        parts = write_parts(score_pairs(embeddings, placed, scorer, curve), made, shard_rows)
    return PairsPrediction(run, folder, parts, survey.pairs, len(survey.images), survey.absent)


def score_pairs(
    embeddings: np.ndarray, blocks: Iterable[Block], scorer: Scorer, curve: Curve
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yield each block's index and `(n,)` probabilities, for blocks of rows of `(m, d)` embeddings.

    Raises:
        UserError: a score is not finite.
    """
    together = max(1, (_NUMBERS if scorer is COSINE else _LEARNED) // embeddings.shape[1])
    for index, first, second in blocks:
        there = np.flatnonzero((first >= 0) & (second >= 0))
        scores = np.empty(len(there))
        for at in range(0, len(there), together):
            part = there[at : at + together]
            scores[at : at + together] = scorer.compare(embeddings[first[part]], embeddings[second[part]])
        if not np.isfinite(scores).all():
            pair = index[there[np.flatnonzero(~np.isfinite(scores))[0]]]
            raise UserError(f"the score of pair {pair!r} is not finite\ntrain the run again")
        probability = np.full(len(index), curve.share)
        probability[there] = curve.probability(scores)
        yield index, probability


def write_parts(rows: Iterable[tuple[list[str], np.ndarray]], folder: Path, shard_rows: int) -> int:
    """Write blocks of index and `(n,)` probabilities as `part-000.csv` …, and return how many parts there are.

    Six digits, wherever the first one stands: a curve that was fitted to data leaves ranks distinct that far.

    Raises:
        UserError: the folder cannot be written to.
    """
    lines = chain.from_iterable(
        zip(index, map("{:.6g}".format, probability.tolist()), strict=True) for index, probability in rows
    )
    parts = 0
    for line in lines:  # the first of a part; the others are taken below
        with replacing(folder / f"part-{parts:03d}.csv") as file:
            text = io.TextIOWrapper(file, "utf-8", newline="")
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(HEADER)
            writer.writerows(chain([line], islice(lines, shard_rows - 1)))
            text.detach()  # all is written, and the file stays open
        parts += 1
    return parts


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


@contextmanager
def _replacing_parts(folder: Path) -> Iterator[Path]:
    """Give a folder for the parts; if the block ends well they replace those in `folder`, else nothing stays of them.

    Raises:
        UserError: `folder` cannot be written to.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".parts.", suffix=".tmp") as temporary:
            yield Path(temporary)
            made = sorted(Path(temporary).iterdir())
            for part in made:
                part.replace(folder / part.name)
        for stale in sorted(folder.glob("part-[0-9][0-9][0-9].csv"))[len(made) :]:
            stale.unlink()
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}\nfree some space, or choose another place") from error
    finally:
        if is_new:
            with suppress(OSError):
                folder.rmdir()  # unless there is something in it
