"""Audio and video of the stand-in: talks whose stills are no portraits, related to objects and to people by number."""

from pathlib import Path

import numpy as np

from tlk.data.jpeg import to_jpeg
from tlk.data.standins.canvas import draw_painting
from tlk.data.standins.hands import draw_hand
from tlk.data.standins.nga_tables import write_rows
from tlk.seeding import derive_seed, generator

ITEMS, STILLS = 14, 5  # several talks share a still
ENTITIES = ("nga:art:tms:objects", "nga:art:tms:constituents")
TALKS = (
    "Conversations with Artists: Part 5, Severed Heads", 'Docent Talk: "George Example," c. 1780', "Lecture, Español",
    "The Portrait,\r\nand After",
)  # fmt: skip


def write_media(folder: Path, iiif: str, objectids: list[int], seed: int) -> None:
    """Write both media tables, and the stills below iiif/media; constituents have numbers that objects have too."""
    random = generator(seed, "nga", "media")
    _write_stills(folder / "iiif" / "media", seed)
    items: list[dict[str, object]] = []
    relations: list[dict[str, object]] = []
    for number in range(ITEMS):
        mediaid = int(random.integers(10**7, 10**9)) if number % 3 else int(random.integers(10**12, 6 * 10**12))
        items.append(_item(mediaid, number, iiif, random))
        related = random.choice(len(objectids), min(3, len(objectids)), replace=False).tolist()
        for i, place in enumerate(related[: 1 + number % 3]):
            entity = ENTITIES[(number + i) % 2]
            relations.append({"mediaid": mediaid, "relatedid": objectids[place], "relatedentity": entity})
    write_rows(folder, "media_items.csv", items)
    write_rows(folder, "media_relationships.csv", relations)


def _item(mediaid: int, number: int, iiif: str, random: np.random.Generator) -> dict[str, object]:
    still = f"{iiif}/media/still-{number % STILLS}.jpg" if number != ITEMS - 1 else ""  # the last one has none
    kind = "video" if number % 3 == 0 else "audio"
    return {
        "mediaid": mediaid,
        "mediatype": kind,
        "title": TALKS[number % len(TALKS)],
        "description": f'<p>A talk, in {number + 1} parts,\r\n<br>\r\n\r\nby "someone", at the Gallery.</p>\r\n',
        "duration": int(random.integers(100, 4000)) if number % 4 else "",
        "language": "en",
        "thumbnailurl": still,
        "playurl": f"https://example.org/player/?url={kind}%2F{mediaid}&download=true",
        "keywords": "portrait, talk" if number % 2 else "",
        "tags": f"ngaweb:audio-video/{kind},ngaweb:artobjects/{number}",
        "imageurl": still,
        "presentationdate": "2014-01-01 00:00:00-05",
        "releasedate": "2014-01-01 00:00:00-05",
        "lastmodified": f"2019-04-{number + 10} 12:20:14-04",
    }


def _write_stills(folder: Path, seed: int) -> None:
    folder.mkdir(parents=True)
    for number in range(STILLS):
        random = generator(seed, "nga", "still", number)
        image, _ = draw_painting(draw_hand(derive_seed(seed, "nga", "stills"), number), random)
        (folder / f"still-{number}.jpg").write_bytes(to_jpeg(image))
