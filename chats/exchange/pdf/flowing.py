"""Markdown as what flows over pages: paragraphs, lists, quotes, code, tables, formulas."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode
from pygments.token import Token as Kind
from reportlab.lib.abag import ABag
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_CENTER, TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable, HRFlowable, Paragraph, Spacer, Table, TableStyle
from reportlab.platypus.paraparser import ParaFrag

from chats import highlighting, markdown
from chats.exchange.pdf import directions, faces
from chats.exchange.pdf.formulas import Formula, Unset

SIZE, LEADING = 10.0, 15.0
INK, QUIET, ACCENT, LINE, WASH = (HexColor(c) for c in ("#22262b", "#666c73", "#0d6b6b", "#d9dbde", "#f4f4f2"))
_CODE_SIZE, _CODE_LEADING = 8.5, 12.0
_STEP = 16.0
_BULLET, _DONE, _TO_DO = "\u2022", "\u2611", "\u2610"
_BREAKS = {"softbreak", "hardbreak"}
_HEADINGS = {"h1": 15.0, "h2": 13.0, "h3": 11.5}
_WITH_DIRECTION = {"bullet_list", "ordered_list", "blockquote", "table"}
# Beyond this a table is shown plainly: no page holds it.
_CELLS = 5_000
# Of its type: as a rule, and where it has more words beside each other than fit.
_CELL_SIZE, _SMALLEST = SIZE - 1, 5.5
_PADDING, _MANY = 3.0, 10
# Between these an address goes over lines, where it is longer than its cell.
_IN_ADDRESS = re.compile(r"(?<=[/?&=.-])(?![/?&=.-])")
_ALIGNED = {"left": TA_LEFT, "center": TA_CENTER, "right": TA_RIGHT}
_COLOURS = {
    Kind.Comment: HexColor("#6a737d"),
    Kind.Keyword: HexColor("#8a3ea8"),
    Kind.Literal.String: HexColor("#2f7d32"),
    Kind.Literal.Number: HexColor("#9a5b00"),
    Kind.Name.Function: HexColor("#1b5fa8"),
    Kind.Name.Class: HexColor("#1b5fa8"),
    Kind.Generic.Inserted: HexColor("#2f7d32"),
    Kind.Generic.Deleted: HexColor("#b3261e"),
    Kind.Generic.Heading: HexColor("#1b5fa8"),
    Kind.Generic.Subheading: HexColor("#1b5fa8"),
}


@dataclass(frozen=True)
class Place:
    """Where a block stands: how far in, from which side, and the bars of the quotes around it."""

    width: float
    indent: float = 0.0
    bars: tuple[float, ...] = ()
    size: float = SIZE
    from_right: bool = False

    def inside(self, step: float = _STEP) -> "Place":
        """However deep something is nested, there is room for words."""
        indent = min(self.indent + step, self.width / 2)
        return replace(self, indent=indent)

    def quoted(self) -> "Place":
        return replace(self.inside(), bars=(*self.bars, self.indent + 2))


@dataclass(frozen=True)
class Look:
    face: str = faces.SANS
    size: float = SIZE
    colour: Color = INK
    link: str = ""
    is_struck: bool = False
    has_wash: bool = False
    rise: float = 0.0


class Text(Paragraph):  # type: ignore[misc]  # reportlab has no types
    """A paragraph, the bars of the quotes around it and, where it begins an item of a list, the mark of that."""

    place = Place(0)
    mark = ""
    # Of the words; the place has one of its own, that of the list or the quote.
    from_right = False
    is_mixed = False
    blPara: Any  # noqa: N815 - reportlab's: the lines that the words were broken into

    def split(self, available_width: float, available_height: float) -> Any:
        parts = super().split(available_width, available_height)
        for part in parts:
            part.place, part.from_right, part.is_mixed = self.place, self.from_right, self.is_mixed
        if parts:
            parts[0].mark = self.mark
        return parts

    def draw(self) -> None:
        self.canv.saveState()
        self.canv.setStrokeColor(LINE)
        self.canv.setLineWidth(1.5)
        for bar in self.place.bars:
            x = self.width - bar if self.place.from_right else bar
            self.canv.line(x, -self.style.spaceAfter, x, self.height)
        self.canv.restoreState()
        broken = self.blPara
        if self.mark:
            self._draw_mark(broken)
        # Only now: a paragraph that goes over a page is put together from its lines and broken again.
        if self.is_mixed:
            self.blPara = self._as_drawn(broken)
        super().draw()
        self.blPara = broken

    def _draw_mark(self, broken: Any) -> None:
        """Before the words, also where those are as far in as they may be."""
        first = broken if broken.kind == 0 else broken.lines[0]
        size = self.place.size
        # A number from the right has its point at the left.
        mark = "".join(char for _, char in directions.drawn(self.mark, from_right=self.place.from_right))
        pieces = faces.runs(mark, faces.SANS)
        width = sum(stringWidth(piece, face, size) for piece, face in pieces)
        indent = self.style.rightIndent if self.place.from_right else self.style.leftIndent
        x = max(0.0, min(self.place.indent - _STEP + 2, indent - width - 3))
        if self.place.from_right:
            x = self.width - x - width
        self.canv.saveState()
        self.canv.setFillColor(QUIET)
        for piece, face in pieces:
            self.canv.setFont(face, size)
            # Where ReportLab puts the first line.
            self.canv.drawString(x, self.height - first.fontSize, piece)
            x += stringWidth(piece, face, size)
        self.canv.restoreState()

    def _as_drawn(self, broken: Any) -> Any:
        if broken.kind == 0:
            lines = [(room, [self._drawn_line(" ".join(words))]) for room, words in broken.lines]
        else:
            lines = [part.clone(words=self._drawn_frags(part.words)) for part in broken.lines]
        return broken.clone(lines=lines)

    def _drawn_line(self, words: str) -> str:
        return "".join(char for _, char in directions.drawn(words, from_right=self.from_right))

    def _drawn_frags(self, frags: Sequence[Any]) -> list[Any]:
        """Pieces of one look stay one, as far as they stand together; a formula is one character."""
        texts = [directions.OBJECT if hasattr(frag, "cbDefn") else frag.text for frag in frags]
        owners = [frag for frag, text in zip(frags, texts, strict=True) for _ in text]
        found: list[Any] = []
        owned = directions.drawn("".join(texts), from_right=self.from_right)
        for _, group in groupby(owned, key=lambda part: id(owners[part[0]])):
            pieces = list(group)
            owner = owners[pieces[0][0]]
            is_object = hasattr(owner, "cbDefn")
            found.append(owner if is_object else owner.clone(text="".join(char for _, char in pieces)))
        return found


class Displayed(Flowable):  # type: ignore[misc]  # as above
    """A formula on a line of its own, made smaller where it is wider than the page."""

    def __init__(self, formula: Formula, place: Place) -> None:
        super().__init__()
        self.formula, self.place = formula, place
        self.spaceBefore = self.spaceAfter = 6

    def wrap(self, available_width: float, _available_height: float) -> tuple[float, float]:
        room = available_width - self.place.indent
        self.scale = min(1.0, room / max(1.0, self.formula.width))
        indent = 0.0 if self.place.from_right else self.place.indent
        self.left = indent + max(0.0, (room - self.formula.width * self.scale) / 2)
        return available_width, self.formula.height * self.scale

    def draw(self) -> None:
        self.canv.setFillColor(INK)
        self.formula.draw(self.canv, self.left, 0, self.scale)


def blocks(text: str, width: float) -> list[Flowable]:
    """Raises whatever the libraries raise for what they cannot set."""
    tokens = markdown.parser().parse(text, {"citations": {}})
    found: list[Flowable] = []
    for node in SyntaxTreeNode(tokens).children:
        # What it contains runs as it does, as on the page.
        from_right = node.type in _WITH_DIRECTION and directions.is_from_right(_words(node))
        found += _block(node, Place(width, from_right=from_right))
    return found


def typed(text: str, width: float) -> list[Flowable]:
    """A question: as its page shows it, line by line, without Markdown."""
    return [_text(_pieces(part or " ", Look()), Place(width), spaceAfter=1) for part in text.split("\n")]


def plain(text: str, width: float) -> list[Flowable]:
    """Line by line as it is."""
    return _code(text, "", Place(width))


def line(text: str, look: Look, *, is_from_left: bool = False, **style: Any) -> Text:
    return _text(_pieces(text, look), Place(0), is_from_left=is_from_left, leading=look.size * 1.4, **style)


def rule(width: str = "100%", *, before: float, after: float, is_kept: bool = False) -> HRFlowable:
    """Kept with what follows, so that it does not end a page."""
    found = HRFlowable(width=width, color=LINE, hAlign="LEFT", spaceBefore=before, spaceAfter=after)
    found.keepWithNext = int(is_kept)
    return found


def _block(node: SyntaxTreeNode, place: Place) -> list[Flowable]:
    kind = node.type
    if kind == "paragraph":
        return _paragraph(node, place)
    if kind == "heading":
        size = _HEADINGS.get(node.tag, 10.5)
        frags = _inline(node.children, Look(faces.BOLD, size))
        return [_text(frags, place, leading=size * 1.4, spaceBefore=8, keepWithNext=1)]
    if kind in {"bullet_list", "ordered_list"}:
        return _items(node, place)
    if kind == "blockquote":
        return [flowable for child in node.children for flowable in _block(child, place.quoted())]
    if kind in {"fence", "code_block"}:
        return _code(node.content, markdown.fence_language(node.info), place)
    if kind == "table":
        return _table(node, place)
    if kind in {"math_block", "math_block_label", "amsmath"}:
        return _displayed(node.content, place)
    if kind == "hr":
        return [rule(before=6, after=6)]
    if kind == "footnote_block":
        return [rule("30%", before=8, after=4, is_kept=True), *_notes(node, place)]
    if node.children:
        return [flowable for child in node.children for flowable in _block(child, place)]
    return [_text(_pieces(node.content, Look()), place)] if node.content else []


def _paragraph(node: SyntaxTreeNode, place: Place) -> list[Flowable]:
    """A formula that is displayed parts it, as on the page."""
    found: list[Flowable] = []
    words: list[SyntaxTreeNode] = []
    inner = node.children[0].children if node.children and node.children[0].type == "inline" else node.children
    for child in [*inner, None]:
        if child is not None and child.type != "math_inline_double":
            words.append(child)
            continue
        if any(_words(word).strip() or word.type not in _BREAKS for word in words):
            found.append(_text(_inline(_without_breaks(words), Look(size=place.size)), place))
        words = []
        if child is not None:
            found += _displayed(child.content, place)
    return found or [_text([], place)]


def _without_breaks(nodes: Sequence[SyntaxTreeNode]) -> Sequence[SyntaxTreeNode]:
    """A line break beside a formula is one already."""
    kept = [index for index, node in enumerate(nodes) if node.type not in _BREAKS]
    return nodes[kept[0] : kept[-1] + 1] if kept else []


def _items(node: SyntaxTreeNode, place: Place) -> list[Flowable]:
    found: list[Flowable] = []
    start = int(node.attrs.get("start", 1) or 0)
    is_numbered = node.type == "ordered_list"
    step = _STEP + (6 * max(0, len(str(start + len(node.children))) - 1) if is_numbered else 0)
    for number, item in enumerate(node.children, start):
        inside = place.inside(step)
        inner = [flowable for child in item.children for flowable in _block(child, inside)]
        if not inner or not isinstance(inner[0], Text) or inner[0].mark:
            inner.insert(0, _text([], inside))
        inner[0].mark = _box(item) or (f"{number}." if is_numbered else _BULLET)
        found += inner
    return found


def _box(item: SyntaxTreeNode) -> str:
    """Of a thing to do: in the place of its bullet."""
    if "task-list-item" not in str(item.attrs.get("class", "")):
        return ""
    box = next((node for node in item.walk() if node.type == "html_inline" and "checkbox" in node.content), None)
    return _DONE if box and "checked=" in box.content else _TO_DO


def _notes(node: SyntaxTreeNode, place: Place) -> list[Flowable]:
    found: list[Flowable] = []
    for number, note in enumerate(node.children, 1):
        from_right = directions.is_from_right(_words(note))
        inside = replace(place.inside(_STEP + 6 * (len(str(number)) - 1)), size=SIZE - 1.5, from_right=from_right)
        inner = [flowable for child in note.children for flowable in _block(child, inside)]
        if inner and isinstance(inner[0], Text) and not inner[0].mark:
            inner[0].mark = f"{number}."
        found += inner
    return found


def _displayed(source: str, place: Place) -> list[Flowable]:
    try:
        return [Displayed(Formula(source.strip(), SIZE + 2, is_display=True), place)]
    except Unset:
        return _code(source, "", place)


def _table(node: SyntaxTreeNode, place: Place) -> list[Flowable]:
    rows = [row for part in node.children for row in part.children]
    columns = max((len(row.children) for row in rows), default=0)
    if not columns or columns * len(rows) > _CELLS or columns > 40:
        text = "\n".join(" | ".join(_words(cell) for cell in row.children) for row in rows)
        return _code(text, "", place)
    room = place.width - place.indent
    padding = _PADDING if columns <= _MANY else _PADDING / 2
    size, widths = _fitted(rows, columns, room, padding)
    inner = [width - 2 * padding for width in widths]
    grid = [[*map(_cell, row.children, [size] * columns, inner), *[""] * (columns - len(row.children))] for row in rows]
    if place.from_right:
        grid, widths = [row[::-1] for row in grid], widths[::-1]
    table = Table(
        grid,
        colWidths=widths,
        repeatRows=1 if len(rows) > 1 else 0,
        hAlign="LEFT" if place.from_right else "RIGHT",
        splitInRow=1,
    )
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), faces.SANS, size),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LINEBELOW", (0, 0), (-1, 0), 1, QUIET),
                ("LINEBELOW", (0, 1), (-1, -1), 0.5, LINE),
                ("LEFTPADDING", (0, 0), (-1, -1), padding),
                ("RIGHTPADDING", (0, 0), (-1, -1), padding),
                ("TOPPADDING", (0, 0), (-1, -1), 3),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ]
        )
    )
    return [Spacer(1, 4), table, Spacer(1, 8)]


def _words(node: SyntaxTreeNode) -> str:
    return node.content if not node.children else "".join(_words(child) for child in node.children)


def _fitted(rows: Sequence[SyntaxTreeNode], columns: int, room: float, padding: float) -> tuple[float, list[float]]:
    """Size of type and widths of columns: no word is broken that can stand whole on the page."""
    longest, whole = [1.0] * columns, [1.0] * columns
    for row in rows:
        for index, cell in enumerate(row.children):
            word, line = _measured(_inline(cell.children, _cell_look(cell, _CELL_SIZE)))
            longest[index], whole[index] = max(longest[index], word), max(whole[index], line)
    # A trace more, or what fits to the last digit would be broken for its last digit.
    least = [word + 0.5 for word in longest]
    free = room - 2 * padding * columns
    size = min(_CELL_SIZE, max(_SMALLEST, _CELL_SIZE * free / sum(least)))
    scale = size / _CELL_SIZE
    least = _shared([word * scale for word in least], free)
    # Whoever has long lines gets of what is left, within reason.
    more = [max(1.0, min(line * scale, free / 2) - word) for line, word in zip(whole, least, strict=True)]
    left = max(0.0, free - sum(least))
    return size, [word + left * part / sum(more) + 2 * padding for word, part in zip(least, more, strict=True)]


def _shared(wanted: list[float], free: float) -> list[float]:
    """What each asks for, or where that is more than there is, as much at most as makes it enough."""
    given = dict.fromkeys(range(len(wanted)), 0.0)
    for count, index in enumerate(sorted(given, key=lambda index: wanted[index])):
        given[index] = min(wanted[index], (free - sum(given.values())) / (len(wanted) - count))
    return [given[index] for index in range(len(wanted))]


def _measured(frags: Sequence[Any]) -> tuple[float, float]:
    """Of the longest word, and of all on one line."""
    longest = word = whole = 0.0
    for frag in frags:
        if hasattr(frag, "cbDefn"):
            word, whole = word + frag.cbDefn.width, whole + frag.cbDefn.width
            longest = max(longest, word)
            continue
        whole += stringWidth(frag.text, frag.fontName, frag.fontSize)
        # Between these, lines break anywhere.
        is_asian = faces.is_asian(frag.text)
        for index, part in enumerate(frag.text if is_asian else frag.text.split(" ")):
            for begun, piece in enumerate(_parts(part)):
                word = stringWidth(piece, frag.fontName, frag.fontSize) + (0 if index or begun or is_asian else word)
                longest = max(longest, word)
        if hasattr(frag, "lineBreak"):
            word = 0.0
    return longest, whole


def _parts(word: str) -> list[str]:
    """Of an address, those that stay whole. Any other word is one."""
    return _IN_ADDRESS.split(word) if "://" in word or word.startswith("www.") else [word]


def _in_lines(frag: Any, room: float) -> Any:
    """With a blank in each address that is longer than its cell, where the next part would be too much for a line."""
    if hasattr(frag, "cbDefn"):
        return frag

    def wide(text: str) -> float:
        return float(stringWidth(text, frag.fontName, frag.fontSize))

    words = []
    for word in frag.text.split(" "):
        lines, parts = [""], _parts(word)
        for part in parts:
            if lines[-1] and wide(lines[-1] + part) > room:
                lines.append("")
            lines[-1] += part
        # Where even a part is too long, all breaks anywhere.
        words.append(" ".join(lines) if all(wide(line) <= room for line in lines) else word)
    return frag.clone(text=" ".join(words))


def _cell_look(node: SyntaxTreeNode, size: float) -> Look:
    return Look(faces.BOLD if node.type == "th" else faces.SANS, size)


def _cell(node: SyntaxTreeNode, size: float, room: float) -> Text:
    style: dict[str, Any] = {"leading": size * 1.4, "spaceAfter": 0}
    asked = str(node.attrs.get("style", "")).rpartition(":")[2].strip()
    if asked in _ALIGNED:
        style["alignment"] = _ALIGNED[asked]
    frags = [_in_lines(frag, room) for frag in _inline(node.children, _cell_look(node, size))]
    return _text(frags, Place(0), **style)


def _code(code: str, language: str, place: Place) -> list[Flowable]:
    """One flowing paragraph a line, so that a block may go over pages and long lines wrap."""
    found: list[Flowable] = [Spacer(1, 3)]
    # Some lexers take a line for what it is by its end.
    for pieces in _lines(code.rstrip("\n") + "\n", language)[:-1]:
        frags = [frag for piece, colour in pieces for frag in _kept(piece, colour)] or _kept(" ", INK)
        text = _text(
            frags,
            place,
            leading=_CODE_LEADING,
            spaceAfter=0,
            backColor=WASH,
            borderPadding=(0, 4, 0, 4),
            inset=4,
            is_from_left=True,
        )
        found.append(text)
    return [*found, Spacer(1, 8)]


def _lines(code: str, language: str) -> list[list[tuple[str, Color]]]:
    lines: list[list[tuple[str, Color]]] = [[]]
    for colour, value in _coloured(code, language):
        for index, piece in enumerate(value.split("\n")):
            if index:
                lines.append([])
            if piece:
                lines[-1].append((piece, colour))
    return lines


def _coloured(code: str, language: str) -> list[tuple[Color, str]]:
    return [(_colour(kind), value) for kind, value in highlighting.tokens(code, language)]


def _colour(kind: Any) -> Color:
    while kind is not None:
        if kind in _COLOURS:
            return _COLOURS[kind]
        kind = kind.parent
    return INK


def _kept(piece: str, colour: Color) -> list[ParaFrag]:
    """Blanks that a paragraph would gather stay."""
    return _pieces(piece.replace("\t", "    ").replace(" ", "\u00a0"), Look(faces.MONO, _CODE_SIZE, colour))


# --- Inside a line ------------------------------------------------------------------------------------------------


def _inline(nodes: Sequence[SyntaxTreeNode], look: Look) -> list[ParaFrag]:
    found: list[ParaFrag] = []
    for node in nodes:
        found += _span(node, look)
    return found


def _span(node: SyntaxTreeNode, look: Look) -> list[ParaFrag]:
    kind = node.type
    changed = {
        "strong": replace(look, face=faces.BOLD),
        "em": replace(look, face=faces.ITALIC if look.face == faces.SANS else look.face),
        "s": replace(look, is_struck=True),
        "link": replace(look, colour=ACCENT, link=str(node.attrs.get("href", ""))),
    }.get(kind, look)
    if kind == "text":
        return _pieces(node.content, look)
    if kind == "code_inline":
        return _pieces(node.content, replace(look, face=faces.MONO, size=look.size - 1, has_wash=True))
    if kind == "softbreak":
        return _pieces(" ", look)
    if kind == "hardbreak":
        return [_frag("", look.face, look, lineBreak=True)]
    if kind in {"math_inline", "math_inline_double"}:
        return _formula(node.content, look, is_display=kind.endswith("double"))
    if kind == "image":
        words = _inline(node.children, look) or _pieces(str(node.attrs.get("src", "")), look)
        return [*_pieces("[", look), *words, *_pieces("]", look)]
    if kind == "footnote_ref":
        return _pieces(str(int(node.meta.get("id", 0)) + 1), replace(look, size=look.size - 3, rise=3))
    if kind in {"html_inline", "footnote_anchor"}:
        return []
    if node.children:
        return _inline(node.children, changed)
    return _pieces(node.content, look)


def _formula(source: str, look: Look, *, is_display: bool) -> list[ParaFrag]:
    try:
        formula = Formula(source, look.size + 1, is_display=is_display)
    except Unset:
        return _pieces(source, replace(look, face=faces.MONO))
    if formula.width > 400:
        return _pieces(source, replace(look, face=faces.MONO))
    frag = _frag("", look.face, look)
    frag.cbDefn = ABag(
        kind="img", src="", image=formula, width=formula.width, height=formula.height, valign=-formula.depth
    )
    return [frag]


def _pieces(text: str, look: Look) -> list[ParaFrag]:
    return [_frag(piece, face, look) for piece, face in faces.runs(text, look.face)]


def _frag(text: str, face: str, look: Look, **more: Any) -> ParaFrag:
    values: dict[str, Any] = {
        "rise": look.rise,
        "greek": 0,
        "link": [(0, look.link)] if look.link.startswith(("http://", "https://", "mailto:")) else [],
        "fontName": face,
        "bold": 0,
        "italic": 0,
        "fontSize": look.size,
        "textColor": look.colour,
        "us_lines": [(1, "strike", None, "", "0.25*F", 0, 1, "1")] if look.is_struck else [],
        "text": text,
        **more,
    }
    if look.has_wash:
        values["backColor"] = WASH
    return ParaFrag(**values)


def _text(frags: list[ParaFrag], place: Place, *, is_from_left: bool = False, inset: float = 0, **style: Any) -> Text:
    """Words run and are aligned as their first letter says, unless they run from the left whatever they are. They are
    as far in as their place, from its side."""
    words = "".join(frag.text for frag in frags)
    from_right = not is_from_left and directions.is_from_right(words)
    has_formula = any(hasattr(frag, "cbDefn") for frag in frags)
    tallest = max((frag.cbDefn.height for frag in frags if hasattr(frag, "cbDefn")), default=0.0)
    values = {
        "fontName": faces.SANS,
        "fontSize": place.size,
        "leading": LEADING * place.size / SIZE,
        "textColor": INK,
        "alignment": TA_RIGHT if from_right else TA_LEFT,
        "leftIndent": inset + (0 if place.from_right else place.indent),
        "rightIndent": inset + (place.indent if place.from_right else 0),
        "spaceAfter": 5,
        "wordWrap": "CJK" if faces.is_asian(words) and not has_formula else None,
        "splitLongWords": 1,
        "autoLeading": "max" if tallest > SIZE else "off",
        **style,
    }
    text = Text("", ParagraphStyle("text", **values), frags=frags or _pieces(" ", Look()))
    text.place, text.from_right, text.is_mixed = place, from_right, directions.has_any(words)
    return text


__all__ = ["Look", "Token", "blocks", "line", "plain"]
