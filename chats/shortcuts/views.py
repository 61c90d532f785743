from django.http import JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from accounts.http import AuthenticatedHttpRequest
from chats.models import Conversation

# What the palette finds by title. Older chats are found by searching.
NEWEST = 1_000


@require_GET
def titles(request: AuthenticatedHttpRequest) -> JsonResponse:
    """All at once and chosen from in the browser, so that what is typed stands in no address and in no log."""
    found = Conversation.objects.visible_to(request.user).only("id", "title", "updated_at", "owner_id")
    return JsonResponse(
        {
            "chats": [
                {"url": reverse("chats:conversation", args=[chat.pk]), "title": str(chat)}
                for chat in found.order_by("-updated_at")[:NEWEST]
            ]
        }
    )
