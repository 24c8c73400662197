"""Makes Graphviz's SVG ours: safe, labelled for screen readers, light and dark.

The SVG is parsed and copied element by element through an allow-list, so nothing that is not a shape
or a text can leave, whatever engine wrote it. On the way ids become unique to the drawing, tooltips
get the full story of a node, and each line of text gets the class of its role.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Collection, Mapping, Sequence

from .dot import INDENT, ROOM, Dot, Part
from .pages import SVG, Frame, put_frame
from .placing import place
from .texts import fix_width, size
from .theme import FONT_FAMILY, LOOKS, Palette, schemes

SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_GEOMETRY = {"fill", "stroke", "stroke-width", "stroke-dasharray", "fill-opacity", "stroke-opacity"}
ALLOWED = {
    "svg": {"width", "height", "viewBox"},
    "g": {"transform"},
    "title": set[str](),
    "polygon": {"points", *_GEOMETRY},
    "polyline": {"points", *_GEOMETRY},
    "path": {"d", *_GEOMETRY},
    "ellipse": {"cx", "cy", "rx", "ry", *_GEOMETRY},
    "text": {"x", "y", "text-anchor", "font-size", "fill", SPACE},
}


def finish(
    svg: bytes,
    dot: Dot,
    palettes: Sequence[Palette],
    prefix: str,
    about: tuple[str, str],
    frame: Frame,
    font: str | None = None,
) -> str:
    """Graphviz's SVG as ours.

    Args:
        dot: what was laid out.
        palettes: one, or a light and a dark one of which the viewer's preference chooses.
        prefix: starts every id, so that drawings on one page never share one.
        about: title and description for screen readers.
        frame: what stands around the graph.
        font: a family that is preferred to the usual ones.
    """
    source = ET.fromstring(svg)
    root = _copy(source, dot.parts, prefix)
    if root is None:
        raise ValueError("the layout engine did not write an SVG")
    root.set("id", prefix)
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    for at, (tag, text) in enumerate(zip(("title", "desc"), about, strict=True)):
        element = ET.Element(f"{{{SVG}}}{tag}", id=f"{prefix}-{tag}")
        element.text = text
        root.insert(at, element)
    style = ET.Element(f"{{{SVG}}}style")
    kinds = {word for part in dot.parts.values() for word in part.kind.split()}
    style.text = stylesheet(prefix, palettes, kinds, font)
    root.insert(2, style)
    canvas = root.find(f"{{{SVG}}}g")
    if canvas is not None:
        place(canvas)
        _raise_labels(canvas)
    put_frame(root, frame)
    ET.register_namespace("", SVG)
    return ET.tostring(root, encoding="unicode") + "\n"


def _copy(
    source: ET.Element, parts: Mapping[str, Part], prefix: str, part: Part | None = None
) -> ET.Element | None:
    """An element and what is in it, as far as the allow-list goes."""
    tag = source.tag.removeprefix(f"{{{SVG}}}") if isinstance(source.tag, str) else ""
    if tag not in ALLOWED:
        return None
    made = ET.Element(f"{{{SVG}}}{tag}")
    made.attrib.update({k: v for k, v in source.attrib.items() if k in ALLOWED[tag]})
    if tag in ("text", "title"):
        made.text = source.text
    if tag == "g":
        name, part = _find(source, parts)
        if part is not None:
            made.set("class", part.kind)
            if name:
                made.set("id", f"{prefix}-{name}")
    children = [_copy(child, parts, prefix, part) for child in source]
    made.extend(child for child in children if child is not None)
    if tag == "g" and part is not None:
        _describe(made, part)
    return made


def _find(group: ET.Element, parts: Mapping[str, Part]) -> tuple[str, Part | None]:
    """Which part a group draws: edges carry an id of ours, the others their name as title."""
    identity, kind = group.get("id", ""), group.get("class", "")
    if kind == "graph":
        return "", parts.get("")
    name = identity if kind == "edge" else group.findtext(f"{{{SVG}}}title", "")
    return name, parts.get(name)


def _describe(group: ET.Element, part: Part) -> None:
    """Set a group's tooltip and the classes of its own lines of text."""
    title = group.find(f"{{{SVG}}}title")
    if title is not None:
        if part.tooltip:
            title.text = part.tooltip
        else:
            group.remove(title)
    texts = group.findall(f"{{{SVG}}}text")
    for i, text in enumerate(texts):
        role = part.roles[i] if len(part.roles) == len(texts) else "note"
        text.set("class", role)
        if part.kind == "cluster":
            text.text = _without_room(text.text or "")
        fix_width(text, size(text))
        if part.kind == "graph":
            text.set("class", f"{role} legend")
            _colour_swatch(text)


