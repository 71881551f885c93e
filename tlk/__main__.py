"""`tlk`, and `python -m tlk`."""

import sys


def main() -> None:
    """Run the command line and leave with its exit code; Ctrl-C counts from the first import on."""
    try:
        _run()
    finally:
        # Code made from text (a named tuple, a data class) that Ctrl-C has ended makes `python -m` end by the signal,
        # whoever caught the interruption and whatever the exit code; evaluating a text to its end takes that back.
        eval("None")  # noqa: S307  # ours


def _run() -> None:
    try:
        from tlk.cli.main import main as run
    except KeyboardInterrupt:  # pressed before there was anybody to say it
        sys.stderr.write("error: interrupted; what was complete is kept\n")
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
