"""Trains a small model with the Trainer of Transformers: `python transformers_process.py DIR whole|rest`."""

import json
import sys
import warnings
from pathlib import Path

import torch

warnings.simplefilter("ignore")
from transformers import Trainer, TrainerCallback, TrainingArguments  # noqa: E402

import surefoot as sf  # noqa: E402
from surefoot.adapters.transformers import Observe  # noqa: E402

STEPS, HALF = 20, 10


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(3, 1)

    def forward(self, x, labels):
        predicted = self.inner(x)
        return {"loss": (predicted - labels).square().mean(), "logits": predicted}


class Rates(TrainerCallback):
    def __init__(self):
        self.seen = []

    def on_step_begin(self, args, state, control, optimizer=None, **others):
        self.seen.append(optimizer.param_groups[0]["lr"])


def train(folder, start=None):
    torch.manual_seed(0)
    model, rates = Model(), Rates()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    lr = (sf.warmup(3) >> sf.cosine()) * sf.plateau(0.5, patience=0, threshold=0.9)
    scheduler = sf.adapters.torch.Scheduler(optimizer, lr, steps=STEPS)
    x = torch.randn(64, 3, generator=torch.Generator().manual_seed(1))
    data = [{"x": each, "labels": each.sum(0, keepdim=True).sin()} for each in x]
    every = {"save_strategy": "steps", "save_steps": HALF, "eval_strategy": "steps", "eval_steps": 5}
    arguments = TrainingArguments(
        str(folder), max_steps=STEPS, per_device_train_batch_size=8, gradient_accumulation_steps=2, use_cpu=True,
        report_to="none", disable_tqdm=True, logging_strategy="no", seed=3, **every,
    )  # fmt: skip
    trainer = Trainer(
        model, arguments, train_dataset=data, eval_dataset=data, optimizers=(optimizer, scheduler),
        callbacks=[Observe(), rates],
    )  # fmt: skip
    trainer.train(resume_from_checkpoint=start and str(start))
    return {"rates": rates.seen, "weights": [p.tolist() for p in model.parameters()], "says": str(scheduler)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, what = Path(sys.argv[1]), sys.argv[2]
    result = train(folder, folder / f"checkpoint-{HALF}" if what == "rest" else None)
    (folder / f"{what}.json").write_text(json.dumps(result))
