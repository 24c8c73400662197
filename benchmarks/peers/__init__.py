"""The engines that are compared: one per file, each as its users would write it, and well.

A peer is a module with a function for every kind of case it can do: it takes the case's settings
and returns a `Job`. A kind it has no function for, it does not take part in. It is imported only in
its own process, where its import may fail: then the table says so.
"""

from __future__ import annotations

from typing import NamedTuple


class Peer(NamedTuple):
    """`packages` are the distributions whose versions are reported."""

    title: str
    packages: tuple[str, ...] = ()


PEERS = {
    f"{__name__}.by_hand": Peer("NumPy by hand", ("numpy",)),
    f"{__name__}.ours": Peer("tinygrad_xent"),
    f"{__name__}.compiled": Peer("tx.compile"),
    f"{__name__}.pytorch": Peer("PyTorch eager", ("torch",)),
    f"{__name__}.pytorch_blocks": Peer("PyTorch in blocks", ("torch",)),
    f"{__name__}.pytorch_compile": Peer("torch.compile", ("torch",)),
    f"{__name__}.jax_jit": Peer("jax.jit", ("jax", "jaxlib")),
    f"{__name__}.hips_autograd": Peer("autograd", ("autograd",)),
    f"{__name__}.mygrad_eager": Peer("MyGrad", ("mygrad",)),
    f"{__name__}.micrograd_scalar": Peer("micrograd", ("micrograd",)),
}
REFERENCE, OURS, COMPILED, TORCH, JAX, AUTOGRAD = (
    f"{__name__}.{name}"
    for name in ("by_hand", "ours", "compiled", "pytorch", "jax_jit", "hips_autograd")
)


def known(name: str) -> Peer:
    """The peer of a module; one from elsewhere goes by the name of its module."""
    return PEERS.get(name, Peer(name))
