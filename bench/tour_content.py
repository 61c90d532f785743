"""What the tour is filled with: invented, and about a harbour that does not exist."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw

from tests.files import samples

TITLE = "The library of Alder Bay"
QUESTION = "When was the library of Alder Bay opened, and how many keys does it keep?"
THOUGHT = "The handbook lists each building with its year and its keys. I will quote the record itself. "
ANSWER = """The handbook answers both in one record:

* **Opened:** in 1716 [1]
* **Keys:** exactly 704, all of them numbered [1]

Visitors sign the book at the entrance and leave bags in the lockers beside the stairs [2], so a group of more than
twelve people should write beforehand.
"""

RICH_TITLE = "How far a lighthouse reaches"
RICH_QUESTION = "How far does the beam of a lighthouse reach? Show me the formula, a table and a few lines of Python."
RICH_ANSWER = """The horizon of a light at height $h$ above the sea lies where the line of sight touches the earth:

$$d = \\sqrt{2 R h + h^2} \\approx 3.57 \\sqrt{h}$$

with $h$ in metres and $d$ in kilometres.

| Lighthouse | Height, m | Reach, km |
| --- | ---: | ---: |
| Gull Rock | 24 | 17.5 |
| Heron Mere | 41 | 22.9 |
| Birch Point | 63 | 28.3 |

```python
from math import sqrt

def reach(height: float) -> float:
    \"\"\"Kilometres to the horizon, from metres above the sea.\"\"\"
    return 3.57 * sqrt(height)

print(f"{reach(41):.1f} km")
```

> Refraction bends the beam a little, so at night it is seen some 8 % farther.

- [x] geometric horizon
- [ ] refraction and haze
"""

COMPARED_TITLE = "A name for the ferry"
COMPARED_QUESTION = "Name the harbour's new ferry, in one sentence."
COMPARED = {
    "llama3.2:3b": "I would call her *Morning Tide*: she leaves with it, and everybody on the quay will know when.",
    "tiny:1b": "**Gull** – short, friendly, and easily painted on a small bow.",
}

PICTURES_TITLE = "Two views of the bay"
PICTURES_QUESTION = "In which of these two does the sun stand lower?"
PICTURES_ANSWER = (
    "In the second one. The disc nearly touches the ridge there, while in the first it stands well above it."
)
FAILED_QUESTION = "Which ferries leave before six?"

_MINUTES = """# Minutes of the harbour meeting

## Ferry

The winter timetable begins on the first Monday of November. The ferry to Elm Reach leaves at 7:40 and 16:10.

## Repairs

The slipway of Fern Quay is closed until the spring. Boats are kept in the yard of Alder Bay meanwhile.

## Accounts

The observatory paid for its new dome itself; the council pays for the road.
"""
_KEYS = "place,building,keys\nAlder Bay,lighthouse,112\nBirch Point,ferry,149\nCedar Hollow,museum,186\n"

_EARLIER = [
    ("A letter to the ferry company", "2026-11-20", "Write a short letter asking for a later ferry on Sundays."),
    ("Names for a rowing boat", "2026-11-17", "Suggest ten names for a small rowing boat."),
    ("Bread without kneading", "2026-11-09", "How long does dough have to rest when it is not kneaded?"),
    ("Spring planting by the sea", "2026-10-28", "Which vegetables stand wind and salt?"),
    ("Reading list on tides", "2026-10-02", "Which books explain tides without much mathematics?"),
    ("Regular expressions for dates", "2026-09-14", "Match dates like 3 May 1912 in plain text."),
]


def documents(folder: Path) -> list[Path]:
    files = {
        "Handbook of the Harbour Council.pdf": samples.handbook(24),
        "Minutes of November.md": _MINUTES.encode(),
        "Keys.csv": _KEYS.encode(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def pictures() -> Iterator[tuple[str, bytes]]:
    """Hills before a sky, with the sun high and low."""
    for name, sun in (("morning.png", 60), ("evening.png", 190)):
        picture = Image.new("RGB", (800, 500), "#dfe9ee")
        draw = ImageDraw.Draw(picture)
        draw.ellipse((560, sun, 640, sun + 80), fill="#f2c14e")
        draw.polygon([(0, 500), (280, 150), (640, 500)], fill="#2f6f73")
        draw.polygon([(240, 500), (600, 260), (800, 500)], fill="#7a9a4d")
        out = io.BytesIO()
        picture.save(out, "PNG")
        yield name, out.getvalue()


def questions(folder: Path) -> Path:
    """A question set for these documents; docs/commands.md says what is in one."""
    handbook, minutes, keys = "Handbook of the Harbour Council.pdf", "Minutes of November.md", "Keys.csv"
    asked = [
        ("When was the library of Alder Bay opened?", [handbook]),
        ("How many keys does the lighthouse of Alder Bay keep?", [handbook, keys]),
        ("What was decided about the ferry?", [minutes]),
        ("Which building of Cedar Hollow has 186 keys?", [keys]),
        ("Where do visitors leave their bags?", [handbook]),
        ("What does a season ticket for the tram cost?", []),
        ("Who won the regatta of 1924?", []),
    ]
    file = folder / "harbour.jsonl"
    lines = ({"question": text, "expected": [{"document": name} for name in names]} for text, names in asked)
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return file


def earlier_chats(folder: Path) -> Path:
    """In the form of ChatGPT's export."""
    file = folder / "conversations.json"
    file.write_text(json.dumps([_chat(*chat) for chat in _EARLIER]), encoding="utf-8")
    return file


def _chat(title: str, day: str, question: str) -> dict[str, object]:
    from datetime import UTC, datetime

    moment = datetime.fromisoformat(f"{day}T10:00:00").replace(tzinfo=UTC).timestamp()
    answer = "Gladly. Here is a first version; tell me what to change."
    nodes = {"root": {"id": "root", "message": None, "parent": None, "children": ["q"]}}
    for name, parent, role, text, children in (
        ("q", "root", "user", question, ["a"]),
        ("a", "q", "assistant", answer, []),
    ):
        nodes[name] = {
            "id": name, "parent": parent, "children": children,
            "message": {
                "id": name, "author": {"role": role}, "create_time": moment,
                "content": {"content_type": "text", "parts": [text]},
            },
        }  # fmt: skip
    return {
        "id": f"{day}-{title}", "title": title, "create_time": moment, "update_time": moment, "mapping": nodes,
        "current_node": "a",
    }  # fmt: skip
