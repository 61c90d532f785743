class SealingError(Exception):
    """Something sealed cannot be opened. `text` is for people: what happened, what was kept, what to do."""

    code = "sealed"
    text = "This cannot be decrypted."

    def __init__(self, text: str = "") -> None:
        self.text = text or type(self).text
        super().__init__(self.text)


class KeyMissing(SealingError):
    """The key was erased with the account, or the folder of keys is not the one that belongs to this database."""

    code = "key_missing"
    text = (
        "The key of this account is not in the folder of keys, so what it sealed cannot be read. "
        "Restore KEYS_DIR from its backup."
    )


class KeyErased(KeyMissing):
    code = "key_erased"
    text = "The key of this account was erased with the account, so nobody can read what it sealed any more."


class KeyUnreadable(SealingError):
    code = "key_unreadable"
    text = (
        "ENCRYPTION_KEY is not the one that the keys in KEYS_DIR were wrapped with. Nothing was changed. Set the "
        "old one again; to replace it on purpose, give the old one as ENCRYPTION_KEY_PREVIOUS and run "
        "manage.py rotate_keys."
    )


class Forged(SealingError):
    """The bytes are not what was sealed, or stand in another place than they were sealed for."""

    code = "forged"
    text = "What is stored here was damaged or changed outside Chatsite. Restore it from a backup."
