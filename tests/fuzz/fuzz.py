"""Coverage-guided fuzzing: `python tests/fuzz/fuzz.py csv --runs 100000`; what fails is kept in a folder and printed.

atheris (libFuzzer) ends the process that it runs in, so each target has one of its own: this file, started again with
`--inside`.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SEEDS = HERE / "seeds"
SECONDS, MEGABYTES = 10, 1024  # that one input may take: longer is a hang, more a blow-up
PLANTED = {"planted": "fail", "planted-memory": "refuse_nothing", "planted-hang": "never_end"}


@dataclass(frozen=True)
class Outcome:
    """How many inputs were executed, the inputs that failed, and what was said."""

    executed: int
    failing: tuple[bytes, ...]
    said: str


def fuzz(target: str, runs: int, seed: int = 1, seconds: int = SECONDS) -> Outcome:
    """Run `runs` inputs, or up to the first that fails: an exception, a hang, or too much memory."""
    with tempfile.TemporaryDirectory(prefix="tlk-fuzz-") as folder:
        corpus, artifacts = Path(folder, "corpus"), Path(folder, "artifacts")
        corpus.mkdir()
        artifacts.mkdir()
        options = [f"-runs={runs}", f"-seed={seed}", f"-timeout={seconds}", f"-rss_limit_mb={MEGABYTES}"]
        options += ["-print_final_stats=1", f"-artifact_prefix={artifacts}/", str(corpus)]
        if (SEEDS / target).is_dir():
            options.append(str(SEEDS / target))
        if (HERE / f"{target}.dict").exists():
            options.append(f"-dict={HERE / f'{target}.dict'}")
        # By a shell that forks: a process begins with the peak memory of whoever started it, here with that of pytest.
        command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, str(HERE / "fuzz.py"), "--inside", target]
        command += options
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", cwd=folder, check=False)
        said = done.stdout + done.stderr
        failing = tuple(path.read_bytes() for path in sorted(artifacts.iterdir()))
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", said)
    if (done.returncode != 0) != bool(failing) or (executed is None and not failing):
        raise RuntimeError(f"the fuzzer itself failed with {done.returncode}:\n{said[-3000:]}")
    return Outcome(int(executed[1]) if executed else 0, failing, said)


def _inside(target: str, options: list[str]) -> None:
    """Become a libFuzzer process: never returns."""
    import atheris

    sys.path[:0] = [str(HERE), str(HERE.parent.parent)]
    with atheris.instrument_imports(include=["tlk", "planted"]):
        import planted
        import targets
    warnings.simplefilter("error")  # of ours; Pillow's are ignored on purpose
    warnings.filterwarnings("ignore", module=r"PIL\.")
    if target in PLANTED:
        test, longest = getattr(planted, PLANTED[target]), 16
    else:
        test, longest = targets.TARGETS[target], targets.LONGEST[target]
    atheris.Setup([sys.argv[0], *options, f"-max_len={longest}"], test)
    atheris.Fuzz()


def main() -> int:
    """Fuzz what the command line says; 1 if an input failed."""
    if sys.argv[1:2] == ["--inside"]:
        _inside(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description="Fuzz one of the readers.")
    parser.add_argument("target")
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("failing"), help="where inputs that fail are put")
    given = parser.parse_args()
    outcome = fuzz(given.target, given.runs, given.seed)
    for number, content in enumerate(outcome.failing):
        given.keep.mkdir(parents=True, exist_ok=True)
        (given.keep / f"{given.target}-{given.seed}-{number}").write_bytes(content)
    if outcome.failing:
        print(outcome.said[-4000:])
    print(f"{given.target}: {outcome.executed:,} inputs, {len(outcome.failing)} failed")
    return 1 if outcome.failing else 0


if __name__ == "__main__":
    sys.exit(main())
