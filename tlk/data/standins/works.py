"""Which paintings the stand-in for Painter by Numbers has: whose, in which half, under which number, and the traps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from tlk.seeding import generator

NUMBERS = 103_250  # file names are numbers up to here
HUGE = (102257, 3000, 2500)  # name, width, height
TRUNCATED, EMPTY, GARBAGE = (3917, 41945), 101947, 18649  # the last one in the test set, the others in train
REPLACED = (*TRUNCATED, EMPTY, GARBAGE)
FEWEST = 4  # paintings of an artist
PAIRED = 80  # about so many test images are compared with each other


@dataclass(frozen=True)
class Work:
    """One image: whose, the how-manyeth of theirs, its number, its set, and what is wrong with it."""

    artist: int
    index: int
    number: int
    in_train: bool
    plant: str = ""


def artist_groups(artists: int) -> list[str]:
    """Return the `artist_group` of each artist: most are in both halves."""
    kinds = {True: "test_only", False: "train_and_test"}
    return ["train_only" if artist % 10 == 4 else kinds[artist % 8 == 3] for artist in range(artists)]


def plan_works(groups: Sequence[str], paintings: int, seed: int) -> list[Work]:
    """Return all works of artists in `groups`, from FEWEST to nearly twice `paintings` each, the traps among them."""
    return _planted(_works(groups, paintings, seed), seed)


def _works(groups: Sequence[str], paintings: int, seed: int) -> list[Work]:
    works: list[Work] = []
    numbers = iter(generator(seed, "painters", "numbers").permutation(NUMBERS - 1) + 1)
    taken = {HUGE[0], *REPLACED}
    for artist, group in enumerate(groups):
        random = generator(seed, "painters", "works", artist)
        count = int(random.integers(FEWEST, 2 * paintings - FEWEST + 1))
        tests = {"test_only": count, "train_only": 0}.get(group, max(1, round(count * 0.3)))
        for index in range(count):
            number = next(int(n) for n in numbers if n not in taken)
            works.append(Work(artist, index, number, in_train=index >= tests))
    return works


def _planted(works: list[Work], seed: int) -> list[Work]:
    """Return `works` with the traps laid: the known numbers given to some of them, and a reason to fear others."""
    random = generator(seed, "painters", "traps")
    works = list(works)
    train = [i for i, work in enumerate(works) if work.in_train]
    test = [i for i, work in enumerate(works) if not work.in_train]
    twin = int(random.choice([i for i in train if works[i].index and works[i - 1].in_train]))  # of the one before it
    works[twin] = replace(works[twin], index=works[twin].index - 1)
    traps: list[tuple[str, int | None]] = [("huge", HUGE[0]), *(("truncated", number) for number in TRUNCATED)]
    traps += [("empty", EMPTY), ("lost", None), ("CMYK", None), ("L", None)]
    free = [i for i in train if i not in (twin, twin - 1)]
    for i, (plant, number) in zip(random.permutation(free)[: len(traps)].tolist(), traps, strict=True):
        works[i] = replace(works[i], plant=plant, number=number or works[i].number)
    broken = int(random.choice(test))
    works[broken] = replace(works[broken], plant="garbage", number=GARBAGE)
    return works


def comparisons(works: list[Work], seed: int) -> Iterator[tuple[str, str, str]]:
    """Yield the rows of the submission: within each group of test images, every two of them."""
    random = generator(seed, "painters", "comparisons")
    mine: dict[int, list[int]] = {}
    for work in works:
        if not work.in_train:
            mine.setdefault(work.artist, []).append(work.number)
    tests = sum(map(len, mine.values()))
    groups: list[list[int]] = [[] for _ in range(max(1, round(tests / PAIRED)))]
    for artist in random.permutation(list(mine)).tolist():  # an artist's images stay together
        min(groups, key=len).extend(mine[artist])
    index = 0
    for group in groups:
        pairs = list(combinations([group[i] for i in random.permutation(len(group))], 2))
        for i in random.permutation(len(pairs)):
            yield str(index), f"{pairs[i][0]}.jpg", f"{pairs[i][1]}.jpg"
            index += 1
