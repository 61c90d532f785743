"""What can be done with an account, as the administration offers it: for one person, and for several at once."""

from collections.abc import Callable
from dataclasses import dataclass

from accounts import administration
from accounts.lock_out.models import Failures
from accounts.models import User


def is_locked(user: User) -> bool:
    if not hasattr(user, "is_locked"):
        return bool(Failures.objects.locked().filter(user=user).exists())
    return bool(user.is_locked)


@dataclass(frozen=True)
class Verb:
    """Something that an administrator does with an account."""

    name: str
    label: str
    about: str
    # After the number of accounts: "2 accounts suspended."
    done: str
    act: Callable[[User, User], object]
    fits: Callable[[User], bool] = lambda _person: True
    is_danger: bool = False


VERBS = [
    Verb(
        "sign_out_everywhere",
        "Sign out everywhere",
        "End all sessions on all devices. The password stays.",
        "signed out everywhere",
        lambda person, by: administration.sign_out_everywhere(person, by=by),
    ),
    Verb(
        "unlock",
        "Open the way in",
        "Sign-in is closed for a while after failed attempts. Open it now.",
        "opened after failed attempts",
        lambda person, by: administration.unlock(person, by=by),
        fits=is_locked,
    ),
    Verb(
        "confirm_address",
        "Confirm the address",
        "This person signed up and has not shown that the address is theirs. Confirm it if you know that it is.",
        "with a confirmed address",
        lambda person, by: administration.confirm_address(person, by=by),
        fits=lambda person: not person.address_confirmed,
    ),
    Verb(
        "reset_second_factor",
        "Reset the second factor",
        "For somebody who lost the phone and the recovery codes. Ends all sessions; make sure who is asking.",
        "without a second factor, and signed out",
        lambda person, by: administration.reset_second_factor(person, by=by),
        fits=lambda person: person.second_factor is not None,
        is_danger=True,
    ),
    Verb(
        "suspend",
        "Suspend",
        "Close the account and end all sessions at once. Chats and documents are kept.",
        "suspended",
        lambda person, by: administration.suspend(person, by=by),
        fits=lambda person: person.is_active,
        is_danger=True,
    ),
    Verb(
        "reactivate",
        "Open again",
        "The account is suspended. Open it again, with everything that was in it.",
        "opened again",
        lambda person, by: administration.reactivate(person, by=by),
        fits=lambda person: not person.is_active,
    ),
]
BY_NAME = {verb.name: verb for verb in VERBS}
PASSWORD_LINK = "password_link"  # noqa: S105 - the name of a verb
