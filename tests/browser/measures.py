"""Measures drawings in the browser: where texts and nodes lie, and how far texts stand out.

Each function takes a visit to a page and returns what is wrong there, so an empty list is a pass.
"""

# a box of an element's own coordinates, where it is in the picture: a page shrinks the graph
PLACE = """
    const placed = (e, x, y, width, height) => {
        const m = e.getCTM(), [a, b] = [[x, y], [x + width, y + height]].map(
            ([x, y]) => [m.a * x + m.c * y + m.e, m.b * x + m.d * y + m.f]);
        return [...a, ...b];
    };
    const box = e => { const b = e.getBBox(); return placed(e, b.x, b.y, b.width, b.height); };
"""
GEOMETRY = f"""() => {{{PLACE}
    const shapes = 'polygon, path, ellipse, polyline';
    return [...document.querySelectorAll('g.node')].map(g => ({{
        id: g.id,
        shapes: [...g.querySelectorAll(shapes)].map(box),
        texts: [...g.querySelectorAll('text')].filter(t => t.textContent.trim())
            .map(t => [t.textContent, box(t)])
    }}));
}}"""
LABELS = f"""() => {{{PLACE}
    const letters = t => {{  // without the blanks around them
        const first = t.textContent.search(/\\S/), last = t.textContent.trimEnd().length - 1;
        const [a, b] = [t.getExtentOfChar(first), t.getExtentOfChar(last)];
        return placed(t, a.x, a.y, b.x + b.width - a.x, a.height);
    }};
    const all = [...document.querySelectorAll('text')];
    const named = texts => texts.flatMap(pieces).filter(t => t.textContent.trim())
        .map(t => [t.textContent, letters(t)]);
    // a parted title is its pieces
    const pieces = t => t.querySelector('tspan[x]') ? [...t.children] : [t];
    const around = all.filter(t => t.matches('.title, .subtitle, .caption'));
    const labels = all.filter(t => t.closest('.edge-label, .cluster-label'));
    const {{width, height}} = document.documentElement.getBoundingClientRect();
    return {{ labels: named([...labels, ...around]), texts: named(all), canvas: [0, 0, width, height] }};
}}"""

FRAME = """() => {
    const box = e => {
        const b = e.getBoundingClientRect();
        return [b.left, b.top, b.right, b.bottom];
    };
    const seen = t => t.textContent.trim() && getComputedStyle(t).visibility === 'visible';
    const named = choice => [...document.querySelectorAll(choice)].filter(seen)
        .map(t => [t.textContent, box(t)]);
    return {
        nodes: [...document.querySelectorAll('g.node')].map(g => [g.id, box(g)]),
        moving: named('.frame text:not(.edge-label *)'),
        labels: named('.edge-label text, .cluster-label text'),
        texts: named('text'),
        canvas: box(document.querySelector('svg'))
    };
}"""

COLOURS = """() => {
    const style = e => getComputedStyle(e);
    const probe = document.createElementNS('http://www.w3.org/1999/xhtml', 'span');
    probe.style.color = 'Canvas';
    document.documentElement.append(probe);
    const page = style(probe).color;
    probe.remove();
    const ground = e => {
        for (; e; e = e.parentElement) {
            const colour = style(e).backgroundColor;
            if (colour !== 'rgba(0, 0, 0, 0)') return colour;
        }
        return page;
    };
    const middle = t => {
        const b = t.getBoundingClientRect();
        return [(b.left + b.right) / 2, (b.top + b.bottom) / 2];
    };
    const below = t => {  // the node on which a text of an animation's frame lies
        const [x, y] = middle(t);
        return [...document.querySelectorAll('g.node')].find(g => {
            const b = g.getBoundingClientRect();
            return b.left < x && x < b.right && b.top < y && y < b.bottom;
        });
    };
    const home = t => t.closest('g.node') ?? (t.matches('.frame text:not(.edge-label *)') ? below(t) : null);
    return [...document.querySelectorAll('text, tspan')].filter(t => t.textContent.trim()).map(t => {
        const filled = [...(home(t)?.querySelectorAll('polygon, path, ellipse') ?? [])]
            .map(s => style(s).fill).find(f => f !== 'none');
        const halo = style(t).stroke;
        const grounds = [filled ?? ground(t), ...(halo === 'none' ? [] : [halo])];
        return [t.textContent, t.getAttribute('class') ?? '', style(t).fill, grounds];
    });
}"""

