"""The architecture of a model that has computed nothing: its modules and parameters as they are nested.

How modules are joined is known of a `Sequential` alone; elsewhere dashed lines lead from one to the next.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias, final

from tinygrad_xent import Tensor, nn
from tinygrad_xent.tracing import Scope

from .blocks import MIN_REPEATS
from .graph import Edge, Graph, Kind, Node, Use
from .labels import relative, spanned
from .layer_cards import LayerCards
from .layers import Layer, Parameter
from .marks import Marks, items_of, label_of, some
from .options import DrawOptions, shown
from .repeats import Run, runs
from .subjects import Layered
from .views import View

PARAMETER = "parameter"  # the kind of a part that is one, and no module


@dataclass(eq=False)
class Part:
    """A module; or a parameter of a module that has modules too.

    Attributes:
        id: its place among all parts.
        path: in the model.
        name: class and path.
        inner: what stands in it, in the order of the attributes.
        parameters: all of them, at any depth.
        in_order: whether the inner ones are applied one after the other.
    """

    id: int
    path: str
    name: str
    kind: str
    inner: list[Part] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    in_order: bool = False

    @cached_property
    def depth(self) -> int:
        """How deep other parts nest in it."""
        return 1 + max(part.depth for part in self.inner) if self.inner else 0

    @cached_property
    def all(self) -> list[Part]:
        """This part and those in it, at any depth."""
        return [self, *(part for inner in self.inner for part in inner.all)]

    @cached_property
    def key(self) -> Hashable:
        """Equal for parts that are made alike."""
        parameters = tuple((relative(p.name, self.name), p.shape) for p in self.parameters)
        return self.kind, parameters, tuple(part.key for part in self.inner)


def parts_of(model: nn.Module) -> dict[str, Part]:
    """The parts of a model by their paths, that of the model itself is "".

    >>> model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.ReLU())
    >>> [part.name for part in parts_of(model)[""].inner]
    ['Linear 0', 'ReLU 1']
    """
    made: dict[str, Part] = {}
    for path, module in model.named_modules():
        name = type(module).__name__
        part = Part(len(made), path, f"{name} {path}".rstrip(), repr(module))
        part.in_order = in_order(module)
        if path:
            made[_outer(path, made)].inner.append(part)
        made[path] = part
    own: dict[str, list[Part]] = {}
    live = {path for path, _ in model.named_parameters()}
    for path, array in model.state_dict().items():
        parameter = Parameter(path, array.shape, array.nbytes, path not in live)
        outer = _outer(path, made)
        if made[outer].inner:
            own.setdefault(outer, []).append(Part(-1, path, path, PARAMETER))
            own[outer][-1].parameters.append(parameter)
        for part in made.values():
            if path.startswith(f"{part.path}.") or not part.path:
                part.parameters.append(parameter)
    for outer, parts in own.items():
        for part in parts:
            part.id = len(made)
            made[part.path] = part
        made[outer].inner[:0] = parts
    return made


def in_order(module: nn.Module) -> bool:
    """Whether the modules inside are applied one after the other, each once."""
    if not isinstance(module, nn.Sequential) or type(module).forward is not nn.Sequential.forward:
        return False
    return len({id(layer) for layer in module}) == len(module)


def _outer(path: str, made: dict[str, Part]) -> str:
    """The path of the module that holds what has this path."""
    while path:
        path = path.rpartition(".")[0]
        if path in made:
            return path
    return ""


@final
class ModuleTree(Layered):
    """The modules of a model."""

    trace = None

    def __init__(self, model: nn.Module, options: DrawOptions) -> None:
        self.parts, self.options = parts_of(model), options
        self.root = self.parts[""]
        self.views = self.levels(self.root.depth, options["fold"])
        self.size, self.least = len(self.parts), 1
        self.marks = marks_of(model, self.parts, options)

    def within(self, view: View, most: float) -> Graph | None:
        assert view.fold is not None
        graph = _Builder(self.root, view.fold).graph()
        return graph if len(graph.nodes) <= most else None

    def hidden(self, graph: Graph) -> str:
        folded = [node.layer.name for node in graph.nodes if node.layer and node.layer.contents]
        return f"what is inside {', '.join(folded)}" if folded else ""

    def cards(self, graph: Graph) -> LayerCards:
        show, precision = shown(self.options["show"]), self.options["precision"]
        about = self.root.parameters, self.root.name, self.marks
        return LayerCards(graph, None, *about, {}, show, precision)


def marks_of(model: nn.Module, parts: dict[str, Part], options: DrawOptions) -> Marks:
    """The parts that stand out: by path, by class and path, or by a parameter itself.

    Raises:
        KeyError: a tensor is no parameter of the model.
        ValueError: no part is called so.
    """
    tensors = {id(tensor): path for path, tensor in model.named_parameters()}
    known = {**parts, **{part.name: part for part in parts.values()}}
    found = set()
    for item in items_of(options["highlight"]):
        item = label_of(item) if isinstance(item, nn.Module) else item
        if isinstance(item, Tensor) and id(item) not in tensors:
            raise KeyError("viz: highlight: this tensor is no parameter of the model")
        path = tensors[id(item)] if isinstance(item, Tensor) else item
        if path in tensors.values() and path not in known:
            path = _outer(str(path), parts)  # a layer's parameter stands inside its box
        if not isinstance(path, str) or path not in known:
            raise ValueError(
                f"viz: highlight should name parts of the model, got {item!r:.80}\n"
                f"  fix: its parts are: {some(known, item)}"
            )
        found |= {part.id for part in known[path].all}
    return Marks(frozenset(found))


Place: TypeAlias = int | Run[int]  # among what stands in a module
Ends: TypeAlias = tuple[str, str]  # the nodes that stand first and last in something


@final
class _Builder:
    """Builds the graph of a model. What repeats is drawn once: a list of parts stands for equal ones."""

    def __init__(self, root: Part, fold: int) -> None:
        self.fold = fold
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.scopes: dict[int, Scope] = {}
        self.parents: dict[int, int | None] = {}
        self.layers: dict[int, Layer] = {}
        self.put([root], 1, (), "")

    def graph(self) -> Graph:
        parts = tuple(self.nodes), tuple(self.edges), self.scopes, self.parents
        return Graph(*parts, layers=self.layers)

    def put(self, parts: list[Part], count: int, path: tuple[int, ...], outer: str) -> Ends:
        """Add a part, which stands for all of these; the nodes that are first and last in it."""
        first = parts[0]
        title = spanned([part.name for part in parts[:count]])
        closed = len(path) >= self.fold or not first.inner
        layer = self.layer(parts, count, relative(title, outer), title if closed else "")
        if closed:
            kind: Kind = "repeat" if count > 1 else "layer" if layer.held else "operation"
            own = tuple(inner.id for part in parts for inner in part.all)
            node = Node(f"m{first.id}", kind, own, (), path, title, count=count, layer=layer)
            self.nodes.append(node)
            return node.id, node.id
        self.add_scope(first.id, title, layer, path)
        keys = [part.key for part in first.inner]
        places = runs(range(len(keys)), keys, MIN_REPEATS)
        inside = [part.inner for part in parts]
        return self.chain([[p] for p in places], inside, (*path, first.id), first, first.name)

    def chain(
        self,
        columns: list[list[Place]],
        inside: list[list[Part]],
        path: tuple[int, ...],
        holder: Part,
        outer: str,
    ) -> Ends:
        """Add what stands in a module or is repeated there, joined in its order."""
        ends = [self.place(column, inside, path, holder, outer) for column in columns]
        first_module = sum(part.kind == PARAMETER for part in inside[0])
        for i, ((_, tail), (head, _)) in enumerate(pairwise(ends)):
            known = holder.in_order and i >= first_module
            self.edges.append(Edge(tail, head, (Use(holder.id, holder.id, 0),) if known else ()))
        return ends[0][0], ends[-1][1]

    def place(
        self,
        column: list[Place],
        inside: list[list[Part]],
        path: tuple[int, ...],
        holder: Part,
        outer: str,
    ) -> Ends:
        """Add one of these places, which are equal, in one of these modules, which are equal too."""
        places = [place for place in column if isinstance(place, int)]
        if places:
            return self.put([parts[i] for parts in inside for i in places], 1, path, outer)
        found = [place for place in column if isinstance(place, Run)]
        count, size = found[0].count, len(found[0].phrase)
        columns = [
            [run.items[i] for run in found for i in range(j, size * count, size)]
            for j in range(size)
        ]
        alone = [i for i in columns[0] if isinstance(i, int)] if size == 1 else []
        if alone:
            return self.put([parts[i] for parts in inside for i in alone], count, path, outer)
        own = -1 - len(self.scopes)
        self.add_scope(own, "repeated", Layer("repeated", count=count), path)
        return self.chain(columns, inside, (*path, own), holder, outer)

    def layer(self, parts: list[Part], count: int, name: str, title: str) -> Layer:
        first = parts[0]
        own = [
            Parameter(
                "" if p.name == first.path else relative(p.name, first.name), p.shape, p.nbytes
            )
            for p in first.parameters
        ]
        held = [parameter for part in parts for parameter in part.parameters]
        inner = tuple(relative(part.name, first.name) for part in first.inner)
        contents = inner if title else ()
        return Layer(name, title, count, "", tuple(own), tuple(held), (), contents)

    def add_scope(self, own: int, title: str, layer: Layer, path: tuple[int, ...]) -> None:
        self.scopes[own], self.layers[own] = Scope(own, title, None), layer
        self.parents[own] = path[-1] if path else None
