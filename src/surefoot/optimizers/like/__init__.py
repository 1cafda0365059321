"""Presets: the optimizers of torch, Keras 3 and optax under their own names, arguments and defaults.

    like.torch.Adam(lr=1e-3, betas=(0.9, 0.999))       like.keras.Adam(learning_rate=1e-3, beta_1=0.9)
    like.optax.adamw(learning_rate=1e-3, b1=0.9)

Weight decay is decoupled in AdamW, Lion, Muon, Adafactor and in all of Keras, and stands within the trust ratio in
optax's lamb; in torch's other optimizers and in optax's adadelta it is coupled.
"""

from surefoot.optimizers.like import keras, optax, torch

__all__ = ["keras", "optax", "torch"]
