"""`tlk bench`: which benches there are, and what they are run on."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tlk.data.demo import draw_competition
from tlk.errors import UserError
from tlk.workflows.bench.decode import decode
from tlk.workflows.bench.embed import embed
from tlk.workflows.bench.growth import growth
from tlk.workflows.bench.lists import lists
from tlk.workflows.bench.measure import Row
from tlk.workflows.bench.processes import processes
from tlk.workflows.bench.search import search
from tlk.workflows.bench.startup import startup
from tlk.workflows.progress import Reporter

_DRAWN_PAIRS, _DRAWN_QUERIES = 150, 100


def _epoch(data: Path) -> list[Row]:
    from tlk.workflows.bench.epoch import epoch

    return epoch(data)


def _mine() -> list[Row]:
    from tlk.workflows.bench.pml import pml

    return pml()


def benches(data: Path, backbone: str, size: int) -> dict[str, Callable[[], list[Row]]]:
    """Return what can be measured, by name: on the competition in `data`, or on `size` drawn embeddings."""
    sizes = tuple(count for count in (1_000, 10_000, 100_000) if count <= size)
    return {
        "start-up": startup,
        "decode": lambda: decode(data),
        "embed": lambda: embed(data, backbone),
        "search": lambda: [*search(size), *_mine()],
        "lists": lambda: [*lists(2_000), *lists(2 * size)],
        "epoch": lambda: _epoch(data),
        "processes": lambda: processes(data, backbone),
        "growth": lambda: growth(sizes),
    }


NAMES = tuple(benches(Path(), "", 1_000))


def run_benches(names: Sequence[str], data: Path, backbone: str | None, size: int, reporter: Reporter) -> Iterator[Row]:
    """Yield the rows of the named benches, or of all of them, as they are measured.

    Where there is no competition in the folder `data`, one is drawn; without a backbone a MobileNetV2 with random
    weights takes its place: the work is the same.

    Raises:
        UserError: no such bench, or its data cannot be used.
    """
    if data.is_file():
        raise UserError(f"tlk bench: {data} is no folder, and the plain loop beside it reads files\nunpack it first")
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise UserError(f"tlk bench {unknown[0]}: there is no such bench\nthere are: {', '.join(NAMES)}, ablation")
    with tempfile.TemporaryDirectory() as folder:
        images = data if data.exists() else _drawn(Path(folder), reporter)
        known = benches(images, backbone or _random_backbone(Path(folder), reporter), size)
        for name in names or NAMES:
            reporter.note(f"measuring: {name}")
            yield from known[name]()


def _drawn(folder: Path, reporter: Reporter) -> Path:
    reporter.note(f"no competition there: drawing one of {_DRAWN_PAIRS} pairs")
    draw_competition(folder / "drawn", _DRAWN_PAIRS, _DRAWN_QUERIES, 0)
    return folder / "drawn"


def _random_backbone(folder: Path, reporter: Reporter) -> str:
    from tlk import torchvision_schemas

    torchvision_schemas.declare()
    import timm
    from timm.models import save_for_hf

    reporter.note("no --backbone: a MobileNetV2 with random weights does the same work")
    place = folder / "mobilenetv2_100"
    save_for_hf(timm.create_model("mobilenetv2_100", pretrained=False), place, safe_serialization=True)
    return f"local-dir:{place}"
