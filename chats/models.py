import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.encryption.fields import KeyedHashField, SealedJSONField, SealedModel, SealedTextField
from accounts.tenancy.fields import OwnerField
from documents.models import Chunk, DocumentVersion
from jobs.leases import Leased

if TYPE_CHECKING:
    from accounts.models import User


# How long a deleted conversation can be brought back.
UNDO_FOR = timedelta(days=30)


class Folder(SealedModel):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="folders")
    name = SealedTextField()
    name_hash = KeyedHashField(of="name")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "name_hash"], name="folder_name_unique_per_owner"),
        ]

    def __str__(self) -> str:
        return self.name


class Tag(SealedModel):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chat_tags")
    name = SealedTextField()
    name_hash = KeyedHashField(of="name")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "name_hash"], name="chat_tag_name_unique_per_owner"),
        ]

    def __str__(self) -> str:
        return self.name


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(owner=user, deleted_at=None)

    def deleted_by(self, user: "User") -> Self:
        """Those that can still be brought back."""
        return self.filter(owner=user, deleted_at__gt=Now() - UNDO_FOR)


class Conversation(SealedModel):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="conversations")
    title = SealedTextField(blank=True, default="")
    # A title the person typed is never replaced by an automatic one.
    title_is_automatic = models.BooleanField(default=True)
    model = models.CharField(max_length=200, blank=True, default="", help_text="empty: the default model")
    use_documents = models.BooleanField(default=True)
    # Which of the documents that the person may read (chats.scoping.chosen); empty: all.
    search_in = models.JSONField(default=dict, blank=True)
    system_prompt = SealedTextField(blank=True, default="", help_text="empty: the person's own, or none")
    # Sampling, as far as it differs from the model's own: {"temperature": …, "top_p": …, "max_tokens": …, "context": …}
    parameters = models.JSONField(default=dict, blank=True)
    folder = models.ForeignKey(Folder, null=True, blank=True, on_delete=models.SET_NULL, related_name="conversations")
    pinned_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    active_leaf = models.ForeignKey("Message", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = ConversationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # What messages point at, so that they have their conversation's owner.
            models.UniqueConstraint(fields=["id", "owner"], name="conversation_and_owner"),
        ]
        indexes: ClassVar = [
            # The sidebar: one person's conversations, latest first.
            models.Index(
                fields=["owner", "-updated_at"],
                name="conversation_sidebar",
                condition=models.Q(deleted_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.title or "New chat"


class ConversationTag(models.Model):
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="tagged", db_constraint=False)
    owner = OwnerField(through="conversation")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="tagged")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["conversation", "tag"], name="conversation_tag_once"),
        ]


class MessageQuerySet(models.QuerySet["Message"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(conversation__owner=user, conversation__deleted_at=None)


class Message(SealedModel, Leased):
    """A node of the conversation's tree, and, for an answer, the job of writing it."""

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"

    class Status(models.TextChoices):
        QUEUED = "queued", "Waiting for a free place"
        SEARCHING = "searching", "Searching"
        THINKING = "thinking", "Thinking"
        WRITING = "writing", "Writing"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"
        INTERRUPTED = "interrupted", "Interrupted"
        FAILED = "failed", "Failed"

    QUEUED = Status.QUEUED
    WORKING = (Status.SEARCHING, Status.THINKING, Status.WRITING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages", db_constraint=False
    )
    owner = OwnerField(through="conversation")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="children")
    role = models.CharField(max_length=10, choices=Role)
    content = SealedTextField(blank=True, default="")
    thinking = SealedTextField(blank=True, default="")
    # The rendered answer, made once at its end; a page of a thousand messages renders no Markdown.
    html = SealedTextField(blank=True, default="")
    status = models.CharField(max_length=12, choices=Status, default=Status.DONE)
    # Set by the person, read by the worker; survives a worker that dies between the two.
    stop_requested = models.BooleanField(default=False)
    model = models.CharField(max_length=200, blank=True, default="", help_text="asked for; empty: the default")
    answered_by = models.CharField(max_length=200, blank=True, default="", help_text="the model that wrote it")
    tokens_prompt = models.PositiveIntegerField(null=True, blank=True)
    tokens_completion = models.PositiveIntegerField(null=True, blank=True)
    # Seconds: {"queued": …, "search": …, "first_token": …, "total": …}
    timings = models.JSONField(default=dict, blank=True)
    # What was done before writing, for the reader: ["Searched 12 documents", "Read 5 passages"]
    steps = models.JSONField(default=list, blank=True)
    # Retrieval as it happened: retrieved, used, cut, and why.
    retrieval = SealedJSONField(default=dict, blank=True)
    # Answers of several models to one question, written side by side, share this.
    comparison = models.UUIDField(null=True, blank=True)
    rating = models.SmallIntegerField(null=True, blank=True, help_text="1: good, -1: bad")
    rating_comment = SealedTextField(blank=True, default="")
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_text = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar = MessageQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # What citations and summaries point at, so that they have their message's owner.
            models.UniqueConstraint(fields=["id", "owner"], name="message_and_owner"),
        ]
        indexes: ClassVar = [
            # The beat task that looks for answers nobody is writing.
            models.Index(
                fields=["status", "lease_until"],
                name="message_unfinished",
                condition=models.Q(status__in=["queued", "searching", "thinking", "writing"]),
            ),
            # All messages of a conversation, and the siblings of one in order.
            models.Index(fields=["conversation", "parent", "created_at"], name="message_tree"),
        ]

    @property
    def is_live(self) -> bool:
        return self.status == self.QUEUED or self.status in self.WORKING


class Citation(SealedModel):
    """A mark [n] in an answer and the passage it stands on. The quoted text outlives the document's re-indexing."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="citations", db_constraint=False)
    owner = OwnerField(through="message")
    number = models.PositiveSmallIntegerField(help_text="as printed in the answer, from 1")
    is_marked = models.BooleanField(default=True, help_text="false: given to the model, but not marked in its answer")
    # Of one's own documents or of somebody else's who shared them. The database forgets them when they go
    # (chats.migrations.0002_protection): who deletes their own document does not see others' citations of it.
    chunk = models.ForeignKey(Chunk, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False)
    version = models.ForeignKey(
        DocumentVersion, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False
    )
    document_name = SealedTextField()
    page = models.PositiveIntegerField()
    boxes = models.JSONField(default=list, blank=True)
    quoted = SealedTextField()
    score = models.FloatField(help_text="relevance, 0 to 1")
    suspicion = models.JSONField(
        default=list, blank=True, help_text="rules that the passage met as if it were written for the assistant"
    )

    sealed_identity = ("message_id", "number")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["message", "number"], name="citation_number_unique_per_message"),
        ]


class Summary(SealedModel):
    """What the turns up to and including `upto` said, for prompts that have no room for them."""

    upto = models.OneToOneField(
        Message, primary_key=True, on_delete=models.CASCADE, related_name="summary", db_constraint=False
    )
    owner = OwnerField(through="upto")
    text = SealedTextField()
    model = models.CharField(max_length=200)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    sealed_identity = ("upto_id",)
