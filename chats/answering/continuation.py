"""Going on from a text that broke off. Some models continue it, others begin again; both must read the same."""


class Continuation:
    """Passes on what is new. A reply that begins as the text so far began is the model starting over: it is skipped
    for as long as it repeats what the reader has already."""

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
