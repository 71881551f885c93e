"""The scales of a run's scores, fitted out-of-fold once: what a prediction needs of them."""

from tlk.registry import Parameters
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.sampled_lists import SampledLists


class Calibration(Parameters):
    """The deviation of each fold's scores, and the temperature at which lists are matched."""

    deviations: tuple[float, ...]
    temperature: float


def calibrate(oof: OutOfFold) -> Calibration:
    """Return the scales that all folds deserve, for lists that are not among them."""
    sampled = SampledLists.of(oof)
    return Calibration(deviations=tuple(sampled.deviations().tolist()), temperature=sampled.temperature())
