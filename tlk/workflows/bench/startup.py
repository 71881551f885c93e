"""Start-up: `tlk --help` beside a Typer program that does nothing."""

import sys
import tempfile
from pathlib import Path
from statistics import median

from tlk.workflows.bench.measure import Row, run_program

_HELLO = "import typer\napp = typer.Typer()\n@app.command()\ndef hello() -> None:\n    print('hello')\napp()\n"
_ROUNDS = 11


def startup() -> list[Row]:
    """Return the comparison, medians of several turns."""
    with tempfile.TemporaryDirectory() as folder:
        hello = Path(folder) / "hello.py"
        hello.write_text(_HELLO)
        ours, theirs, peaks = [], [], []
        for _ in range(_ROUNDS):
            seconds, peak, _ = run_program([sys.executable, "-m", "tlk", "--help"])
            ours.append(seconds)
            peaks.append(peak)
            theirs.append(run_program([sys.executable, str(hello)])[0])
    what = "a Typer hello-world (which loads rich, as tlk --help does not)"
    return [Row("start-up", "tlk --help", median(ours), what, median(theirs), max(peaks))]
