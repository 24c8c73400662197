"""The measuring: this engine beside hand-written NumPy, PyTorch, JAX, autograd, MyGrad and micrograd.

`python -m benchmarks` runs everything and writes RESULTS.md; `--quick` only checks that every case
runs and gives the right gradients; `--only NAME` runs the cases whose name contains NAME.

    cases.py    what is computed, on which numbers: training steps, a chain, the linear loss
    peers/      one engine per file: how its users would write each case
    worker.py   the process in which one peer lives, and its handle
    measure.py  check the results, then interleaved rounds; memory in a fresh process
    imports.py  how long `import` takes
    growth.py   how time and memory of a case grow with one of its numbers
    graphs.py   computations of any size that are hard to draw; pictures.py: what their pictures take
    targets.py  what is wanted, and whether it was met; profiles.py: of what was missed
    floor.py    what the lines of a compiled step cost alone
    report.py   the page; machine.py: where it was measured

`python -m benchmarks.reading` is a tool of its own: how much code there is to read. `python -m
benchmarks.pictures` draws the pictures alone.
"""
