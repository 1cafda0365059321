"""Lightning's Trainer with a scheduler: trained, saved, gone on with in a new process."""

import importlib.util
import warnings

import pytest
import torch

import surefoot as sf

pytestmark = pytest.mark.skipif(importlib.util.find_spec("lightning") is None, reason="lightning is not installed")


def test_training_goes_on_in_a_new_process_as_if_nothing_had_happened(trained):
    whole, rest = trained("lightning", "whole"), trained("lightning", "rest")
    plan = (0.1 * (sf.warmup(3) >> sf.cosine())).bind(20).values()
    halved = [1.0] * 10 + [0.5] * 5 + [0.25] * 5  # the loss is worse after every epoch but the first
    assert whole["rates"] == pytest.approx((plan * halved).tolist(), rel=1e-14)
    assert rest["rates"] == whole["rates"][10:]
    assert rest["weights"] == whole["weights"]


def test_lightnings_default_of_once_an_epoch_is_noticed():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lightning.pytorch import LightningModule, Trainer

    class Model(LightningModule):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Linear(3, 1)

        def training_step(self, batch, index):
            return self.inner(batch[0]).square().mean()

        def configure_optimizers(self):
            optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
            self.scheduler = sf.adapters.torch.Scheduler(optimizer, sf.linear(), steps=20)
            return [optimizer], [self.scheduler]

    model = Model()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(20, 3)), batch_size=4)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        Trainer(max_epochs=2, enable_checkpointing=False, **quiet).fit(model, loader)
    said = [str(warning.message) for warning in seen if "'interval': 'step'" in str(warning.message)]
    assert len(said) == 1
    assert "after 5 updates" in said[0]
    assert model.scheduler.get_last_lr() == [pytest.approx(0.05)]
