"""Presets: what other libraries have, under their own names, with their own arguments and defaults, and their values.

    sf.like.torch.StepLR(step_size=10, gamma=0.5, per="epoch")        sf.like.keras.Adam(learning_rate=1e-3, beta_1=0.9)

Schedules here are equal to the originals at every step and past the end; optimizers to the originals' updates.
"""

from surefoot.like import keras, optax, timm, torch, transformers

__all__ = ["keras", "optax", "timm", "torch", "transformers"]
