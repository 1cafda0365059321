"""Dropout masks depend on (seed, step, layer) alone, and are as random as they should be."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from surefoot.training.randomness import key, keyed, uniform


def masks(seed, step, layers=2, n=4000):
    with keyed(torch.tensor(key(seed, step))):
        return [F.dropout(torch.ones(n), 0.3, True) for _ in range(layers)]


def test_masks_are_named_by_seed_step_and_layer():
    again = masks(0, 1)
    assert all(torch.equal(a, b) for a, b in zip(masks(0, 1), again, strict=True))
    different = [again[0], again[1], masks(0, 2)[0], masks(1, 1)[0]]
    for i, a in enumerate(different):
        for b in different[:i]:
            # Independent masks agree on .7² + .3² = .58 of the places; 4000 places: ± .032 is four deviations.
            assert abs(float(((a > 0) == (b > 0)).double().mean()) - 0.58) < 0.032


def test_uniform_numbers_are_uniform():
    numbers = uniform(torch.tensor(key(5, 7)), 3, torch.Size((100, 1000))).double()
    assert 0 <= numbers.min() < numbers.max() < 1
    counts = torch.histc(numbers, 50, 0, 1)
    assert float(((counts - 2000) ** 2 / 2000).sum()) < 100  # χ² with 49 degrees: p = 2e-5
    flat = numbers.flatten() - 0.5
    assert abs(float((flat[1:] * flat[:-1]).mean()) / (1 / 12)) < 0.02


def test_expectations_are_kept():
    x = torch.full((200, 500), 2.0)
    with keyed(torch.tensor(11)):
        assert float(F.dropout(x, 0.3).mean()) == pytest.approx(2, rel=0.01)
        whole = F.dropout2d(x.reshape(20, 10, 25, 20), 0.3)
        assert ((whole == 0).flatten(2).all(-1) | (whole != 0).flatten(2).all(-1)).all()
        y = F.alpha_dropout(torch.randn(400, 500), 0.2, True)
        assert float(y.mean()) == pytest.approx(0, abs=0.02)
        assert float(y.std()) == pytest.approx(1, abs=0.02)
        assert torch.equal(F.dropout(x, 0.3, False), x)
        assert not F.dropout(x, 1.0).any()


def test_attention_without_dropout_is_torchs_and_with_it_keeps_the_mean():
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 5, 4, dtype=torch.float64) for _ in range(3))
    mask = torch.rand(5, 5) > 0.2
    mask[:, 0] = True
    for options in ({}, {"is_causal": True}, {"attn_mask": mask}, {"attn_mask": torch.randn(5, 5).double()}):
        expected = F.scaled_dot_product_attention(q, k, v, **options)
        with keyed(torch.tensor(1)):
            assert torch.equal(F.scaled_dot_product_attention(q, k, v, **options), expected)
        draws = []
        for noise in range(1000):
            with keyed(torch.tensor(noise)):
                draws.append(F.scaled_dot_product_attention(q, k, v, dropout_p=0.2, **options))
        torch.testing.assert_close(torch.stack(draws).mean(0), expected, atol=0.2, rtol=0)


def test_torchs_own_functions_come_back():
    before = F.dropout, F.scaled_dot_product_attention
    with pytest.raises(RuntimeError), keyed(torch.tensor(0)):
        nn.Dropout()(torch.ones(3)) + torch.ones(7)
    assert (F.dropout, F.scaled_dot_product_attention) == before
