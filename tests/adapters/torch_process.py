"""Trains a small model in a plain loop: `python torch_process.py DIR whole|rest [optimizer|scheduler]`.

`whole` saves a checkpoint on the way, `rest` goes on from it; both write learning rates and weights. The last word says
which state is loaded first.
"""

import json
import sys
from pathlib import Path

import torch

import surefoot as sf

STEPS, HALF = 24, 11


def made():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    groups = [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.02, "name": "head"}]
    return model, torch.optim.AdamW(groups, lr=0.01)


def scheduled(optimizer):
    return sf.adapters.torch.Scheduler(
        optimizer,
        (sf.warmup(4) >> sf.cosine()) * sf.plateau(0.5, patience=0),
        weight_decay="0.1 * linear()",
        beta1="0.9 * constant() * linear(end=0.9)",
        groups={"head": {"beta2": 0.99 * sf.linear(end=0.9)}},
        steps=STEPS,
    )


def train(model, optimizer, scheduler, start, saved=None):
    told = []
    for step in range(start, STEPS):
        data = torch.Generator().manual_seed(step)
        x = torch.randn(16, 3, generator=data)
        loss = (model(x) - x.sum(1, keepdim=True).sin()).square().mean()
        told.append(scheduler.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step % 3 == 2:
            scheduler.observe(loss=1 + step % 2)
        if saved and step + 1 == HALF:
            states = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
            torch.save({name: each.state_dict() for name, each in states.items()}, saved)
    return {"values": told, "weights": [p.tolist() for p in model.parameters()]}


def whole(folder):
    model, optimizer = made()
    return train(model, optimizer, scheduled(optimizer), 0, folder / "state.pt")


def rest(folder, first):
    model, optimizer = made()
    saved = torch.load(folder / "state.pt", weights_only=True)
    model.load_state_dict(saved["model"])
    if first == "optimizer":
        optimizer.load_state_dict(saved["optimizer"])
    scheduler = scheduled(optimizer)
    scheduler.load_state_dict(saved["scheduler"])
    if first == "scheduler":
        optimizer.load_state_dict(saved["optimizer"])
    return train(model, optimizer, scheduler, scheduler.last_epoch)


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, what, *first = sys.argv[1:]
    result = globals()[what](Path(folder), *first)
    (Path(folder) / f"{what}.json").write_text(json.dumps(result))
