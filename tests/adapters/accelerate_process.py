"""Trains a small model with Accelerate and accumulated gradients: `python accelerate_process.py DIR whole|rest`."""

import json
import sys
from pathlib import Path

import torch
from accelerate import Accelerator

import surefoot as sf

STEPS, HALF, EACH = 12, 5, 2  # updates; batches for one


def train(folder, start=0):
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=EACH, step_scheduler_with_optimizer=True)
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = sf.adapters.torch.Scheduler(optimizer, sf.warmup(3) >> sf.cosine(), steps=STEPS)
    model, optimizer, scheduler = accelerator.prepare(model, optimizer, scheduler)
    if start:
        accelerator.load_state(folder / "state")
    rates = []
    for batch in range(start * EACH, STEPS * EACH):
        with accelerator.accumulate(model):
            x = torch.randn(8, 3, generator=torch.Generator().manual_seed(batch))
            accelerator.backward((model(x) - x.sum(1, keepdim=True).sin()).square().mean())
            rates.append(scheduler.get_last_lr()[0])
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        if not start and batch + 1 == HALF * EACH:
            accelerator.save_state(folder / "state")
    return {"rates": rates, "weights": [p.tolist() for p in model.parameters()]}


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, what = Path(sys.argv[1]), sys.argv[2]
    result = train(folder, HALF if what == "rest" else 0)
    (folder / f"{what}.json").write_text(json.dumps(result))
