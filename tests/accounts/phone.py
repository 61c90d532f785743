"""A phone with an authenticator app, as the tests hold it."""

import time

from django_otp.oath import totp

from accounts.models import User
from accounts.second_factor import enrolment
from accounts.second_factor.models import STEP, Authenticator
from accounts.tenancy import acting_as


class Phone:
    def __init__(self, secret: str) -> None:
        self.key = bytes.fromhex(secret)

    @classmethod
    def scanning(cls, user: User) -> "Phone":
        """With what the page for setting up shows this person now."""
        with acting_as(user):
            return cls(Authenticator.objects.get(user=user, confirmed=False).secret)

    @classmethod
    def of(cls, user: User) -> "Phone":
        """Set up already, some time ago."""
        enrolment.draft(user)
        phone = cls.scanning(user)
        assert enrolment.finish(user, phone.code()) is not None
        forget_codes(user)
        return phone

    def code(self, *, steps: int = 0) -> str:
        """What it shows now, or did or will some steps away."""
        if time.time() % STEP > STEP - 2:
            time.sleep(2.1)  # so that now is the same step when the code arrives
        return f"{totp(self.key, drift=steps):06d}"

    def wrong_code(self) -> str:
        near = {self.code(steps=steps) for steps in range(-2, 3)}
        return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in near)


def forget_codes(user: User) -> None:
    """As if the codes that were given had been given long ago, and no wrong one lately."""
    with acting_as(user):
        Authenticator.objects.filter(user=user).update(
            last_counter=-1, throttling_failure_count=0, throttling_failure_timestamp=None
        )
