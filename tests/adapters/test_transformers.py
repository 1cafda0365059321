"""The Trainer of Transformers with a scheduler: trained, saved, gone on with in a new process."""

import importlib.util

import pytest

import surefoot as sf

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="transformers is not installed"
)


def test_training_goes_on_in_a_new_process_as_if_nothing_had_happened(trained):
    whole, rest = trained("transformers", "whole"), trained("transformers", "rest")
    plan = (0.1 * (sf.warmup(3) >> sf.cosine())).bind(20).values()
    halved = [1.0] * 10 + [0.5] * 5 + [0.25] * 5  # no evaluation is better than the first by 90 %
    assert whole["rates"] == pytest.approx((plan * halved).tolist(), rel=1e-14)
    assert rest["rates"] == whole["rates"][10:]
    assert rest["weights"] == whole["weights"]
    assert rest["says"] == whole["says"]
