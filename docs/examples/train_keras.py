"""A Keras script: a small network on the digits of scikit-learn. See docs/scripts.md."""

import argparse
import json

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import surefoot as sf

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, required=True)
parser.add_argument("--schedule", default="constant()")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=8)
given = parser.parse_args()

x, y = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x.astype("float32") / 16, y, test_size=0.2, random_state=0)

keras.utils.set_random_seed(given.seed)
model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(10)])
steps = given.epochs * -(-len(x_train) // 64)
rate = sf.adapters.keras.LearningRate(given.lr * sf.parse(given.schedule), steps=steps)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss, metrics=["accuracy"])

# Everything that Keras measures, one line an epoch. This is all that is needed.
report = keras.callbacks.LambdaCallback(
    on_epoch_end=lambda epoch, logs: print("\n" + json.dumps({"epoch": epoch + 1, **logs}), flush=True)
)
data = {"validation_data": (x_val, y_val), "batch_size": 64}
model.fit(x_train, y_train, epochs=given.epochs, verbose=0, callbacks=[report], **data)
