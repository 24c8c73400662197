"""The engines that are compared: one a file, each as its users would write it, and well.

A peer is a module with a function for every kind of case it can do: it takes the case's settings
and returns a `Job`. A kind it has no function for, it does not take part in. It is imported only in
its own process, where its import may fail: then the table says so.
"""

from __future__ import annotations

from typing import NamedTuple


class Peer(NamedTuple):
    """`module` is the file here; `packages` are the distributions whose versions are reported."""

    title: str
    module: str
    packages: tuple[str, ...]


PEERS = {
    peer.module: peer
    for peer in (
        Peer("NumPy by hand", "by_hand", ("numpy",)),
        Peer("tinygrad_xent", "ours", ()),
        Peer("PyTorch eager", "pytorch", ("torch",)),
        Peer("torch.compile", "pytorch_compile", ("torch",)),
        Peer("jax.jit", "jax_jit", ("jax", "jaxlib")),
        Peer("autograd", "hips_autograd", ("autograd",)),
        Peer("MyGrad", "mygrad_peer", ("mygrad",)),
        Peer("micrograd", "micrograd_peer", ("micrograd",)),
    )
}
REFERENCE, OURS, TORCH = "by_hand", "ours", "pytorch"
