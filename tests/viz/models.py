"""Models as people build them from `tx.nn`, each with a loss to draw."""

import numpy as np

import tinygrad_xent as tx
from tinygrad_xent import Tensor, nn


def normal(rng, *shape):
    return Tensor(rng.normal(0, 0.2, shape), requires_grad=True)


class LayerNorm(nn.Module):
    formula = "(x - mean) / √(var + eps) · weight + bias"

    def __init__(self, size):
        self.weight = Tensor(np.ones(size), requires_grad=True)
        self.bias = Tensor(np.zeros(size), requires_grad=True)

    def forward(self, x):
        return tx.layer_norm(x, self.weight, self.bias)


class Attention(nn.Module):
    def __init__(self, size, heads, rng):
        self.heads = heads
        self.query, self.key, self.value, self.out = (
            nn.Linear(size, size, rng=rng) for _ in range(4)
        )

    def forward(self, x):
        n, t, d = x.shape

        def split(y):
            return y.reshape(n, t, self.heads, d // self.heads).transpose(0, 2, 1, 3)

        q, k, v = (split(layer(x)) for layer in (self.query, self.key, self.value))
        y = tx.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(0, 2, 1, 3).reshape(n, t, d))


class Block(nn.Module):
    formula = "x + attention(norm x), then x + mlp(norm x)"

    def __init__(self, size, heads, rng):
        self.norm1, self.norm2 = LayerNorm(size), LayerNorm(size)
        self.attention = Attention(size, heads, rng)
        self.mlp = nn.MLP([size, 4 * size, size], rng=rng)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, layers=12, size=16, heads=2, words=20, length=8, rng=0):
        rng = np.random.default_rng(rng)
        self.tokens, self.places = normal(rng, words, size), normal(rng, length, size)
        self.blocks = [Block(size, heads, rng) for _ in range(layers)]
        self.norm, self.head = LayerNorm(size), nn.Linear(size, words, rng=rng)

    def forward(self, indices):
        x = tx.embedding(indices, self.tokens) + self.places
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def gpt(layers=12, **sizes):
    """The loss of a GPT that predicts the next of its tokens."""
    tokens = np.random.default_rng(1).integers(0, 20, (2, 9))
    logits = GPT(layers, **sizes)(tokens[:, :-1])
    return tx.cross_entropy(logits, tokens[:, 1:], axis=2)


def deep_mlp(layers=12):
    """A perceptron of equal layers: linear and relu alternate in one Sequential."""
    rng = np.random.default_rng(2)
    model = nn.MLP([8] * (layers + 1), rng=0)
    return tx.cross_entropy(model(rng.normal(size=(5, 8))), rng.integers(0, 8, 5))


class Residual(nn.Module):
    formula = "relu(x + conv(relu(conv x)))"

    def __init__(self, channels, rng):
        self.kernels = [normal(rng, channels, channels, 3, 3) for _ in range(2)]

    def forward(self, x):
        y = tx.relu(tx.conv2d(x, self.kernels[0], padding=1))
        return tx.relu(x + tx.conv2d(y, self.kernels[1], padding=1))


class Stage(nn.Module):
    def __init__(self, blocks, channels, rng):
        self.blocks = [Residual(channels, rng) for _ in range(blocks)]

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class ResNet(nn.Module):
    """Stages of residual blocks: what repeats holds what repeats."""

    def __init__(self, stages=3, blocks=4, channels=4, rng=0):
        rng = np.random.default_rng(rng)
        self.stem = normal(rng, channels, 1, 3, 3)
        self.stages = [Stage(blocks, channels, rng) for _ in range(stages)]
        self.head = nn.Linear(channels, 3, rng=rng)

    def forward(self, x):
        x = tx.relu(tx.conv2d(x, self.stem, padding=1))
        for stage in self.stages:
            x = stage(x)
        return self.head(x.mean(axis=(2, 3)))


def resnet(**sizes):
    images = np.random.default_rng(3).normal(size=(2, 1, 6, 6))
    return tx.cross_entropy(ResNet(**sizes)(images), np.array([0, 2]))


class GRUCell(nn.Module):
    formula = "(1 - z) · tanh(x Wₙ + r · h Uₙ) + z · h"

    def __init__(self, inputs, size, rng):
        self.w, self.u = normal(rng, inputs, 3 * size), normal(rng, size, 3 * size)
        self.b = normal(rng, 3 * size)

    def forward(self, x, h):
        n = h.shape[1]
        from_x, from_h = x @ self.w + self.b, h @ self.u
        r = tx.sigmoid(from_x[:, :n] + from_h[:, :n])
        z = tx.sigmoid(from_x[:, n : 2 * n] + from_h[:, n : 2 * n])
        new = tx.tanh(from_x[:, 2 * n :] + r * from_h[:, 2 * n :])
        return (1 - z) * new + z * h


