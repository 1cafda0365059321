"""A plain PyTorch script: a small network on the digits of scikit-learn. See docs/scripts.md."""

import argparse
import json
import os
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.nn import functional as F

import surefoot as sf

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, required=True)
parser.add_argument("--schedule", default="constant()")
parser.add_argument("--optimizer", default="SGD")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=16)
given = parser.parse_args()

x, y = load_digits(return_X_y=True)
split = train_test_split(torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y), test_size=0.2, random_state=0)
x_train, x_val, y_train, y_val = split

torch.manual_seed(given.seed)
model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
optimizer = getattr(torch.optim, given.optimizer)(model.parameters(), lr=given.lr)
steps = given.epochs * -(-len(x_train) // 64)
schedule = sf.adapters.torch.Scheduler(optimizer, sf.parse(given.schedule), steps=steps)

# Where the script is started again, it goes on from its last epoch. Without `saved` it would begin anew.
saved, first = Path(os.environ.get("SUREFOOT_FOLDER", ".")) / "last.pt", 1
if "SUREFOOT_FOLDER" in os.environ and saved.exists():
    state = torch.load(saved)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    first = state["epoch"] + 1

for epoch in range(first, given.epochs + 1):
    order = torch.randperm(len(x_train), generator=torch.Generator().manual_seed(1000 * given.seed + epoch))
    for batch in order.split(64):
        loss = F.cross_entropy(model(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        outputs = model(x_val)
    val_loss = F.cross_entropy(outputs, y_val).item()
    accuracy = (outputs.argmax(1) == y_val).float().mean().item()
    print(json.dumps({"epoch": epoch, "val_loss": val_loss, "val_accuracy": accuracy}))  # this is all that is needed
    state = {"epoch": epoch, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state | {"schedule": schedule.state_dict()}, saved.with_suffix(".new"))
    saved.with_suffix(".new").replace(saved)  # it may be stopped at any moment: half a file is never "last.pt"
