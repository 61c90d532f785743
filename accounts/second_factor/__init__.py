"""A second factor at sign-in (codes of an authenticator app, recovery codes), and confirming before what matters.

    @confirmed_recently
    def delete_account(request): ...

Whoever has not shown within the last 15 minutes that it is really them is asked first, and comes back afterwards.
"""

from accounts.second_factor.confirming import RequiresConfirmation, confirmed_recently, is_confirmed

__all__ = ["RequiresConfirmation", "confirmed_recently", "is_confirmed"]
