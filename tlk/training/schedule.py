"""The learning rate over a training: it rises during the warm-up, then stays or falls along a cosine.

Source: Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017, without restarts.
"""

import math

from tlk.recipe_schema import TrainingParameters


def rate_factor(settings: TrainingParameters, step: int, steps: int) -> float:
    """Return what the learning rates are multiplied by in a step, counted from 0, of `steps`.

    A function of the step alone: there is no state to save.
    """
    rising = round(settings.warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    if settings.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))