CROSSED = """() => {
    const all = selector => [...document.querySelectorAll(selector)];
    const words = text => [...text.textContent.matchAll(/\\S/g)].map(({index}) => {
        const {x, y, width, height} = text.getExtentOfChar(index);
        return [x, y + 1.5, x + width, y + height - 1.5];  // letters have air above and below
    });
    const points = line => {
        const length = line.getTotalLength(), count = Math.ceil(length / 3);
        return [...Array(count + 1).keys()].map(i => line.getPointAtLength(length * i / count));
    };
    const size = 40;
    const lines = selector => {
        const cells = new Map();
        for (const {x, y} of all(selector).flatMap(points)) {
            const cell = `${Math.floor(x / size)} ${Math.floor(y / size)}`;
            cells.has(cell) ? cells.get(cell).push([x, y]) : cells.set(cell, [[x, y]]);
        }
        return ([left, top, right, bottom]) => {
            for (let i = Math.floor(left / size); i <= right / size; i++)
                for (let j = Math.floor(top / size); j <= bottom / size; j++)
                    for (const [x, y] of cells.get(`${i} ${j}`) ?? [])
                        if (left < x && x < right && top < y && y < bottom) return true;
            return false;
        };
    };
    const edge = lines('g.edge path, g.edge polygon');
    const border = lines('g.cluster path, g.cluster polygon');
    const scopes = all('g.cluster').map(g => g.querySelector('path, polygon').getBBox());
    const found = [];
    const report = (what, texts, bad) => {
        for (const text of texts) if (words(text).some(bad)) found.push(`${what} ${text.textContent.trim()}`);
    };
    const titles = all('.cluster-label text'), labels = all('.edge-label text');
    report('an edge crosses the title', titles, edge);
    report('a border crosses the title', titles, border);
    report('a border crosses the label', labels, border);
    titles.forEach((title, i) => report('outside its scope:', [title], ([left, top, right, bottom]) => {
        const {x, y, width, height} = scopes[i];
        return left < x || top < y || right > x + width || bottom > y + height;
    }));
    const nodes = all('g.node').map(g => g.getBBox());
    report('on a node:', titles, ([left, top, right, bottom]) => nodes.some(
        n => left < n.x + n.width && n.x < right && top < n.y + n.height && n.y < bottom));
    return found;
}"""


def spilled(seen, slack=0.5):
    """The texts that are not inside the shape of their node."""
    found = []
    for node in seen.page.evaluate(GEOMETRY):
        outer = around(node["shapes"])
        for text, (left, top, right, bottom) in node["texts"]:
            inside = outer[0] - slack <= left and right <= outer[2] + slack
            if not (inside and outer[1] - slack <= top and bottom <= outer[3] + slack):
                found.append(text)
    return found


def overlapping(seen):
    """The pairs of nodes whose boxes share more than an edge."""
    boxes = [(node["id"], around(node["shapes"])) for node in seen.page.evaluate(GEOMETRY)]
    return [
        (one, other)
        for i, (one, a) in enumerate(boxes)
        for other, b in boxes[i + 1 :]
        if meet(a, b)
    ]


def crowded(seen):
    """What the labels of edges and scopes cover, and what text is cut off by the picture's edge."""
    found = seen.page.evaluate(LABELS)
    nodes = [(node["id"], around(node["shapes"])) for node in seen.page.evaluate(GEOMETRY)]
    labels, canvas = found["labels"], found["canvas"]
    words = []
    for i, (text, box) in enumerate(labels):
        below = [name for name, other in nodes + labels[i + 1 :] if meet(box, other)]
        words += [f"{text} covers {name}" for name in below]
    for text, (left, top, right, bottom) in found["texts"]:
        if left < canvas[0] or top < canvas[1] or right > canvas[2] or bottom > canvas[3]:
            words.append(f"{text} leaves the picture")
    return words


def astray(seen):
    """What is wrong with the texts that are seen at this moment of an animation: one of a frame that lies
    in no node's box, a label that covers a node or a label, a text cut off by the picture's edge.
    """
    found = seen.page.evaluate(FRAME)
    boxes, labels = found["nodes"], found["labels"]
    words = [
        f"{text} lies in no box"
        for text, box in found["moving"]
        if not any(is_inside(box, outer) for _, outer in boxes)
    ]
    for i, (text, box) in enumerate(labels):
        below = [name for name, other in boxes + labels[i + 1 :] if meet(box, other)]
        words += [f"{text} covers {name}" for name in below]
    words += [
        f"{text} leaves the picture"
        for text, box in found["texts"]
        if not is_inside(box, found["canvas"])
    ]
    return words


def is_inside(box, outer, slack=0.5):
    """Whether a box is inside another, but for so many pixels."""
    left, top, right, bottom = box
    across = outer[0] - slack <= left and right <= outer[2] + slack
    return across and outer[1] - slack <= top and bottom <= outer[3] + slack


def crossed(seen):
    """The titles that an edge or a border crosses, that cover a node or leave their scope; the labels of
    edges that a border crosses.

    A text is its letters here, not its box: an arrow may pass between the words of a title.
    """
    return seen.page.evaluate(CROSSED)


def meet(a, b):
    """Whether two boxes share more than an edge."""
    return min(a[2], b[2]) - max(a[0], b[0]) > 0.5 and min(a[3], b[3]) - max(a[1], b[1]) > 0.5


def around(boxes):
    """The box around boxes."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def faint(seen):
    """The texts whose contrast with what is behind them is too low."""
    return [
        text
        for text, role, ink, grounds in seen.page.evaluate(COLOURS)
        if min(contrast(ink, ground) for ground in grounds)
        < (3 if role.startswith("swatch") else 4.5)
    ]


def contrast(a, b):
    """WCAG 2's contrast ratio of two computed colours.

    >>> round(contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)"), 2)
    21.0
    """
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour):
    """WCAG 2's relative luminance of `rgb(r, g, b)`."""
    assert colour.startswith("rgb("), f"{colour} is not an opaque colour"
    parts = [int(part) / 255 for part in colour[4:-1].split(",")]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
