r"""Any text as TeX that shows it as it is, with pdfLaTeX, XeLaTeX and LuaLaTeX.

ASCII is escaped where TeX has a use for it; Latin letters stand as themselves. Every other character is
written `\glyph{Σ}`: TeX takes it from the font where the font has it, else it draws it as mathematics,
one character wide so that columns stay aligned, or shows its code. `definitions` says how it is drawn.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from .labels import advance

SPECIALS = {
    **{c: f"\\{c}" for c in "{}$&#_%"},
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "\u00a0": "~",
}
# Latin letters that LaTeX's own fonts have in all three engines
LETTERS = {chr(i) for i in range(0xC0, 0x180)} - set("×÷ĦħĲĳĸĿŀŉŦŧſ")
GREEK = "αβγδεζηθικλμνξπρσςτυφχψωΓΔΘΛΞΠΣΥΦΨΩ"
GREEK_NAMES = """
    alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma varsigma
    tau upsilon varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""
SIGNS = {  # in mathematics
    **{letter: f"\\{name}" for letter, name in zip(GREEK, GREEK_NAMES.split(), strict=True)},
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧο", (rf"\mathrm{{{c}}}" for c in "ABEZHIKMNOPTXo"), strict=True)),
    "ϕ": r"\phi", "ϵ": r"\epsilon", "µ": r"\mu", "ℓ": r"\ell", "ı": r"\imath",
    "∂": r"\partial", "∇": r"\nabla", "∑": r"\Sigma", "∏": r"\Pi", "∫": r"\smallint", "√": r"\surd",
    "∞": r"\infty", "·": r"\cdot", "∙": r"\cdot", "•": r"\bullet", "×": r"\times", "÷": r"\div",
    "±": r"\pm", "−": "-", "∓": r"\mp", "∘": r"\circ", "⊙": r"\odot", "⊗": r"\otimes",
    "⊕": r"\oplus", "∗": r"\ast", "⋆": r"\star", "¬": r"\neg", "∧": r"\wedge", "∨": r"\vee",
    "≤": r"\leq", "≥": r"\geq", "≠": r"\neq", "≈": r"\approx", "≡": r"\equiv", "∼": r"\sim",
    "∝": r"\propto", "≪": r"\ll", "≫": r"\gg", "∈": r"\in", "∉": r"\notin", "⊂": r"\subset",
    "∪": r"\cup", "∩": r"\cap", "∅": r"\emptyset", "∀": r"\forall", "∃": r"\exists",
    "←": r"\leftarrow", "→": r"\rightarrow", "↑": r"\uparrow", "↓": r"\downarrow",
    "↔": r"\leftrightarrow", "⇐": r"\Leftarrow", "⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow",
    "↦": r"\mapsto", "⟨": r"\langle", "⟩": r"\rangle", "⌊": r"\lfloor", "⌋": r"\rfloor",
    "⌈": r"\lceil", "⌉": r"\rceil", "‖": r"\|", "′": "{}'", "″": "{}''", "°": r"{}^\circ",
    "…": r"\mkern-2mu.\mkern-1mu.\mkern-1mu.\mkern-2mu",
    "–": r"\hbox{\textendash}", "—": r"\hbox{\textemdash}", "‘": r"\hbox{\textquoteleft}",
    "’": r"\hbox{\textquoteright}", "“": r"\hbox{\textquotedblleft}",
    "”": r"\hbox{\textquotedblright}", "§": r"\hbox{\textsection}", "¶": r"\hbox{\textparagraph}",
    "©": r"\hbox{\textcopyright}", "■": r"\rule{4.5pt}{4.5pt}",
}  # fmt: skip
ACCENTS = {  # over the character before
    "\u0300": r"\grave", "\u0301": r"\acute", "\u0302": r"\hat", "\u0303": r"\tilde",
    "\u0304": r"\bar", "\u0305": r"\bar", "\u0306": r"\breve", "\u0307": r"\dot",
    "\u0308": r"\ddot", "\u030c": r"\check", "\u20d7": r"\vec",
}  # fmt: skip

