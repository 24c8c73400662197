"""Abstract or final: no class of the project overrides a concrete method of another one.

A class runs what it inherits unchanged; what differs from class to class is abstract in their base.
Constructors do not count: each class makes its own objects.
"""

import dataclasses
import importlib
import inspect
import pkgutil
from abc import ABC, abstractmethod
from functools import cached_property
from types import FunctionType

import pytest

PACKAGES = ("tinygrad_xent", "viz")
CONSTRUCTORS = {"__init__", "__new__", "__init_subclass__", "__post_init__"}
WRAPPERS = (classmethod, staticmethod, property, cached_property)


def modules(package):
    """A package and all modules in it, imported."""
    root = importlib.import_module(package)
    yield root
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        yield importlib.import_module(found.name)


def classes(package):
    """Each class that a module of the package defines, including those inside classes."""
    waiting = [
        value
        for module in modules(package)
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__
    ]
    found = []
    while waiting:
        cls = waiting.pop()
        if cls not in found:
            found.append(cls)
            waiting += [value for value in vars(cls).values() if inspect.isclass(value)]
    return found


def is_written(method):
    """Whether the method is written in the source, not made by `dataclass` or `namedtuple`."""
    function = getattr(method, "fget", None) or getattr(method, "func", None)
    function = function or getattr(method, "__func__", method)
    function = inspect.unwrap(function)
    return isinstance(function, FunctionType) and not function.__code__.co_filename.startswith("<")


def concrete(cls):
    """The names of the methods that a class itself gives a body."""
    return {
        name
        for name, value in vars(cls).items()
        if isinstance(value, (FunctionType, *WRAPPERS)) and is_written(value)
        if not getattr(value, "__isabstractmethod__", False)
    }


def overridden(cls, own):
    """The concrete methods of its own bases that a class overrides, as Base.method."""
    names = set(vars(cls)) - CONSTRUCTORS
    bases = [base for base in cls.__mro__[1:] if base in own]
    return {f"{base.__qualname__}.{name}" for base in bases for name in names & concrete(base)}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_class_overrides_a_concrete_method(package):
    own = classes(package)
    assert len(own) > 10
    found = {f"{cls.__module__}.{cls.__qualname__}": sorted(overridden(cls, own)) for cls in own}
    assert {name: methods for name, methods in found.items() if methods} == {}


class Base(ABC):
    def __init__(self):
        self.value = 1

    @abstractmethod
    def open(self):
        """Differs from class to class."""

    def closed(self):
        return self.value

    @property
    def fact(self):
        return self.value

    @staticmethod
    def rule():
        return 1


class Good(Base):
    def __init__(self):
        super().__init__()
        self.other = 2

    def open(self):
        return self.closed()


class Wrong(Good):
    def open(self):
        return 3

    def closed(self):
        return 4

    fact = 5
    rule = None


@dataclasses.dataclass
class Row:
    x: int


@dataclasses.dataclass
class LongRow(Row):
    y: int


def test_an_override_of_each_sort_is_caught():
    own = [Base, Good, Wrong]
    assert overridden(Good, own) == set()
    assert overridden(Wrong, own) == {"Good.open", "Base.closed", "Base.fact", "Base.rule"}
    assert overridden(Wrong, [Wrong]) == set()  # bases of others do not count


def test_what_dataclass_writes_is_not_an_override():
    assert "__repr__" in vars(Row)
    assert overridden(LongRow, [Row, LongRow]) == set()
