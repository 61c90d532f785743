"""What can go wrong with a person's file, in words for that person."""


class DocumentError(Exception):
    """A file could not be taken in. `text` is shown to the person; `code` is stable, for tests, logs and the API.

    `retryable` says whether trying the same bytes again can end differently.
    """

    code = "document_failed"
    text = "This file could not be read."
    retryable = False

    def __init__(self, text: str = "", *, detail: str = "") -> None:
        # `detail` is the parser's own wording: for the log, never for the page.
        self.text = text or self.text
        self.detail = detail
        super().__init__(f"{self.code}: {detail or self.text}")


class EmptyFile(DocumentError):
    code = "empty_file"
    text = "This file is empty: it has 0 bytes. Check the original and upload it again."


class UnsupportedFile(DocumentError):
    code = "unsupported_file"
    text = "This kind of file cannot be read yet. Save it as PDF or text and upload that."


class WrongType(DocumentError):
    code = "wrong_type"
    text = "The content of this file does not match its name. Give it its right name and upload it again."


class TooLarge(DocumentError):
    code = "too_large"
    text = "This file is too large."


class NotAllowed(DocumentError):
    """The account was suspended, or its role changed, since the file was sent."""

    code = "not_allowed"
    text = "Your account may not add documents any more. The file is kept: an administrator can change that."
    retryable = True


class Held(DocumentError):
    """There is a legal hold on the account (accounts.rights)."""

    code = "legal_hold"
    text = (
        "This document has to be kept for now: there is a legal hold on your account. Nothing was deleted. "
        "An administrator can tell you more."
    )


class Gone(DocumentError):
    code = "gone"
    text = "The document was deleted meanwhile. Nothing was replaced; upload the file as a document of its own."


class NoRoom(DocumentError):
    """The person's quota of storage is reached (accounts.limits.quotas)."""

    code = "no_room"
    text = "There is no room for this file in your account. Delete documents that you do not need."


class CorruptFile(DocumentError):
    code = "corrupt_file"
    text = "This file is damaged and could not be read. Open it in its own program, save it anew and upload that."


class EncryptedFile(DocumentError):
    code = "encrypted_file"
    text = "This file is protected by a password. It is kept: enter the password, or upload a copy without one."


class WrongPassword(EncryptedFile):
    text = "The password does not open this file. It is kept: enter another, or upload a copy without a password."


class NoText(DocumentError):
    code = "no_text"
    text = "No readable text was found in this file."


class ParserCrashed(DocumentError):
    code = "parser_crashed"
    text = "Reading this file failed unexpectedly. Try again; if it fails again, save it anew and upload that."
    retryable = True


class ParserTimeout(DocumentError):
    code = "parser_timeout"
    text = "Reading this file took too long and was stopped. Try again, or split it into smaller files."
    retryable = True


class ParserMemory(DocumentError):
    code = "parser_memory"
    text = "Reading this file needed more memory than is allowed. Split it into smaller files."


class WorkerLost(DocumentError):
    code = "worker_lost"
    text = "Reading this file stopped the program that reads files, several times. Save it anew and upload that."
    retryable = True


class IngestionFailed(DocumentError):
    code = "ingestion_failed"
    text = "Something went wrong on our side while this file was being indexed. Try again."
    retryable = True


BY_CODE: dict[str, type[DocumentError]] = {
    error.code: error
    for error in (
        DocumentError,
        EmptyFile,
        UnsupportedFile,
        WrongType,
        TooLarge,
        NotAllowed,
        NoRoom,
        CorruptFile,
        EncryptedFile,
        NoText,
        ParserCrashed,
        ParserTimeout,
        ParserMemory,
        WorkerLost,
        IngestionFailed,
    )
}
