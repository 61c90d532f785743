from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def sign_up_open() -> bool:
    return bool(settings.SIGN_UP_OPEN)


@register.simple_tag
def sends_mail() -> bool:
    """Without a mail server the pages must not promise a mail."""
    return bool(settings.EMAIL_HOST)
