"""Trains a small model with Lightning's Trainer: `python lightning_process.py DIR whole|rest`."""

import json
import sys
import warnings
from pathlib import Path

import torch

warnings.simplefilter("ignore")
from lightning.pytorch import LightningModule, Trainer, callbacks  # noqa: E402

import surefoot as sf  # noqa: E402
from surefoot.adapters.lightning import Observe, configure  # noqa: E402

EPOCHS, BATCHES = 4, 5


class Model(LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.inner = torch.nn.Linear(3, 1)
        self.rates = []

    def loss(self, batch):
        (x,) = batch
        return (self.inner(x) - x.sum(1, keepdim=True).sin()).square().mean()

    def training_step(self, batch, index):
        self.rates.append(self.optimizers().param_groups[0]["lr"])
        return self.loss(batch)

    def validation_step(self, batch, index):
        self.log("val_loss", self.loss(batch) + self.current_epoch)  # it only gets worse

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)
        lr = (sf.warmup(3) >> sf.cosine()) * sf.plateau(0.5, patience=0)
        return configure(optimizer, sf.adapters.torch.Scheduler(optimizer, lr, steps=EPOCHS * BATCHES))


def fit(folder, start=None):
    data = torch.utils.data.TensorDataset(torch.randn(BATCHES * 8, 3, generator=torch.Generator().manual_seed(1)))
    loader = torch.utils.data.DataLoader(data, batch_size=8)
    saving = callbacks.ModelCheckpoint(folder, "{epoch}", save_top_k=-1)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    model = Model()
    Trainer(max_epochs=EPOCHS, callbacks=[Observe(), saving], **quiet).fit(model, loader, loader, ckpt_path=start)
    return {"rates": model.rates, "weights": [p.tolist() for p in model.parameters()]}


def whole(folder):
    return fit(folder)


def rest(folder):
    return fit(folder / "rest", folder / "epoch=1.ckpt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, what = Path(sys.argv[1]), sys.argv[2]
    (folder / f"{what}.json").write_text(json.dumps(globals()[what](folder)))
