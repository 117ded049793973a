"""The beta law against scipy, where the test environment has it, and against its own symmetry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latentloom.engine.diffusion.beta import beta_cumulative, beta_quantile
from latentloom.engine.errors import UserError


@pytest.mark.parametrize("a, b", [(0.6, 0.6), (0.5, 2.0), (1.0, 1.0), (2.0, 5.0), (50.0, 50.0), (0.05, 0.3), (50, 0.5)])
def test_equals_scipy(a, b):
    stats = pytest.importorskip("scipy.stats")
    for i in range(1, 200):
        p = i / 200
        assert beta_quantile(p, a, b) == pytest.approx(float(stats.beta.ppf(p, a, b)), rel=1e-9, abs=1e-12)
        assert beta_cumulative(p, a, b) == pytest.approx(float(stats.beta.cdf(p, a, b)), rel=1e-10, abs=1e-14)


@given(st.floats(0.001, 0.999), st.floats(0.1, 50), st.floats(0.1, 50))
def test_quantile_inverts_the_law_and_mirrors(p, a, b):
    x = beta_quantile(p, a, b)
    assert beta_cumulative(x, a, b) == pytest.approx(p, abs=1e-7)
    assert beta_cumulative(0.3, a, b) == pytest.approx(1 - beta_cumulative(0.7, b, a), abs=1e-11)


def test_ends_and_refusals():
    assert beta_quantile(0.0, 2, 3) == 0.0
    assert beta_quantile(1.0, 2, 3) == 1.0
    assert beta_cumulative(-1, 2, 3) == 0.0
    for call, values in ((beta_quantile, (0.5, 0, 1)), (beta_quantile, (1.5, 1, 1)), (beta_cumulative, (0.5, 1, -1))):
        with pytest.raises(UserError, match="V131"):
            call(*values)
