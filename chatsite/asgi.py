import gc
import importlib
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")

import django

django.setup(set_prefix=False)

from channels.auth import AuthMiddlewareStack  # noqa: E402 - needs the applications loaded
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.conf import settings  # noqa: E402

import chats.routing  # noqa: E402
import chats.sharing.routing  # noqa: E402
import documents.routing  # noqa: E402
from accounts.rights.gate import ConsentSocket  # noqa: E402
from accounts.sessions.sockets import SignedInOnly  # noqa: E402
from accounts.tenancy.middleware import ActingSocket  # noqa: E402
from chats.sharing.guests import LinkGuests  # noqa: E402
from chatsite.handler import OneThreadHandler  # noqa: E402
from chatsite.sockets import FewWords, OwnPagesOnly  # noqa: E402

sockets = [
    *chats.routing.urlpatterns,
    *chats.sharing.routing.urlpatterns,
    *chats.sharing.routing.links,
    *documents.routing.urlpatterns,
]
application = ProtocolTypeRouter(
    {
        "http": OneThreadHandler(),
        "websocket": OwnPagesOnly(
            FewWords(
                AuthMiddlewareStack(
                    LinkGuests(
                        SignedInOnly(ConsentSocket(ActingSocket(URLRouter(sockets)))),
                        links=URLRouter(chats.sharing.routing.links),
                    )
                )
            )
        ),
    }
)

# A full collection goes through all that was ever loaded, a quarter of a second in which no token is passed on. What
# is loaded now stays for ever; out of the collector's sight, a collection takes a tenth of that.
importlib.import_module(settings.ROOT_URLCONF)
gc.collect()
gc.freeze()
