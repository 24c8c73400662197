"""Optimisers: they change parameters in place, by the gradients that `backward()` left in `.grad`.

The update rules and the names of their settings are PyTorch's. A step allocates no array: those
that an update needs are allocated with the optimiser, and every result is written in place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from ..arguments import Check, check_number, flag, number
from ..engine import errors, lines
from ..engine.nodes import Node
from ..engine.sums import norm as norm_of
from ..engine.symbols import Symbol, check
from ..engine.symbols import root as root_of
from ..engine.tensors import Tensor, wrap
from .base import Optimizer, check_parameters, spoilt, spoilt_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Array: TypeAlias = npt.NDArray[Any]

# `out` is passed by position: on small arrays a keyword takes a tenth of the call's time.
_add: Any = np.add
_subtract: Any = np.subtract
_multiply: Any = np.multiply
_divide: Any = np.divide
_sqrt: Any = np.sqrt


def _momentum(sgd: Any, name: str, value: Any) -> Any:
    """The check of SGD's momentum, dampening and nesterov, which depend on each other."""
    value = {"momentum": number(0), "dampening": number(0, 1), "nesterov": flag}[name](
        sgd, name, value
    )
    now = {"momentum": 0.0, "dampening": 0.0, "nesterov": False} | vars(sgd) | {name: value}
    if now["nesterov"] and (now["momentum"] == 0 or now["dampening"] != 0):
        what = f"SGD: nesterov with momentum={now['momentum']} and dampening={now['dampening']}"
        raise errors.BadValueError(what, fix="it needs momentum > 0 and dampening 0")
    if (
        now["momentum"] and now["_names"] == ()
    ):  # no buffers: the velocity is made with the optimiser
        what = f"SGD: {name}={value}, but it was made without momentum and holds no velocity"
        raise errors.BadValueError(what, fix="make a new one: SGD(params, lr, momentum)")
    return value


class SGD(Optimizer):
    """Stochastic gradient descent: w -= lr · v, with v the gradient or its running sum.

    Args:
        params: the tensors to change.
        lr: the learning rate.
        momentum: μ of v = μ · v + (1 - dampening) · g; the first v is g.
        weight_decay: λ in g = gradient + λ · w.
        dampening: see momentum.
        nesterov: step by g + μ · v instead of v.

    Raises:
        ValueError: a setting out of range; nesterov without momentum or with dampening.

    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.8, 1.6])
    """

    elementwise = True
    checks: ClassVar[Mapping[str, Check]] = {
        **Optimizer.checks,
        "momentum": _momentum,
        "weight_decay": number(0),
        "dampening": _momentum,
        "nesterov": _momentum,
    }
    momentum: float
    weight_decay: float
    dampening: float
    nesterov: bool

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        *,
        dampening: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        settings = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "dampening": dampening,
            "nesterov": nesterov,
        }
        super().__init__(params, settings, ("velocity",) if momentum else ())

    def update(
        self, w: Array, g: Array, t: int, buffers: tuple[Array, ...], scratch: tuple[Array, Array]
    ) -> None:
        step, spare = scratch
        if self.weight_decay:
            _multiply(w, self.weight_decay, spare)
            g = _add(spare, g, spare)
        if buffers:
            (v,) = buffers
            _multiply(v, self.momentum, v)  # 0 before the first update
            if self.dampening:  # of all but the first update
                _add(v, _multiply(g, 1 - self.dampening * (t > 1), step), v)
            else:
                _add(v, g, v)
            if self.nesterov:
                _multiply(v, self.momentum, step)
                g = _add(step, g, step)
            else:
                g = v
        _multiply(g, self.lr, step)
        _subtract(w, step, w)


def _betas(adam: Any, name: str, value: Any) -> tuple[float, ...]:
    """The check of Adam's two decay rates."""
    if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 2:
        raise errors.DtypeError(f"{type(adam).__name__}: {name} must be two numbers", [value])
    check = number(0, 1, open=True)
    return tuple(check(adam, f"{name}[{i}]", beta) for i, beta in enumerate(value))


class _Adaptive(Optimizer):
    """What Adam and AdamW share: the running means, and the step computed from them."""

    elementwise = True
    checks: ClassVar[Mapping[str, Check]] = {
        **Optimizer.checks,
        "betas": _betas,
        "eps": number(0),
        "weight_decay": number(0),
    }
    betas: tuple[float, float]
    eps: float
    weight_decay: float

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, settings, ("mean", "square"))

    def _adapt(self, w: Array, g: Array, t: int, buffers: tuple[Array, ...], s: Array) -> None:
        (mean, square), (beta1, beta2) = buffers, self.betas
        _multiply(mean, beta1, mean)
        _multiply(g, 1 - beta1, s)
        _add(mean, s, mean)
        _multiply(square, beta2, square)
        _multiply(g, g, s)
        _multiply(s, 1 - beta2, s)
        _add(square, s, square)
        # Both means are corrected through factors of lr and ε, which saves a pass over the arrays.
        root = root_of(1 - beta2**t)
        _sqrt(square, s)
        _add(s, self.eps * root, s)
        _divide(mean, s, s)
        _multiply(s, self.lr * root / (1 - beta1**t), s)
        _subtract(w, s, w)


