"""What makes two images relevant to each other: named rules, each a label that both have.

An image without a label, as one whose artist is not known, is relevant to none. A rule is a column of the collection's
table, or what is read out of one; `artist+sitter` joins two: both labels must agree.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np

from tlk.data.collection import Collection
from tlk.errors import UserError

NONE = -1  # the label of an image that has none

# An artist who is not known is not one and the same.
_NOBODY = re.compile(r"^(anonymous|unknown|unidentified|\D*\b\d+(st|nd|rd|th)\b.*\bcentury)", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"[(\[][^)\]]*[)\]]")
_OF = re.compile(r"^(an? )?(self[- ])?(portrait|bust|head|study|likeness|miniature)s? of ", re.IGNORECASE)
# A title that names nobody in particular says nothing about who sits.
_NO_NAME = re.compile(
    r"^((an?|the|unknown|unidentified|young|old|two|three|four) |"
    r"(untitled|self[- ]portrait|portrait|studies|study|landscape|still life|"
    r"wom[ae]n|m[ae]n|girls?|boys?|child(ren)?|heads?|busts?|nudes?|figures?|lady|gentlem[ae]n)\b)",
    re.IGNORECASE,
)


def labels_of(collection: Collection, rules: Sequence[str], where: str = "--rules") -> np.ndarray:
    """Return the `(n, r)` labels of the images by each rule, numbers from 0, `NONE` where an image has none.

    `where` the rules were named is for messages.

    Raises:
        UserError: no such rule, or the table lacks the column that it reads.
    """
    if not rules:
        raise UserError(f"{where}: none is named\nthere are {', '.join(RULES)}, joined as in artist+theme")
    return np.stack([_joined(collection, rule, where) for rule in rules], axis=1)


def available_rules(collection: Collection) -> list[str]:
    """Return the rules whose columns the collection has."""
    return [name for name, (column, _) in RULES.items() if column in collection.columns]


def sitter(title: str) -> str:
    """Return who a portrait is of, as its title says it, or nothing where the title names nobody.

    `George Washington`, `Portrait of George Washington` and `George Washington (Vaughan Portrait)` are one sitter.
    """
    name = _OF.sub("", _IN_BRACKETS.sub("", title).strip())
    name = name.split(",")[0].split(";")[0].strip()
    return "" if _NO_NAME.match(name) else plain(name)


def plain(text: str) -> str:
    """Return a text without accents, case, and the spaces that do not count."""
    letters = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).casefold().split())


def known_artist(name: str) -> str:
    """Return an artist's name, or nothing where it stands for people who are not known."""
    return "" if _NOBODY.match(name.strip()) else plain(name)


RULES: dict[str, tuple[str, Callable[[str], str]]] = {
    "artist": ("artist", known_artist),
    "sitter": ("title", sitter),
    "title": ("title", plain),
    "series": ("series", plain),
    "style": ("style", plain),
    "genre": ("genre", plain),
    "terms": ("terms", plain),  # the same theme and pose terms, all of them
    "object": ("object", plain),  # views of one object
}


def _joined(collection: Collection, rule: str, where: str) -> np.ndarray:
    names = rule.split("+")
    unknown = [name for name in names if name not in RULES]
    if unknown:
        raise UserError(f"{where}: there is no rule {unknown[0]!r}\nthere are {', '.join(RULES)}")
    for name in names:
        if name not in (there := available_rules(collection)):
            what = f"{where}: {name!r} reads the column {RULES[name][0]!r}, which the collection does not have"
            raise UserError(f"{what}\nwith its columns there are {', '.join(there) or 'no rules'}")
    columns = [[RULES[name][1](text) for text in collection.column(RULES[name][0])] for name in names]
    texts = ["\0".join(cells) if all(cells) else "" for cells in zip(*columns, strict=True)]
    distinct = {text: number for number, text in enumerate(sorted(set(texts) - {""}))}
    return np.array([distinct.get(text, NONE) for text in texts], np.int64)
