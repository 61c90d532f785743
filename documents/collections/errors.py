class CollectionError(Exception):
    """`text` is for the person: what happened, what was kept, what to do."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)
