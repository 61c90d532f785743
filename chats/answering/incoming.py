"""What a model sends, made fit to be stored, rendered and continued."""


class Cleaner:
    """Line ends become line feeds, and what PostgreSQL or UTF-8 cannot hold becomes the replacement character."""

    def __init__(self) -> None:
        self._held = ""

    def take(self, text: str) -> str:
        text = self._held + text
        # A carriage return at the end may be half of a line end.
        self._held = "\r" if text.endswith("\r") else ""
        return _clean(text.removesuffix("\r") if self._held else text)

    def rest(self) -> str:
        held, self._held = self._held, ""
        return _clean(held)


class Continuation:
    """Passes on what is new when an answer goes on from a text that broke off.

    Some models continue the text, others begin again. A reply that begins as the text so far began is the model
    starting over: it is skipped for as long as it repeats what the reader has already.
    """

    def __init__(self, before: str) -> None:
        self._before = before
        self._held = ""
        self._decided = not before

    def take(self, text: str) -> str:
        if self._decided:
            return text
        self._held += text
        if len(self._held) < len(self._before) and self._before.startswith(self._held):
            return ""
        self._decided = True
        if self._held.startswith(self._before):
            return self._held[len(self._before) :]
        return self._held

    def rest(self) -> str:
        """At the end of the reply: what was held back and did not turn out to be a repetition of everything."""
        if self._decided or self._before.startswith(self._held):
            return ""
        return self._held


def _clean(text: str) -> str:
    if text.isascii() and "\0" not in text and "\r" not in text:
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if _has_surrogates(text) else text


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
