"""What `tlk train` was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tlk.training.deadline import Deadline
from tlk.training.profile import Profile


@dataclass(frozen=True)
class TrainOptions:
    """Options, as the command line or a notebook gives them."""

    recipe: str | None = None
    folds: Path | None = None
    run: str | None = None
    backbone: str | None = None
    settings: Sequence[str] = ()
    device: str = "auto"
    resume: bool = False
    overwrite: bool = False
    refit: bool = False
    log_with: str | None = None
    skip_bad: bool = False  # go on without the pairs whose images cannot be read
    profile: Profile | None = None  # is told where the time goes; of an ensemble, all members'
    deadline: Deadline = field(default_factory=Deadline)  # shared out among folds, members, stages
