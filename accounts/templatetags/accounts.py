from django import template
from django.conf import settings

from accounts.models import User

register = template.Library()


@register.simple_tag
def sign_up_open() -> bool:
    return bool(settings.SIGN_UP == "open")


@register.simple_tag(takes_context=True)
def sign_in_ways(context: template.Context) -> dict[str, object]:
    """The buttons of other providers, and whether there is a form for passwords beside them."""
    request, sso = context["request"], settings.SSO
    emergency = not sso.passwords and not sso.ldap
    form = not emergency or "password" in request.GET or request.method == "POST"
    return {
        "buttons": sso.buttons,
        "form": form,
        "alone": not form,
        "emergency": emergency,
        "local": sso.passwords,
        # Before anybody has a password here, only a directory can know one.
        "open": bool(sso.ldap) or User.objects.exists(),
    }


@register.simple_tag
def sends_mail() -> bool:
    """Without a mail server the pages must not promise a mail."""
    return bool(settings.EMAIL_HOST)


@register.simple_tag
def set_up_needed() -> bool:
    """Whether there is nobody yet who could sign in: then the set-up link is the only way."""
    return not User.objects.exists()
