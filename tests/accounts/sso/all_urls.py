"""The product's addresses as they are where every kind of provider is configured."""

from django.urls import include, path

from accounts.sso.configuration import Configuration, GitHub, OpenId, Saml
from accounts.sso.urls import routes
from chatsite.urls import urlpatterns as plain

EVERYTHING = Configuration(
    openid=(OpenId("oidc", "", "", "", ""),), github=GitHub("", ""), saml=Saml("", "", "", "", "")
)

urlpatterns = [path("accounts/sso/", include((routes(EVERYTHING), "sso"))), *plain]