def _without_room(title: str) -> str:
    """A scope's title without what only kept room in the layout."""
    kept = title.replace("\xa0", " ").endswith(ROOM)
    return title[: -len(ROOM)] if kept else title


def _raise_labels(canvas: ET.Element) -> None:
    """Draw the labels of clusters and edges last, so that no edge runs over them."""
    for group in list(canvas):
        kind = group.get("class", "").partition(" ")[0]
        if kind in ("cluster", "edge"):
            texts = group.findall(f"{{{SVG}}}text")
            above = ET.SubElement(canvas, f"{{{SVG}}}g", {"class": f"{kind}-label"})
            for text in texts:
                group.remove(text)
                above.append(text)
            if not texts:
                canvas.remove(above)


def _colour_swatch(text: ET.Element) -> None:
    """Open a line of the legend that names a kind with a square of its colour."""
    words = (text.text or "").replace("\xa0", " ")
    kind = next((k for k, look in LOOKS.items() if words == INDENT + look.legend), None)
    if kind is not None:
        swatch = ET.SubElement(text, f"{{{SVG}}}tspan", {"class": f"swatch-{kind}"})
        text.text, swatch.text, swatch.tail = None, "■", words[1:]


def stylesheet(
    prefix: str, palettes: Sequence[Palette], kinds: Collection[str], font: str | None = None
) -> str:
    """The drawing's CSS: each rule starts with its id, so it touches nothing else on a page."""
    me = f"#{prefix}"
    first, *others = palettes
    family = f"'{font}', {FONT_FAMILY}" if font else FONT_FAMILY
    rules = [
        # in a window of its own the ground is the browser's: it is to go with the colours
        f"{me}{{color-scheme:{schemes(palettes)}}}",
        f"{me} text{{font-family:{family};white-space:pre}}",
        f"{me} .title,{me} .head,{me} .lint{{font-weight:700}}",
        *colours(me, first, kinds),
    ]
    for other in others:
        inner = "".join(colours(me, other, kinds))
        rules.append(f"@media (prefers-color-scheme:{other.scheme}){{{inner}}}")
    return "".join(rules)


def colours(me: str, palette: Palette, kinds: Collection[str]) -> list[str]:
    """The rules of one palette, for the kinds that occur."""
    rules = [
        f"{me} text{{fill:{palette.text}}}",
        f"{me} .kind,{me} .shape,{me} .note,{me} .subtitle{{fill:{palette.muted}}}",
        f"{me} .grad{{fill:{palette.gradient}}}",
        f"{me} .lint{{fill:{palette.warning}}}",
        f"{me} .edge path{{stroke:{palette.edge}}}",
        f"{me} .edge polygon{{stroke:{palette.edge};fill:{palette.edge}}}",
        # What stands on the page itself has a rim of our canvas: a page may be dark where the
        # system is light.
        f"{me} .edge-label text,{me} .legend,{me} .title,{me} .subtitle,{me} .caption{{paint-order:stroke;stroke:{palette.canvas};"
        "stroke-width:3px;stroke-linejoin:round}",
        f"{me} .cluster-label text{{paint-order:stroke;stroke:{palette.scope};"
        f"stroke-width:6px;stroke-linejoin:round;fill:{palette.muted}}}",
        f"{me} .cluster path,{me} .cluster polygon{{fill:{palette.scope};stroke:{palette.muted}}}",
    ]
    for kind in (kind for kind in LOOKS if kind in kinds):
        stroke, fill = palette.border(kind), palette.fill(kind)
        shapes = [f"{me} .{kind} {shape}" for shape in ("polygon", "path", "ellipse", "polyline")]
        rules.append(f"{me} .swatch-{kind}{{fill:{stroke}}}")
        rules.append(f"{','.join(shapes)}{{stroke:{stroke}}}")
        filled = [f'{shape}:not([fill="none"])' for shape in shapes[:3]]
        rules.append(f"{','.join(filled)}{{fill:{fill}}}")
    if "marked" in kinds:  # the last, so that it wins
        shapes = [f"{me} .marked {shape}" for shape in ("polygon", "path", "ellipse", "polyline")]
        rules.append(f"{','.join(shapes)}{{stroke:{palette.text}}}")
        rules.append(f"{me} .edge.marked polygon{{fill:{palette.text}}}")
    return rules
