"""Presets: the optimizers of torch and Keras 3 under their own names, arguments and defaults.

    like.torch.Adam(lr=1e-3, betas=(0.9, 0.999))       like.keras.Adam(learning_rate=1e-3, beta_1=0.9)

Weight decay is coupled in torch's SGD, Adam, Adagrad and RMSprop, decoupled in AdamW and in all of Keras.
"""

from surefoot.optimizers.like import keras, torch

__all__ = ["keras", "torch"]
