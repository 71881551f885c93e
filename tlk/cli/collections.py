"""`tlk data nga`, `tlk data painters` and `tlk data pairs`: real art collections, turned into pairs."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlk.cli.console import Console, JsonOption, print_json, print_table

if TYPE_CHECKING:
    from tlk.workflows.data_nga import NgaDone

OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the collection will lie.")]
SizeOption = Annotated[int, typer.Option(min=16, max=4096, help="The longer side in pixels.")]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Take the first so many alone.")]


class Images(StrEnum):
    """Which table says where the images are."""

    PUBLISHED = "published"
    MEDIA = "media"


class Views(StrEnum):
    """Which views of an object are taken."""

    PRIMARY = "primary"
    ALL = "all"


def nga(
    opendata: Annotated[Path, typer.Option(metavar="DIR", help="The open-data tables, as CSV or zipped.")],
    out: OutOption,
    images: Annotated[
        Images, typer.Option(help="Those of the objects, or stills of the talks and films about them.")
    ] = Images.PUBLISHED,
    only: Annotated[str | None, typer.Option(help="A classification, such as painting.")] = None,
    theme: Annotated[str | None, typer.Option(help="A theme, such as portrait.")] = None,
    views: Annotated[Views, typer.Option(help="One image an object, or all.")] = Views.PRIMARY,
    restricted: Annotated[
        bool, typer.Option("--restricted", help="Also images not in open access, in the size that is allowed.")
    ] = False,
    size: SizeOption = 512,
    limit: LimitOption = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch the images that are not there yet.")] = False,
    concurrency: Annotated[int, typer.Option(min=1, max=16, help="Requests at a time.")] = 4,
    per_second: Annotated[float, typer.Option(help="Requests a second, at most.")] = 5.0,
    contact: Annotated[
        str, typer.Option(help="An address or a page that the server's keeper is told, to complain to.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Make a collection of the National Gallery of Art's open data."""
    from tlk.data.politeness import Manners, user_agent
    from tlk.workflows.data_nga import FAILURES, TO_TAKE, NgaOptions, make_nga

    options = NgaOptions(
        images=images.value,
        only=only,
        theme=theme,
        all_views=views is Views.ALL,
        restricted=restricted,
        size=size,
        limit=limit,
        download=download,
    )
    manners = Manners(concurrency=concurrency, per_second=per_second, user_agent=user_agent(contact))
    console = Console()
    done = make_nga(opendata, out, options, console, manners)
    if done.failures:
        what = f"{len(done.failures):,} of {done.counted[TO_TAKE]:,} images could not be downloaded"
        console.note(f"{what}: why stands in {out / FAILURES}; the same command tries them again")
    if json:
        failures = [{"url": one.url, "file": str(one.path), "why": one.why} for one in done.failures]
        print_json({"counted": done.counted, "failures": failures})
    else:
        _print_nga(done, out, download)


def _print_nga(done: "NgaDone", out: Path, download: bool) -> None:
    from tlk.workflows.data_nga import DOWNLOADS, THERE, TO_TAKE

    print_table(["", "number"], [[what, f"{number:,}"] for what, number in done.counted.items()])
    missing = done.counted[TO_TAKE] - done.counted[THERE]
    if missing and not download:
        print(f"{missing:,} images are missing: --download gets them; their addresses are in {out / DOWNLOADS}")
    if done.counted[THERE]:
        print(f"next: tlk data pairs {out}")


def painters(
    archives: Annotated[Path, typer.Option(metavar="DIR", help="The competition's zips and tables, as downloaded.")],
    out: OutOption,
    size: SizeOption = 512,
    limit: LimitOption = None,
    json: JsonOption = False,
) -> None:
    """Make a collection of Painter by Numbers, without unpacking its archives."""
    from tlk.workflows.data_painters import FAILURES, make_painters

    console = Console()
    done = make_painters(archives, out, size, limit, console)
    lost = done.rows - done.written - done.already_there
    if lost:
        console.note(f"{lost:,} of {done.rows:,} images are not in the collection: why stands in {out / FAILURES}")
    if json:
        print_json(vars(done))
        return
    print_table(["", "number"], [[what.replace("_", " "), f"{number:,}"] for what, number in vars(done).items()])
    if lost < done.rows:
        print(f"next: tlk data pairs {out}")


def pairs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A collection.")],
    rules: Annotated[
        str,
        typer.Option(
            help="What relates two images, separated by commas: artist, sitter, title, series, style, genre, terms, "
            "object; '+' joins, as in artist+genre."
        ),
    ] = "artist",
    split: Annotated[str, typer.Option(help="Training, validation and test in percent.")] = "60/20/20",
    disjoint: Annotated[
        str | None, typer.Option(metavar="RULE", help="What this rule relates is in one part: artist, for example.")
    ] = None,
    unseen: Annotated[int, typer.Option(metavar="PERCENT", help="Of the artists, in the test part alone.")] = 0,
    balance: Annotated[
        str | None, typer.Option(metavar="N|smallest", help="At most so many images of an artist.")
    ] = None,
    per_image: Annotated[int, typer.Option(help="Partners drawn for an image, at most.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another split and other pairs.")] = 0,
    json: JsonOption = False,
) -> None:
    """Divide a collection into parts and draw pairs that match, and pairs that do not, in each."""
    from tlk.workflows.data_pairs import PairOptions, make_pairs, parse_shares
    from tlk.workflows.workspace import Workspace

    options = PairOptions(
        rules=tuple(rule.strip() for rule in rules.split(",")),
        shares=parse_shares(split),
        disjoint=disjoint,
        unseen=unseen,
        balance=balance,
        per_image=per_image,
        seed=seed,
    )
    done = make_pairs(Workspace.here(folder), options, Console())
    counts = [
        {"rule": rule, "part": part, "matched": matched, "unmatched": unmatched}
        for (rule, part), (matched, unmatched) in done.pairs.items()
    ]
    if json:
        print_json(vars(done) | {"pairs": counts})
        return
    images = ", ".join(f"{number:,} for {part}" for part, number in done.images.items())
    left_out = f", {done.left_out:,} left out" if done.left_out else ""
    print(f"images: {images}{left_out}; in {done.groups:,} groups that are not parted")
    rows = [[f"{row['rule']}, {row['part']}", f"{row['matched']:,}", f"{row['unmatched']:,}"] for row in counts]
    print_table(["pairs", "matched", "unmatched"], rows)
