from django import template
from django.conf import settings

from accounts.models import User

register = template.Library()


@register.simple_tag
def sign_up_open() -> bool:
    return bool(settings.SIGN_UP == "open")


@register.simple_tag
def sends_mail() -> bool:
    """Without a mail server the pages must not promise a mail."""
    return bool(settings.EMAIL_HOST)


@register.simple_tag
def set_up_needed() -> bool:
    """Whether there is nobody yet who could sign in: then the set-up link is the only way."""
    return not User.objects.exists()
