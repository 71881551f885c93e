"""How a run on a collection did, as tables."""

from typing import Any

from tlk.cli.console import percent, print_table
from tlk.percent import gallery_rows


def print_verification(row: dict[str, Any] | None) -> None:
    """Print what the pairs of the test part and its gallery say; nothing for a run on a competition."""
    if row is None:
        return
    lines = []
    for kind, one in row["pairs"].items():
        accuracy, area = percent(one["accuracy"], one["ci95"]), percent(one["auc"], one["auc_ci95"])
        lines.append([kind, f"{one['n']:,}", accuracy, area, f"{one['positive']:.2f} / {one['negative']:.2f}"])
    title = f"pairs of the test part, called matched above {row['threshold']:.3f}, as the validation part says"
    print_table(["pairs", "n", "accuracy %", "ROC AUC %", "means"], lines, title)
    lines = [list(line) for line in gallery_rows(row)]
    if lines:
        print_table(["found by", "queries", "%", "chance %"], lines, "among all images of the test part")
