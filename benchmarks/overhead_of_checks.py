"""What the checks cost a training loop that is healthy: all at the defaults against switched off.

Both loops are the same step (forward, backward, SGD) on the same data, taken in turns within one run,
so that whatever slows the machine slows both. Printed are the medians and their ratio; the house
asks for less than 3 % more.

    python benchmarks/overhead_of_checks.py [seconds per problem]
"""

import statistics
import sys
import time

import numpy as np

import tinygrad_xent as tx

PROBLEMS = {  # batch, layers, dtype
    "5, 4-3, f64": (5, (4, 3), np.float64),
    "32, 10-16-3, f32": (32, (10, 16, 3), np.float32),
    "128, 64-64-64-10, f32": (128, (64, 64, 64, 10), np.float32),
    "128, 784-256-256-10, f32": (128, (784, 256, 256, 10), np.float32),
}


def training_step(batch, sizes, dtype):
    """A function that takes one step of SGD on a relu network with softmax cross-entropy."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, sizes[0])).astype(dtype)
    y = rng.integers(sizes[-1], size=(batch, 1))
    pairs = [
        (rng.normal(size=(m, n)).astype(dtype) / np.sqrt(m).astype(dtype), np.zeros(n, dtype))
        for m, n in zip(sizes, sizes[1:], strict=False)
    ]
    layers = [[tx.Tensor(p, requires_grad=True) for p in pair] for pair in pairs]

    def step():
        h = x
        for i, (w, b) in enumerate(layers):
            h = h @ w + b
            if i + 1 < len(layers):
                h = tx.relu(h)
        loss = -tx.take_along_axis(tx.log_softmax(h), y, axis=1).mean()
        loss.backward()
        for layer in layers:
            for p in layer:
                p.data -= 0.01 * p.grad.numpy()
                p.grad = None

    return step


def seconds(step, steps):
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - start) / steps


def compare(step, budget):
    """Median seconds of a step with the checks and without, and the median of the paired ratios."""
    step()
    steps = max(1, int(0.01 / seconds(step, 3)))  # about 10 ms a turn
    with_checks, without = [], []
    end = time.perf_counter() + budget
    while time.perf_counter() < end or len(without) < 5:
        turns = [(True, with_checks), (False, without)]
        for on, times in turns if len(without) % 2 else reversed(turns):
            with tx.check.autopsy(on):
                times.append(seconds(step, steps))
    ratio = statistics.median(a / b for a, b in zip(with_checks, without, strict=True))
    return statistics.median(with_checks), statistics.median(without), ratio


def main(budget):
    print(f"{'batch, layers, dtype':<26} {'checks on':>10} {'off':>10} {'ratio':>7}")
    for name, problem in PROBLEMS.items():
        on, off, ratio = compare(training_step(*problem), budget)
        print(f"{name:<26} {on * 1e6:>7.1f} us {off * 1e6:>7.1f} us {ratio:>7.4f}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
