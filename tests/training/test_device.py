"""What differs on an accelerator, reckoned where there is none."""

import torch

from surefoot.training.device import ROOM, SHARE, room_on, rounding_on


def test_rows_take_a_share_of_what_is_free_on_the_device(monkeypatch):
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (10_000, 80_000))
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda device: 5_000)
    monkeypatch.setattr("torch.cuda.memory_allocated", lambda device: 3_000)
    assert room_on(torch.device("cuda")) == SHARE * 12_000
    monkeypatch.setattr("torch.mps.recommended_max_memory", lambda: 9_000)
    monkeypatch.setattr("torch.mps.current_allocated_memory", lambda: 1_000)
    assert room_on(torch.device("mps")) == SHARE * 8_000
    assert room_on(torch.device("xpu")) == ROOM


def test_a_device_without_float64_says_what_that_means():
    assert "float32" in rounding_on(torch.device("mps"))
    assert rounding_on(torch.device("cuda")) == ""