class Adam(_Adaptive):
    """Steps by the gradient's running mean over the root of its running mean square.

        m = β₁ · m + (1 - β₁) · g        v = β₂ · v + (1 - β₂) · g²
        w -= lr · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε)

    Kingma, Ba: Adam: A Method for Stochastic Optimization (2015), algorithm 1.

    Args:
        params: the tensors to change.
        lr: the learning rate.
        betas: β₁ and β₂.
        eps: ε.
        weight_decay: λ in g = gradient + λ · w.

    Raises:
        ValueError: a setting out of range.

    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()                # the first step is lr · sign(g), apart from ε
    >>> w.data.round(6)
    array([0.9, 1.9])
    """

    def update(
        self, w: Array, g: Array, t: int, buffers: tuple[Array, ...], scratch: tuple[Array, Array]
    ) -> None:
        s, spare = scratch
        if self.weight_decay:
            _multiply(w, self.weight_decay, spare)
            g = _add(spare, g, spare)
        self._adapt(w, g, t, buffers, s)


class AdamW(_Adaptive):
    """Adam with decoupled weight decay: w -= lr · λ · w, then Adam's step.

    Loshchilov, Hutter: Decoupled Weight Decay Regularization (2019), algorithm 2.

    Args:
        params, lr, betas, eps: as for `Adam`.
        weight_decay: λ.

    Raises:
        ValueError: a setting out of range.

    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()                # 0.95 · w - lr · sign(g)
    >>> w.data.round(6)
    array([0.85, 1.8 ])
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def update(
        self, w: Array, g: Array, t: int, buffers: tuple[Array, ...], scratch: tuple[Array, Array]
    ) -> None:
        if self.weight_decay:
            _multiply(w, 1 - self.lr * self.weight_decay, w)
        self._adapt(w, g, t, buffers, scratch[0])


def clip_grad_norm(
    params: Iterable[Tensor], max_norm: float, *, error_if_nonfinite: bool = False
) -> float:
    """Scale all gradients in place by one factor, so that their joint norm is at most `max_norm`.

    Call it between `backward()` and `step()`. As in PyTorch, the factor is
    max_norm / (norm + 1e-6) where that is below 1, with the Euclidean norm of all gradients
    together. With `max_norm=math.inf` nothing is changed, and nothing if the norm is not finite.

    Returns:
        The norm before clipping; 0 if no parameter has a gradient.

    Raises:
        ValueError: the norm is inf or nan, and `error_if_nonfinite` is set.

    Warns:
        NonFiniteWarning: the norm is inf or nan, and `backward()` has not said so already.

    >>> w = Tensor([0.0, 0.0], requires_grad=True)
    >>> (w * np.array([3.0, 4.0])).sum().backward()
    >>> clip_grad_norm([w], max_norm=1.0)
    5.0
    >>> w.grad.numpy().round(5)
    array([0.6, 0.8])
    """
    if max_norm != math.inf:
        max_norm = check_number("clip_grad_norm", "max_norm", max_norm, 0)
    graded = [(t, t.grad) for t in check_parameters("clip_grad_norm", params) if t.grad is not None]
    norm = norm_of([grad._data for _, grad in graded])
    if isinstance(norm, Symbol):
        return _clipped(norm, max_norm, [tensor for tensor, _ in graded])
    if not math.isfinite(norm):
        _not_clipped(norm, [tensor for tensor, _ in graded], error_if_nonfinite)
    elif (scale := max_norm / (norm + 1e-6)) < 1:
        for tensor, grad in graded:
            if (scaled := _scaled(grad, scale)) is not grad:
                tensor.grad = scaled
    return norm


def _clipped(norm: Any, max_norm: float, graded: list[Tensor]) -> float:
    """The norm of symbols, whose size nobody knows: a factor of 1 leaves the gradients as they are."""
    check(np.isfinite(norm), "clip_grad_norm: the norm is not finite", RuntimeWarning)
    scale = (max_norm / (norm + 1e-6)).at_most(1.0)
    for tensor in graded:
        assert tensor.grad is not None
        tensor.grad = wrap(tensor.grad._data * scale, None)
    total: float = norm
    return total


def _not_clipped(norm: float, graded: list[Tensor], error: bool) -> None:
    """Raise, or warn that a norm is not finite; unless `backward()` has said so of these gradients."""
    leaves: list[Any] = [tensor._node for tensor in graded]
    bad: Any = spoilt_of(leaves)
    what = f"clip_grad_norm: the norm is {norm}, since {spoilt(bad)}"
    if error:
        raise errors.BadValueError(what, fix="lower the learning rate; look for log 0 or 0/0")
    if bad.flaw is None:
        text = errors.message(what, fix="the gradients stay as they are; step() will skip them")
        lines.warn(text, errors.NonFiniteWarning)


def _scaled(grad: Tensor, scale: float) -> Tensor:
    """The gradient times a number: in place, unless a tape may have kept it (`create_graph`) or it
    is not writeable (a NumPy scalar, or a view that the user assigned).
    """
    raw = grad._data
    if type(grad._node) is Node or not isinstance(raw, np.ndarray) or not raw.flags.writeable:
        return Tensor(grad._data * scale)
    _multiply(grad._data, scale, grad._data)
    return grad
