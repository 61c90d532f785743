"""What the machine can and cannot read, said in the library before anybody uploads."""

import shutil


def missing() -> list[str]:
    """Sentences, of what is not installed here. Nothing is started for it: the library asks at every visit."""
    sentences = []
    if shutil.which("tesseract") is None:
        sentences.append(
            "Words in pictures and scanned pages cannot be read on this server: Tesseract is not installed. Other "
            "files are not affected. An administrator can install it."
        )
    return sentences
