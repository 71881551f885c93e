"""What the stand-in of the National Gallery of Art owns: portraits of its sitters, other pictures, and a copy."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from tlk.data.standins.canvas import paint
from tlk.data.standins.hands import Genre, Hand, draw_hand, varied
from tlk.data.standins.names import title_of
from tlk.data.standins.sitters import Sitter, Technique, draw_portrait, draw_sitter, in_technique
from tlk.data.standins.subjects import compose
from tlk.seeding import derive_seed, generator

PORTRAITS = (2, 6)  # of one sitter, the upper bound not reached
TECHNIQUES: tuple[Technique, ...] = ("Painting",) * 6 + ("Print",) * 3 + ("Drawing",)
SERIES = ("Worthies of the Age, Part I", "Illustrious Heads")
Term = tuple[str, str, str]  # termtype, term, visualbrowsertheme


@dataclass(frozen=True)
class Artwork:
    """One object and how it looks: `image` is (h, w, 3) uint8 RGB; `artist` and `series` ("" for none) are shared."""

    objectid: int
    artist: int
    title: str
    technique: Technique
    series: str
    terms: tuple[Term, ...]
    image: np.ndarray


def draw_artworks(sitters: int, artists: int, seed: int) -> Iterator[Artwork]:
    """Yield every artwork: all portraits, one of them followed by a copy, then landscapes and still lifes."""
    hands = [draw_hand(derive_seed(seed, "nga"), artist) for artist in range(artists)]
    ids = object_ids(seed)
    for number in range(sitters):
        sitter, random = draw_sitter(seed, number), generator(seed, "nga", "portraits", number)
        order = random.permutation(artists).tolist()
        for i in range(int(random.integers(*PORTRAITS))):
            work = _portrait(next(ids), sitter, order[i % artists], hands, random)
            yield work
            if number == i == 0:
                yield _copy(work, next(ids), order[-1])
    for number in range(max(2, sitters // 2)):
        yield _other(next(ids), number, hands, generator(seed, "nga", "others", number))


def object_ids(seed: int) -> Iterator[int]:
    """Yield object ids that differ: 0 first, then one of 13 digits, then those of the usual size."""
    yield from (0, 4582030750001)
    for number in generator(seed, "nga", "ids").permutation(230_000):
        yield int(number) + 1


def _portrait(
    objectid: int, sitter: Sitter, artist: int, hands: list[Hand], random: np.random.Generator
) -> Artwork:  # fmt: skip
    image, pose = draw_portrait(sitter, hands[artist], random)
    technique = TECHNIQUES[random.integers(len(TECHNIQUES))] if objectid else "Painting"  # the one that is copied
    family = sitter.name.split(" ", 1)[1]
    titles = (
        sitter.name, sitter.name, f"Portrait of {sitter.name}", f"{sitter.name} ({family} Portrait)",
        f"{sitter.name}, Half-Length",
    )  # fmt: skip
    terms: list[Term] = [
        ("Theme", "portrait", "portrait"),
        ("Theme", "female" if sitter.female else "male", "portrait"),
        ("Keyword", "Woman" if sitter.female else "Man", ""),
    ]
    if random.random() < 0.85:  # the others have not been catalogued so far
        terms.append(("Theme", pose, "portrait"))
    series = SERIES[artist % 2] if technique == "Print" and random.random() < 0.7 else ""
    image = in_technique(image, technique, random)
    title = titles[random.integers(len(titles))]
    return Artwork(objectid, artist, title, technique, series, tuple(terms), image)


def _copy(work: Artwork, objectid: int, artist: int) -> Artwork:
    """Return an object of another artist that shows the same picture, its rim trimmed and a little darker."""
    image = (work.image[2:-2, 2:-2] * 0.95).astype(np.uint8)
    return replace(work, objectid=objectid, artist=artist, image=image)


def _other(objectid: int, number: int, hands: list[Hand], random: np.random.Generator) -> Artwork:
    genre: Genre = "landscape" if number % 2 else "still life"
    artist = int(random.integers(len(hands)))
    today = varied(hands[artist], random)
    shape = (int(random.integers(200, 260)), int(random.integers(260, 321)))
    image = paint(compose(genre, today, shape, random), today, shape, random)
    technique = TECHNIQUES[random.integers(len(TECHNIQUES))]
    terms: tuple[Term, ...] = (("Theme", genre, "landscape" if number % 2 else "still life"),)
    terms += (("Keyword", genre.capitalize(), ""),)
    title = title_of(genre, random).strip() or "Untitled"
    return Artwork(objectid, artist, title, technique, "", terms, in_technique(image, technique, random))
