"""Invented people and titles: accents, commas and names that look like titles, as real tables have them."""

from collections.abc import Sequence

import numpy as np

WOMEN = ("Ada", "Bożena", "Cécile", "Dorothea", "Élodie", "Frieda", "Giulia", "Hélène", "Ingrid", "Jadwiga", "Mária")
MEN = ("George", "Anselm", "Bartolomé", "Cornelis", "Désiré", "Emil", "Ferdinand", "Håkon", "Iacopo", "Jan", "Łukasz")
FAMILIES = (
    "Example", "Vaughan", "Müllner", "Açores", "Brandström", "de la Cueva", "van der Proef", "Quessel", "Ørsnes",
    "Pasternik", "Tessière", "Ulrichsen", "Żelichowski", "Whitlock", "Corradini", "Fairweather", "Nováček",
)  # fmt: skip
ODD_ARTISTS = ("Evening above the Harbour", "Fairweather, George, Jr.", "Þórný Ægisdóttir")
STYLES = (
    "Baroque", "Realism", "Impressionism", "Ukiyo-e", "Naïve Art (Primitivism)", "Abstract Art", "Romanticism", "",
)  # fmt: skip
MONTHS = ("January", "April", "July", "October")
TITLES: dict[str, Sequence[str]] = {
    "portrait": ("Portrait of a Man", "Self-Portrait", "Woman with a Collar, Facing Left", "Tête d'étude"),
    "animal painting": ("Horse and Two Birds", "A Cat Named Pim", 'Study of "Bruno"', "Fish, No. 2"),
    "still life": ("Still Life with Jug", "Fruit Still Life, with Vase", "Nature morte à la cruche", "Vessels"),
    "landscape": ("Landscape near L'Étang", "Trees, Evening", "The Farm", "Road with Firs"),
    "cityscape": ("Street in Nápoles", "Houses #260", "View of the Town, from the North", "Square"),
    "abstract": ("Untitled", "Composition VII", "Who's Afraid of Grey,  Green and Blue II", "Number 547"),
}


def artist_names(count: int, random: np.random.Generator) -> list[str]:
    """Return `count` names that differ, among the first ones a title, one with commas and one hardly ASCII."""
    people = [f"{first} {family}" for first in (*WOMEN, *MEN) for family in FAMILIES]
    shuffled = [people[i] for i in random.permutation(len(people))]
    further = (f"{name} {'I' * order}" for order in range(2, count) for name in shuffled)
    names = [*ODD_ARTISTS, *shuffled]
    while len(names) < count:
        names.append(next(further))
    return names[:count]


def date_of(year: int, random: np.random.Generator) -> str:
    """Return `year` as some hand entered it, or nothing."""
    ways = (f"{year}.0", f"{year}.0", str(year), str(year), f"c.{year}", f"{random.choice(MONTHS)} {year}", "", "")
    return str(ways[random.integers(len(ways))])


def title_of(genre: str, random: np.random.Generator) -> str:
    """Return a title for a painting, at times with spaces behind it, at times none."""
    if random.random() < 0.04:
        return ""
    options = TITLES[genre]
    return str(options[int(random.integers(len(options)))]) + " " * int(random.choice([0, 0, 0, 1, 2]))
