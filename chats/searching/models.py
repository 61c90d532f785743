from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.tenancy.fields import OwnerField
from chats.models import Conversation, Message


class Indexed(models.Model):
    """A message that can be found, or, without one, the title of its conversation.

    Filters and statistics ask this table alone: a message has some kilobytes beside what they look at.
    """

    id = models.BigAutoField(primary_key=True)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    owner = OwnerField(through="conversation")
    message = models.OneToOneField(Message, null=True, on_delete=models.CASCADE, related_name="indexed")
    # How many terms; for BM25, and summed up by language for the person's statistics.
    length = models.PositiveIntegerField()
    language = models.CharField(max_length=20, help_text="Snowball's name of the language its words are stemmed in")
    model = models.CharField(max_length=200, blank=True, default="", help_text="that wrote it")
    written_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation"], condition=models.Q(message=None), name="indexed_title_once"
            ),
        ]
        indexes: ClassVar = [
            # How many messages and words a person has in each language, read from the index alone.
            models.Index(fields=["owner"], include=["language", "length"], name="indexed_statistics"),
        ]


class Occurrences(models.Model):
    """The inverted index: where one term stands in one conversation.

    `term` is a 64-bit hash of the stem under the owner's key (documents.terms). Equality on bigint is leakproof, so the
    primary key's index stays usable under row-level security.
    """

    pk = models.CompositePrimaryKey("term", "conversation_id")
    term = models.BigIntegerField()
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    owner = OwnerField(through="conversation")
    # One number for each message: the id in `Indexed`, 8 bits for how often the term stands there, one bit that is set
    # for a title, 15 bits for its length. Ranking reads only this.
    places = ArrayField(models.BigIntegerField())
