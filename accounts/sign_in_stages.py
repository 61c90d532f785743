from typing import Any

from allauth.account.stages import EmailVerificationStage


class ConfirmedAddress(EmailVerificationStage):  # type: ignore[misc]  # allauth has no type hints
    """Only who signed up by themselves has an address to confirm. allauth would ask everybody, also the administrator
    of the set-up link, who may have no mailbox yet."""

    def handle(self) -> tuple[Any, bool]:
        return (None, True) if self.login.user.address_confirmed else super().handle()
