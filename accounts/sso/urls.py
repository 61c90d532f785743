"""The addresses of signing in with other providers: those of what is configured, and no others."""

from django.conf import settings
from django.urls import URLPattern, path

from accounts.sso.configuration import Configuration

app_name = "sso"


def routes(sso: Configuration) -> list[URLPattern]:
    if not sso.buttons:
        return []
    from accounts.sso import views

    found = [path("<slug:provider>/start", views.start, name="start")]
    if sso.openid or sso.github:
        found.append(path("<slug:provider>/callback", views.callback, name="callback"))
    if sso.saml:
        found += [
            path("saml/acs", views.saml_acs, name="saml_acs"),
            path("saml/finish", views.saml_finish, name="saml_finish"),
            path("saml/metadata", views.saml_metadata, name="saml_metadata"),
        ]
    return found


urlpatterns = routes(settings.SSO)
