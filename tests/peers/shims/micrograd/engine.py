"""micrograd's `Value`: a number on the tape, whose gradient is a float."""

from __future__ import annotations

from typing import Any

import tinygrad_xent as tx


class Value:
    def __init__(self, data: Any) -> None:
        is_number = not isinstance(data, tx.Tensor)
        self.tensor = tx.Tensor(float(data), requires_grad=True) if is_number else data

    @property
    def data(self) -> float:
        return self.tensor.item()

    @property
    def grad(self) -> float:
        return self.tensor.grad.item()

    def relu(self) -> Value:
        return Value(tx.relu(self.tensor))

    def backward(self) -> None:
        self.tensor.backward()


def _operator(name: str) -> Any:
    def apply(self: Value, *others: Any) -> Value:
        plain = (other.tensor if isinstance(other, Value) else other for other in others)
        return Value(getattr(self.tensor, name)(*plain))

    return apply


for _name in ["add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "pow", "neg"]:
    setattr(Value, f"__{_name}__", _operator(f"__{_name}__"))
