"""Makes the screenshots of docs/pictures.md: runs its code blocks and photographs each `picture`.

Of one that plays it photographs the last frame, and saves the SVG too.

`python docs/pictures.py` needs the extra `browser` and a `chromium` program on the PATH.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("pictures.md")
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n\n<picture>.*?pictures/(?P<name>\w+)-dark\.png", re.S | re.M
)


def drawings(page: str) -> Iterator[tuple[str, Any]]:
    """Each picture's name and drawing; the blocks share their names, as in a notebook."""
    names: dict[str, Any] = {}
    for block in BLOCK.finditer(page):
        exec(block["code"], names)
        yield block["name"], names["picture"]


def main() -> None:
    """Write `pictures/NAME-light.png` and `pictures/NAME-dark.png` for each drawing."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    import viz

    program = shutil.which("chromium")
    if program is None:
        sys.exit("docs/pictures.py: there is no chromium program on the PATH")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        for name, drawing in drawings(PAGE.read_text("utf-8")):
            if isinstance(drawing, viz.Animation):
                drawing.save(PAGE.parent / "pictures" / f"{name}.svg")
            for scheme in ("light", "dark"):
                page = browser.new_page(color_scheme=scheme, reduced_motion="reduce")
                page.set_content(f"<style>:root{{color-scheme:{scheme}}}</style>{drawing.svg}")
                path = PAGE.parent / "pictures" / f"{name}-{scheme}.png"
                shot = Image.open(io.BytesIO(page.locator("svg").screenshot()))
                shot.convert("RGB").quantize(256).save(path, optimize=True)  # half the bytes
                print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
