"""What is stored sealed, opened, for benches and tests that look from outside. Prints JSON.

python -m bench.opened answers                {id: [status, text, html]}
python -m bench.opened passages DOCUMENT      [[id, index, text, passages in all], …]
python -m bench.opened documents              {name: id}
"""

import json
import sys
from collections.abc import Callable

import django

django.setup()

from accounts.tenancy import acting_as_system  # noqa: E402 - the applications must be loaded
from chats.models import Message  # noqa: E402
from documents.models import Chunk, Document  # noqa: E402


def answers() -> object:
    found = Message.objects.filter(role=Message.Role.ASSISTANT)
    return {str(answer.pk): (answer.status, answer.content, answer.html) for answer in found}


def passages(document_id: str) -> object:
    found = Chunk.objects.filter(version__document=document_id).select_related("version").order_by("index")
    return [(chunk.pk, chunk.index, chunk.content, chunk.version.passage_count) for chunk in found]


def documents() -> object:
    return {document.name: str(document.pk) for document in Document.objects.all()}


def main() -> None:
    kinds: dict[str, Callable[..., object]] = {"answers": answers, "passages": passages, "documents": documents}
    with acting_as_system("a bench"):
        print(json.dumps(kinds[sys.argv[1]](*sys.argv[2:])))


if __name__ == "__main__":
    main()
