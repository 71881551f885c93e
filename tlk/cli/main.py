"""The command line: one file a command, errors that help, exit codes 0, 1 and 2."""

import errno
import os
import re
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import typer

from tlk.cli import (
    bench,
    cache,
    check_submission,
    compare,
    data,
    demo,
    demo_art,
    embed,
    ensemble,
    evaluate,
    explain,
    folds,
    interrupts,
    predict,
    recipes,
    report,
    runs,
    search,
    streams,
    submissions,
    submit,
    train,
)
from tlk.errors import UserError, printable
from tlk.offline import guard_network
from tlk.processes import leave, world_size

INTERRUPTED = "interrupted; what was complete is kept"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)  # faults of a disk, whoever meets them
_OF_THE_PLACE = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)  # and of a file or folder
# What torch.distributed raises where the other end of a connection is gone: kinds of its own, or a bare RuntimeError.
_OTHER_ENDED = re.compile(
    r"DistNetworkError|DistStoreError|Connection (closed by peer|reset by peer|refused)|remote proc"
)

app = typer.Typer(
    name="tlk",
    help="Which of these twenty pictures looks like that one? Folds, embeddings, heads, submissions.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data")
app.add_typer(submissions.app, name="submissions")
app.command("demo")(demo.demo)
app.command("demo-art")(demo_art.demo_art)
app.command("folds")(folds.folds)
app.command("recipes")(recipes.recipes)
app.command("train")(train.train)
app.command("embed")(embed.embed)
app.command("eval")(evaluate.evaluate)
app.command("ensemble")(ensemble.ensemble)
app.command("predict")(predict.predict)
app.command("search")(search.search)
app.command("report")(report.report)
app.command("explain")(explain.explain)
app.command("compare")(compare.compare)
app.command("bench")(bench.bench)
app.command("cache")(cache.cache)
app.command("runs")(runs.runs)
app.command("check-submission")(check_submission.check_submission)
app.command("submit")(submit.submit)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    if version:
        from tlk import __version__

        print(f"tlk {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Run the command line and leave with its exit code."""
    streams.open_missing()
    for stream in (sys.stdout, sys.stderr):  # a pipe on Windows, or an old locale, knows no → and no −
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    interrupts.listen()
    guard_network()
    code = run(sys.argv[1:])
    interrupts.stop()
    leave(code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code: 0 done, 1 a bug of ours, 2 for the user to mend, 130 interrupted."""
    try:
        _require_unicode(arguments)
        result: Any = app(arguments, prog_name="tlk", standalone_mode=False)
        sys.stdout.flush()
    except UserError as error:
        return _complain(str(error), 2)
    except KeyboardInterrupt:
        return _complain(INTERRUPTED, 130)
    except BrokenPipeError:
        streams.give_up(sys.stdout)
        return 0
    except SystemExit as left:
        if not isinstance(left.__context__, BrokenPipeError):
            raise
        streams.give_up(sys.stdout)  # Typer leaves with 1, as if something had failed
        return 0
    except Exception as error:
        return _explain(error)
    if result == 130:  # Typer turns an interruption into this
        return _complain(INTERRUPTED, 130)
    return result if isinstance(result, int) else 0


def _explain(error: Exception) -> int:
    """Say what went wrong, and return the exit code."""
    if interrupts.was_pressed():  # a library that is interrupted while it is loaded says something else
        return _complain(INTERRUPTED, 130)
    # Typer brings its own copy of click or uses the installed one, by version: known by what they can do.
    if hasattr(error, "format_message"):
        return _complain(_usage(error), 2)
    if isinstance(error, OSError) and error.errno in _FULL:
        return _complain(_full(error), 2)
    if isinstance(error, OSError) and error.errno in _OF_THE_PLACE and error.filename is not None:
        what = f"cannot use {os.fsdecode(error.filename)}: {error.strerror}"
        return _complain(f"{what}\nmend its rights or its name, or choose another place", 2)
    if world_size() > 1 and _OTHER_ENDED.search(f"{type(error).__name__} {error}"):
        return _complain("another of the processes has ended, so this one does, too\nits own message says why", 2)
    why = (str(error).strip().splitlines() or [""])[0][:300]
    return _complain(f"tlk failed: {type(error).__name__}: {why}\n{_log()}", 1)


def _require_unicode(arguments: list[str]) -> None:
    """Raise a UserError for a name that is not UTF-8, of an old zip perhaps: neither tables nor pages could hold it."""
    given = [*arguments, *(value for key, value in os.environ.items() if key.startswith("TLK_"))]
    for text in given:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UserError(f"{printable(text)}: the name is not UTF-8\nrename the file or folder") from error


def _full(error: OSError) -> str:
    what = "a temporary file or what is printed" if error.filename is None else error.filename
    places = f"temporary files go to TMPDIR, now {os.environ.get('TMPDIR') or 'not set'}"
    return f"cannot write {what}: {error.strerror}\nfree some space, or choose another place; {places}"


def _complain(message: str, code: int) -> int:
    lines = map(printable, message.split("\n")[:3])  # what a file holds is not to steer the terminal
    try:
        sys.stderr.write("error: " + "\n".join(lines) + "\n")  # at once: of several processes all speak
        sys.stderr.flush()
    except BrokenPipeError:  # whoever reads no messages still gets the code
        streams.give_up(sys.stderr)
    return code


def _usage(error: Any) -> str:
    message = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "tlk"
    return f"{message}\nsee: {command} --help"


def _log() -> str:
    """Keep the traceback and say where it lies."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="tlk-", suffix=".log", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(" ".join(sys.argv) + "\n")
            traceback.print_exc(file=file)
    except OSError as error:  # a full disk may well be what it is about
        return (
            f"this may be a bug of tlk; its traceback could not be kept: {error.strerror}\nset TMPDIR to another folder"
        )
    return f"this is a bug of tlk, not of yours: the traceback is in {Path(file.name)}"
