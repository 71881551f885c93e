"""The headers of the National Gallery of Art's open data as of 2026, and tables written from what is known of a row."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tlk.files import write_text
from tlk.tables import format_table

BYTE_ORDER_MARK = "\ufeff"
HEADERS = {
    "objects.csv": (
        "objectid", "uuid", "accessioned", "accessionnum", "locationid", "title", "displaydate", "beginyear", "endyear",
        "visualbrowsertimespan", "medium", "dimensions", "inscription", "markings", "attributioninverted",
        "attribution", "provenancetext", "creditline", "classification", "subclassification",
        "visualbrowserclassification", "parentid", "isvirtual", "departmentabbr", "portfolio", "series", "volume",
        "watermarks", "lastdetectedmodification", "wikidataid", "customprinturl",
    ),
    "published_images.csv": (
        "uuid", "iiifurl", "iiifthumburl", "viewtype", "sequence", "width", "height", "maxpixels", "openaccess",
        "created", "modified", "depictstmsobjectid", "assistivetext",
    ),
    "objects_terms.csv": ("termid", "objectid", "termtype", "term", "visualbrowsertheme", "visualbrowserstyle"),
    "media_items.csv": (
        "mediaid", "mediatype", "title", "description", "duration", "language", "thumbnailurl", "playurl",
        "downloadurl", "keywords", "tags", "imageurl", "presentationdate", "releasedate", "lastmodified",
    ),
    "media_relationships.csv": ("mediaid", "relatedid", "relatedentity"),
}  # fmt: skip
Row = Mapping[str, object]


def write_rows(folder: Path, name: str, rows: Iterable[Row], marked: bool = False) -> None:
    """Write the table called `name`; what a row does not say is empty; `marked` puts a byte-order mark before it."""
    header = HEADERS[name]
    lines = [tuple(str(row.get(column, "")) for column in header) for row in rows]
    write_text(folder / name, (BYTE_ORDER_MARK if marked else "") + format_table(header, lines))
