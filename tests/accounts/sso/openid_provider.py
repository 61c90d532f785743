"""An OpenID Connect provider in a process of its own: allauth's identity provider, with a few people.

`people.json` in its folder says what it tells of whom, and `misbehave.json` how it breaks the rules, both read anew for
every token. Started as `python -m tests.accounts.sso.openid_provider FOLDER PORT`.
"""

import json
import os
import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

CLIENT_ID = "chatsite"
CLIENT_SECRET = "the provider's and ours"
PASSWORD = "correct horse battery"

folder, port = (Path(sys.argv[1]), int(sys.argv[2])) if __name__ == "__main__" else (Path(), 0)


def told(name: str) -> dict[str, Any]:
    path = folder / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def configure() -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from django.conf import settings

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    settings.configure(
        SECRET_KEY="not secret",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="provider_urls",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "provider.sqlite3"}},
        INSTALLED_APPS=[
            "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
            "allauth", "allauth.account", "allauth.idp.oidc",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
            "provider_rules.resigned",
        ],
        TEMPLATES=[{
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": [
                "django.template.context_processors.request", "django.contrib.auth.context_processors.auth",
            ]},
        }],
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        ACCOUNT_LOGIN_METHODS={"email"},
        ACCOUNT_EMAIL_VERIFICATION="none",
        ACCOUNT_RATE_LIMITS=False,
        IDP_OIDC_ADAPTER="provider_rules.Adapter",
        IDP_OIDC_PRIVATE_KEY=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        SESSION_COOKIE_NAME="provider",
        USE_TZ=True,
    )  # fmt: skip


def rules() -> Any:
    """The module `provider_rules`: what this provider says, and how it breaks its word."""
    import jwt
    from allauth.idp.oidc.adapter import DefaultOIDCAdapter
    from allauth.idp.oidc.models import Client
    from cryptography.hazmat.primitives.asymmetric import rsa
    from django.http import HttpResponseRedirect, JsonResponse

    class Adapter(DefaultOIDCAdapter):
        def get_claims(self, purpose: str, user: Any, client: Any, scopes: Any, **kwargs: Any) -> dict[str, Any]:
            claims = super().get_claims(purpose, user, client, scopes, **kwargs)
            claims |= told("people.json").get(user.email, {})
            claims |= told("misbehave.json").get(purpose, {})
            return {name: value for name, value in claims.items() if value is not None}

        def populate_id_token(self, id_token: dict[str, Any], client: Any, scopes: Any, **kwargs: Any) -> None:
            id_token |= told("misbehave.json").get("id_token", {})
            for name in [name for name, value in id_token.items() if value is None]:
                del id_token[name]

    def sign(token: str, how: str) -> str:
        claims = jwt.decode(token, options={"verify_signature": False})
        kid = jwt.get_unverified_header(token)["kid"]
        if how == "none":
            return jwt.encode(claims, None, algorithm="none", headers={"kid": kid})
        if how == "secret":
            return jwt.encode(claims, CLIENT_SECRET.ljust(32), algorithm="HS256", headers={"kid": kid})
        if how == "other key":
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid})
        if how == "unknown key":
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "elsewhere"})
        head, _, signature = token.split(".")
        changed = jwt.encode(claims | {"sub": "1"}, None, algorithm="none").split(".")[1]
        return f"{head}.{changed}.{signature}"

    def resigned(get_response: Any) -> Any:
        def middleware(request: Any) -> Any:
            if addresses := told("people.json").get("redirect_uris"):
                Client.objects.update(redirect_uris="\n".join(addresses))
            response = get_response(request)
            bad = told("misbehave.json")
            if request.path.endswith("/api/token") and response.status_code == 200:
                (folder / "token-request.json").write_text(json.dumps(request.POST.dict()))
                answer = json.loads(response.content)
                if how := bad.get("sign"):
                    answer["id_token"] = sign(answer["id_token"], how)
                if token := bad.get("replay"):
                    answer["id_token"] = token
                if bad.get("no id token"):
                    del answer["id_token"]
                (folder / "last-id-token").write_text(answer.get("id_token", ""))
                return JsonResponse(answer)
            if request.path.endswith("openid-configuration") and (elsewhere := bad.get("redirect")):
                return HttpResponseRedirect(elsewhere)
            if request.path.endswith("openid-configuration") and (over := bad.get("configuration")):
                return JsonResponse(json.loads(response.content) | over)
            return response

        return middleware

    from types import ModuleType

    module = ModuleType("provider_rules")
    module.__dict__.update(Adapter=Adapter, resigned=resigned)
    return module


def urls() -> Any:
    from types import ModuleType

    from django.urls import include, path

    module = ModuleType("provider_urls")
    module.__dict__["urlpatterns"] = [
        path("accounts/", include("allauth.account.urls")),
        path("", include("allauth.idp.urls")),
    ]
    return module


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_args: Any) -> None:
        pass


def main() -> None:
    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
    configure()
    import django

    django.setup()
    sys.modules["provider_rules"], sys.modules["provider_urls"] = rules(), urls()
    from allauth.account.models import EmailAddress
    from allauth.idp.oidc.models import Client
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    call_command("migrate", verbosity=0)
    for number, name in enumerate(json.loads((folder / "start.json").read_text())["people"]):
        user = User.objects.create_user(f"person{number}", name, PASSWORD, first_name=name.split("@")[0].title())
        EmailAddress.objects.create(user=user, email=name, verified=True, primary=True)
    client = Client(id=CLIENT_ID, name="Chatsite", skip_consent=True)
    client.scopes = "openid\nprofile\nemail"
    client.redirect_uris = json.loads((folder / "start.json").read_text())["redirect_uris"]
    client.set_secret(CLIENT_SECRET)
    client.save()
    server = make_server("127.0.0.1", port, get_wsgi_application(), Server, Quiet)
    print("ready", flush=True)  # noqa: T201 - whoever started it waits for this
    server.serve_forever()


if __name__ == "__main__":
    main()