class GRU(nn.Module):
    def __init__(self, inputs=3, size=4, rng=0):
        rng = np.random.default_rng(rng)
        self.cell, self.head = GRUCell(inputs, size, rng), nn.Linear(size, 2, rng=rng)
        self.size = size

    def forward(self, sequence):
        h = np.zeros((sequence.shape[1], self.size))
        for x in sequence:
            h = self.cell(x, h)
        return self.head(h)


def gru(steps=50):
    """A recurrent classifier: one cell, called once for each element of a sequence."""
    sequence = np.random.default_rng(4).normal(size=(steps, 2, 3))
    return tx.cross_entropy(GRU()(sequence), np.array([0, 1]))


class VAE(nn.Module):
    """A variational autoencoder: two heads of one encoder, a sample, a decoder."""

    def __init__(self, size=12, hidden=8, code=2, rng=0):
        rng = np.random.default_rng(rng)
        self.encoder = nn.Sequential(nn.Linear(size, hidden, rng=rng), nn.ReLU())
        self.mean, self.log_variance = (nn.Linear(hidden, code, rng=rng) for _ in range(2))
        self.decoder = nn.MLP([code, hidden, size], rng=rng)

    def forward(self, x, noise):
        h = self.encoder(x)
        mean, log_variance = self.mean(h), self.log_variance(h)
        return self.decoder(mean + tx.exp(log_variance / 2) * noise), mean, log_variance


def vae():
    """The negative evidence lower bound of pictures of 12 pixels."""
    rng = np.random.default_rng(5)
    x, noise = rng.integers(0, 2, (4, 12)).astype(float), rng.normal(size=(4, 2))
    logits, mean, log_variance = VAE()(Tensor(x, name="pixels"), Tensor(noise, name="noise"))
    with tx.scope("divergence", "-½ Σ (1 + log σ² - μ² - σ²) / N"):
        divergence = -0.5 * (1 + log_variance - mean**2 - tx.exp(log_variance)).sum() / 4
    return tx.binary_cross_entropy_with_logits(logits, x) + divergence


def siamese():
    """Two equal branches, each with weights of its own, and their distance."""
    left, right = (nn.MLP([4, 6, 3], rng=seed) for seed in (0, 1))
    x, y = np.random.default_rng(6).normal(size=(2, 5, 4))
    return ((left(x) - right(y)) ** 2).mean()


def training(steps=4):
    """The traces of a small classifier's loss, one before each step of training."""
    rng = np.random.default_rng(7)
    x, y = Tensor(rng.normal(size=(3, 2)), name="X"), np.array([0, 1, 1])
    w = Tensor(rng.normal(size=(2, 2)), requires_grad=True, name="W")
    b = Tensor(np.zeros(2), requires_grad=True, name="b")
    traces = []
    for _ in range(steps):
        with tx.scope("linear", "X @ W + b"):
            logits = x @ w + b
        with tx.scope("cross entropy", "mean(log Σ eᶻ - z[y])"):
            loss = (tx.logsumexp(logits, axis=1) - logits[np.arange(3), y]).mean()
        loss.name = "loss"
        traces.append(tx.trace(loss))
        for parameter in (w, b):
            parameter.data -= 0.5 * traces[-1][parameter].gradient
    return traces


def nested(seed):
    """A random program: scopes in one another, whose values are used in and outside of them."""
    rng = np.random.default_rng(seed)
    values = [Tensor(rng.normal(size=(2, 2)), requires_grad=True, name=f"x{i}") for i in range(3)]
    names = [
        "f",
        "encoder",
        "attention head",
        "a scope with a long name of some words",
        "blocks.3.norm1",
    ]
    formulas = [
        None,
        "x @ W + b",
        "(x - mean) / √(var + eps) · weight + bias",
        "relu(x + conv(relu x))",
    ]
    operations = [
        lambda a, b: a @ b,
        lambda a, b: a + b,
        lambda a, b: a * b,
        lambda a, b: tx.tanh(a),
        lambda a, b: tx.softmax(a),
        lambda a, b: tx.where(a.data > 0, a, b),
        lambda a, b: a * normal(rng, 2, 2),
    ]

    def body(depth):
        for _ in range(rng.integers(1, 5)):
            if depth < 4 and rng.random() < 0.45:
                with tx.scope(str(rng.choice(names)), formulas[rng.integers(len(formulas))]):
                    body(depth + 1)
            else:
                back = rng.exponential(2, 2).astype(int).clip(0, len(values) - 1)
                a, b = (values[-1 - i] for i in back)
                values.append(operations[rng.integers(len(operations))](a, b))

    while len(values) < 8 + seed:
        body(0)
    return sum((value.sum() for value in values[-4:-1]), values[-1].sum())
