"""Alarms that share a control: published figures, bounds, and draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from evalkit.stats.shared_control import alarm_with_luck, any_alarm


def test_dunnetts_critical_value():
    """Dunnett (1955), JASA 50:1096, table 1a: one-sided 5%, infinite freedom, two treatments 1.92 and five 2.23."""
    assert any_alarm(float(ndtr(-1.92)), 2) == pytest.approx(0.05, abs=5e-4)
    assert any_alarm(float(ndtr(-2.23)), 5) == pytest.approx(0.05, abs=7e-4)


@given(st.floats(0.001, 0.2), st.integers(1, 200), st.floats(0.0, 0.9))
def test_sharing_never_makes_any_alarm_more_likely(level, n, shared):
    chance = any_alarm(level, n, shared)
    assert level - 1e-6 <= chance <= 1.0 - (1.0 - level) ** n + 1e-6
    assert any_alarm(level, 1, shared) == pytest.approx(level, abs=1e-6)


def test_drawn_comparisons_alarm_as_often():
    rng = np.random.default_rng(7)
    luck = rng.normal(size=(20_000, 1))
    alarms = (rng.normal(size=(20_000, 10)) - luck) / np.sqrt(2) < -1.959964
    assert alarms.any(axis=1).mean() == pytest.approx(any_alarm(0.025, 10), abs=0.008)
    lucky = np.abs(luck[:, 0] - 1.645) < 0.1
    assert alarms[lucky].mean() == pytest.approx(float(alarm_with_luck(0.025, 1.645)), abs=0.02)
