"""Learning rates over the steps."""

from itertools import pairwise

import pytest

from tlk.recipe_schema import TrainingParameters
from tlk.training.schedule import rate_factor


def factors(steps: int = 100, **settings: object) -> list[float]:
    parameters = TrainingParameters.model_validate(settings)
    return [rate_factor(parameters, step, steps) for step in range(steps)]


def test_constant_is_constant() -> None:
    assert factors() == [1.0] * 100


def test_cosine_falls_from_one_to_almost_nothing() -> None:
    values = factors(schedule="cosine")
    assert values[0] == 1
    assert values[50] == pytest.approx(0.5)
    assert values[25] == pytest.approx(0.5 * (1 + 0.5**0.5))
    assert all(a > b for a, b in pairwise(values))
    assert 0 < values[-1] < 0.001


def test_warm_up_rises_in_equal_steps_then_the_schedule_begins() -> None:
    values = factors(schedule="cosine", warmup=0.2)
    rises = [b - a for a, b in pairwise(values[:21])]
    assert values[0] == pytest.approx(rises[0])  # the first step already learns
    assert rises == pytest.approx([1 / 21] * 20)
    assert values[20] == 1
    assert values[60] == pytest.approx(0.5)  # the cosine spans what is left
    assert factors(warmup=0.2)[19:] == pytest.approx([20 / 21] + [1.0] * 80)


def test_a_single_step_learns_at_the_full_rate() -> None:
    assert factors(steps=1, schedule="cosine", warmup=0.4) == [1.0]
