"""The networks of the built-in tasks on digits and clothes."""

from itertools import pairwise

from torch import nn


def mlp(*sizes: int) -> nn.Sequential:
    """Linear layers with ReLU between them; Glorot-uniform weights and zero biases, drawn from torch's generator.

    W_ij ~ U(−a, a) with a = √(6 / (fan_in + fan_out)), b = 0: what Keras's `Dense` starts from.

    Parameters: `sizes`, the features of the inputs, of each hidden layer and of the outputs.

    >>> [tuple(p.shape) for p in mlp(784, 128, 10).parameters()]
    [(128, 784), (128,), (10, 128), (10,)]

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
    """
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        linear = nn.Linear(fan_in, fan_out)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def cnn(classes: int = 10) -> nn.Sequential:
    """Two convolutions with ReLU, each halved by pooling, and a linear layer: `[N, 1, 28, 28]` → `[N, classes]`.

    >>> sum(p.numel() for p in cnn().parameters())
    20490
    """
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, classes)),
    )