MACROS = r"""
% \glyph{Σ}: a character from the font, or else drawn as \newglyph says, or another \newglyph...
\providecommand\glyph[1]{\ifPDFTeX\drawnglyph{#1}\else\iffontchar\font`#1 #1\else\drawnglyph{#1}\fi\fi}
\providecommand\drawnglyph[1]{\csname glyph \detokenize{#1}\endcsname}
\providecommand\glyphcell[1]{\sbox2{\fontsize{9}{9}\selectfont$#1$}\makebox[\fontcharwd\font`0]{%
  \ifdim\wd2>\fontcharwd\font`0 \resizebox{\fontcharwd\font`0}{\height}{\usebox2}\else\usebox2\fi}}
\providecommand\newglyph[2]{\expandafter\def\csname glyph \detokenize{#1}\endcsname{\glyphcell{#2}}}
\providecommand\newglyphaccent[2]{\expandafter\def\csname glyph \detokenize{#1}\endcsname
  {\llap{\glyphcell{#2{\phantom{x}}}}}}
\providecommand\newglyphcode[2]{\expandafter\def\csname glyph \detokenize{#1}\endcsname
  {\glyphcell{\langle}U+#2\glyphcell{\rangle}}}
% \glyphswithin{20}{...}: a text with codes, made smaller where it is wider than so many characters
\providecommand\glyphswithin[2]{\sbox0{#2}\ifdim\wd0>#1\fontcharwd\font`0 %
  \resizebox{#1\fontcharwd\font`0}{!}{\usebox0}\else\usebox0\fi}
""".strip()


def escape(text: str) -> str:
    r"""A line of text in TeX. Several spaces stay as many.

    >>> print(escape("W_1  {50%} -- Σ x²"))
    W\_1~~\{50\%\} -{}- \glyph{Σ} x\glyph{²}
    """
    text = unicodedata.normalize("NFC", text)
    spaced = re.sub(r"^ | $|(?<= ) | (?= )", "\u00a0", text)
    written = "".join(SPECIALS.get(c) or (c if _is_plain(c) else _glyph(c)) for c in spaced)
    return re.sub(r"([-,])(?=\1)", r"\1{}", written)  # TeX makes a dash of -- and a quote of ,,


def _glyph(char: str) -> str:
    """Accents are drawn: in LuaLaTeX the font's take room."""
    return rf"\{'drawn' if unicodedata.combining(char) else ''}glyph{{{char}}}"


def _is_plain(char: str) -> bool:
    return char.isascii() or char in LETTERS


def fitted(text: str) -> str:
    r"""A line of text in TeX, no wider than it should be where codes stand for characters.

    >>> print(fitted("a²"), fitted("名"))
    a\glyph{²} \glyphswithin{2}{\glyph{名}}
    """
    has_code = any(not _is_plain(c) and mathematics(c) is None for c in text)
    return rf"\glyphswithin{{{advance(text)}}}{{{escape(text)}}}" if has_code else escape(text)


def mathematics(char: str) -> str | None:
    r"""How TeX's mathematics draws a character, or an accent, or None if it can't.

    >>> mathematics("Σ"), mathematics("ᶻ"), mathematics("₁"), mathematics("名")
    ('\\Sigma', '{}^{\\mathtt{z}}', '{}_{\\mathtt{1}}', None)
    """
    if char in SIGNS or char in ACCENTS:
        return SIGNS.get(char) or ACCENTS[char]
    place, _, code = unicodedata.decomposition(char).partition(" ")
    mark = {"<super>": "^", "<sub>": "_"}.get(place)
    if mark is None or " " in code:
        return None
    base = chr(int(code, 16))
    drawn = rf"\mathtt{{{base}}}" if base.isascii() and base.isalnum() else mathematics(base)
    if base.isascii() and drawn is None:
        drawn = base
    return f"{{}}{mark}{{{drawn}}}" if drawn else None


def definitions(texts: Iterable[str]) -> list[str]:
    r"""The lines that say how TeX draws the characters of these texts.

    >>> print(*definitions(["Σ x", "名前 Σ"]), sep="\n")
    \newglyph{Σ}{\Sigma}
    \newglyphcode{前}{524D}
    \newglyphcode{名}{540D}
    """
    found = {c for text in texts for c in unicodedata.normalize("NFC", text)}
    return [definition(c) for c in sorted(found) if not _is_plain(c) and c not in SPECIALS]


def definition(char: str) -> str:
    """The line that says how TeX draws a character."""
    drawn = mathematics(char)
    if drawn is None:
        return rf"\newglyphcode{{{char}}}{{{ord(char):04X}}}"
    return rf"\newglyph{'accent' if char in ACCENTS else ''}{{{char}}}{{{drawn}}}"
