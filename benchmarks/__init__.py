"""The measuring: this engine beside hand-written NumPy, PyTorch, JAX, autograd, MyGrad and micrograd.

`python -m benchmarks` runs everything and writes RESULTS.md; `--quick` only checks that every case
runs and gives the right gradients; `--only NAME` runs the cases whose name contains NAME.

    cases.py       what is computed, on which numbers
    operations.py  inputs for one call of each row of the operations table
    peers/         one engine a file: how its users would write each case
    worker.py      the process in which one peer lives; workers.py its handle
    measure.py     check the results, then interleaved rounds; memory in a fresh process
"""
