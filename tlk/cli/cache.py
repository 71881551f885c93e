"""`tlk cache`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tlk.cli.console import Console, DataOption, JsonOption, print_json, print_table


def cache(
    prune: Annotated[bool, typer.Option("--prune", help="Forget what belongs to images that are gone.")] = False,
    data: DataOption = None,
    forget: Annotated[
        list[Path] | None,
        typer.Option("--forget", metavar="DIR", help="With --prune: data whose images count as gone; may be repeated."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """List what the cache holds, or forget what belongs to images that are no longer there."""
    from tlk.errors import UserError
    from tlk.files import in_bytes
    from tlk.workflows.cache import list_cache, prune_cache
    from tlk.workflows.workspace import Workspace

    workspace = Workspace.here(data)
    if prune:
        freed = prune_cache(workspace, data, forget or [], Console())
        if json:
            print_json(freed)
            return
        what = f"{freed['vectors']:,} vectors and {freed['images']:,} decoded images"
        print(f"{workspace.cache}: {what} forgotten, {in_bytes(freed['freed'])} became free")
        return
    if data or forget:
        raise UserError("--data and --forget belong to --prune\ntlk cache --prune forgets, tlk cache alone lists")
    held = list_cache(workspace)
    print_json(held) if json else _print(held)


def _print(held: dict[str, Any]) -> None:
    from tlk.files import in_bytes

    if not held["size"]:
        print(f"the cache {held['cache']} is empty")
        return
    rows = [(view["name"], f"{view['vectors']:,}", view["size"]) for view in held["views"]]
    for pixels in held["pixels"]:
        images = pixels["images"]
        name = "decoded images" if images is not None else "decoded images of another version: --prune removes them"
        rows.append((name, f"{images:,}" if images is not None else "", pixels["size"]))
    rows += [(f"exported network {export['name']}", "", export["size"]) for export in held["exports"]]
    if held["leftovers"]:
        rows.append(("left by what was killed: --prune removes it", "", held["leftovers"]))
    rows.append(("together", "", held["size"]))
    print_table([held["cache"], "number", "size"], [[name, number, in_bytes(size)] for name, number, size in rows])
    if held["sources"]:
        print(f"of the images in {', '.join(held['sources'])}")
