"""Answers that came without their rendering, as imported ones do, are rendered by the first page of their owner that
shows them, and kept. Readers of a shared conversation write nothing: they see what the owner's page kept, or a
rendering made for them."""

from collections.abc import Sequence

from django.db import transaction

from chats.models import Message


def keep(messages: Sequence[Message]) -> None:
    """`messages` are over, with their `html` made from what was read of them. What is changed meanwhile, or being
    changed, is left as it is; the next page comes round to it."""
    made = {message.pk: message for message in messages if message.html}
    if not made:
        return
    with transaction.atomic():
        # Nobody is waited for: two pages that are opened at once keep the same.
        free = Message.objects.filter(pk__in=made, html="").select_for_update(skip_locked=True)
        for pk, status, finished_at in free.values_list("pk", "status", "finished_at"):
            message = made[pk]
            if (status, finished_at) == (message.status, message.finished_at):
                sealed = Message.sealed(pk, owner_id=message.owner_id, html=message.html)
                Message.objects.filter(pk=pk).update(**sealed)
