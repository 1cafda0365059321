"""Accelerate with a scheduler: trained, saved, gone on with in a new process; and in two processes at once."""

import importlib.util

import pytest

import surefoot as sf

pytestmark = pytest.mark.skipif(importlib.util.find_spec("accelerate") is None, reason="accelerate is not installed")

PLAN = (0.1 * (sf.warmup(3) >> sf.cosine())).bind(12).values().repeat(2).tolist()  # two batches an update


def test_training_goes_on_in_a_new_process_as_if_nothing_had_happened(trained):
    whole, rest = trained("accelerate", "whole"), trained("accelerate", "rest")
    assert whole["rates"] == pytest.approx(PLAN, rel=1e-14)
    assert rest["rates"] == whole["rates"][10:]
    assert rest["weights"] == whole["weights"]
    assert "UserWarning: step()" not in whole["errors"]


def test_a_step_for_each_process_loses_nothing_and_is_said(trained, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    both = trained("accelerate", "whole", launcher=launcher)
    assert both["rates"] == pytest.approx(PLAN, rel=1e-14)
    assert "more than once for each update, as Accelerate does" in both["errors"]
