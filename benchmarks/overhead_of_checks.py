"""What the checks cost a training loop that is healthy, against the same loop with them switched off:
at the defaults (the loss is looked at) and with `autopsy("gradients")` (every gradient too).

The loops are the same step (forward, backward, SGD) on the same data, taken in turns within one run,
so that whatever slows the machine slows all. Printed are the median CPU time without checks and the
medians of the paired ratios; the house asks for less than 1.03 at the defaults.

    python benchmarks/overhead_of_checks.py [seconds per problem]
"""

import itertools
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
        for m, n in itertools.pairwise(sizes)
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
    """CPU seconds a step: what other processes do meanwhile does not count."""
    start = time.process_time()
    for _ in range(steps):
        step()
    return (time.process_time() - start) / steps


def compare(step, budget):
    """The median seconds of a step without checks, and the median ratio to it of each level."""
    step()
    steps = max(1, int(0.005 / seconds(step, 3)))  # about 5 ms a turn
    times = {False: [], True: [], "gradients": []}
    end = time.perf_counter() + budget
    while time.perf_counter() < end or len(times[False]) < 5:
        levels = list(times)
        for level in levels if len(times[False]) % 2 else reversed(levels):
            with tx.check.autopsy(level):
                times[level].append(seconds(step, steps))
    off = times.pop(False)
    ratios = [
        statistics.median(a / b for a, b in zip(on, off, strict=True)) for on in times.values()
    ]
    return statistics.median(off), *ratios


def main(budget):
    print(f"{'batch, layers, dtype':<26} {'off':>10} {'defaults':>9} {'gradients':>10}")
    for name, problem in PROBLEMS.items():
        off, defaults, gradients = compare(training_step(*problem), budget)
        print(f"{name:<26} {off * 1e6:>7.1f} us {defaults:>9.4f} {gradients:>10.4f}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 15.0)
