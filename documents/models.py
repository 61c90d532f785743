import uuid
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from pgvector.django import HalfVectorField

from accounts.encryption.fields import KeyedHashField, SealedModel, SealedTextField
from accounts.tenancy.fields import OwnerField
from jobs.leases import Leased

if TYPE_CHECKING:
    from accounts.models import User


class Collection(SealedModel):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="collections")
    name = SealedTextField()
    name_hash = KeyedHashField(of="name")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # Where they are not the installation's (documents.collections.tuning). Passages of the collection need so much
    # relevance; a search in it alone gives so many of them; what is read while in it is cut to so many characters.
    relevance_threshold = models.FloatField(null=True, blank=True)
    top_k = models.PositiveSmallIntegerField(null=True, blank=True)
    chunk_size = models.PositiveIntegerField(null=True, blank=True)
    chunk_overlap = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "name_hash"], name="collection_name_unique_per_owner"),
            models.CheckConstraint(
                condition=models.Q(relevance_threshold__gte=0, relevance_threshold__lte=1),
                name="collection_threshold_is_a_share",
            ),
            models.CheckConstraint(condition=models.Q(top_k__gte=1, top_k__lte=50), name="collection_top_k_in_bounds"),
            models.CheckConstraint(
                condition=models.Q(chunk_size__gte=200, chunk_size__lte=8000), name="collection_chunk_size_in_bounds"
            ),
            models.CheckConstraint(
                condition=models.Q(chunk_overlap__isnull=True)
                | models.Q(chunk_size__isnull=False, chunk_overlap__lt=models.F("chunk_size")),
                name="collection_overlap_below_size",
            ),
            # What documents and shares point at, so that they have their collection's owner.
            models.UniqueConstraint(fields=["id", "owner"], name="collection_and_owner"),
        ]

    def __str__(self) -> str:
        return self.name


class DocumentQuerySet(models.QuerySet["Document"]):
    def visible_to(self, user: "User") -> Self:
        return self.filter(owner=user)

    def searchable(self) -> Self:
        """Documents with an indexed version; a newer version may be on its way."""
        return self.filter(current_version__isnull=False)


class Document(SealedModel, Leased):
    """A file a person gave us, and the job of making it searchable."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Waiting"
        PARSING = "parsing", "Reading"
        EMBEDDING = "embedding", "Indexing"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"

    QUEUED = Status.QUEUED
    WORKING = (Status.PARSING, Status.EMBEDDING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="documents")
    collection = models.ForeignKey(
        Collection, null=True, blank=True, on_delete=models.SET_NULL, related_name="documents", db_constraint=False
    )
    name = SealedTextField()
    name_hash = KeyedHashField(of="name")
    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    # Text for the person: what happened and what to do. The code is stable, for tests and the API.
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_text = SealedTextField(blank=True, default="")
    # The version that is searched: the newest that could be read. While a newer one is read this one stays.
    current_version = models.ForeignKey(
        "DocumentVersion", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # What was uploaded together has the same, so that a page can say how far all of it is.
    batch = models.UUIDField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar = DocumentQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # What versions point at, so that they have their document's owner.
            models.UniqueConstraint(fields=["id", "owner"], name="document_and_owner"),
        ]
        indexes: ClassVar = [
            # The library page: one owner's documents, newest first.
            models.Index(fields=["owner", "-created_at"], name="document_library"),
            # "You have a document of this name": looked up at upload.
            models.Index(fields=["owner", "name_hash"], name="document_by_name"),
            # How far all of it is that came together.
            models.Index(fields=["batch"], name="document_by_batch", condition=models.Q(batch__isnull=False)),
            # The beat task that looks for work nobody holds.
            models.Index(
                fields=["status", "lease_until"],
                name="document_unfinished",
                condition=models.Q(status__in=["queued", "parsing", "embedding"]),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Tag(SealedModel):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="document_tags")
    name = SealedTextField()
    name_hash = KeyedHashField(of="name")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "name_hash"], name="document_tag_name_unique_per_owner"),
            # What taggings point at, so that a tag is on documents of its owner only.
            models.UniqueConstraint(fields=["id", "owner"], name="document_tag_and_owner"),
        ]

    def __str__(self) -> str:
        return self.name


class DocumentTag(models.Model):
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="tagged", db_constraint=False)
    owner = OwnerField(through="document")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="tagged", db_constraint=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["document", "tag"], name="document_tag_once"),
        ]


class DocumentVersion(SealedModel):
    """One upload of a document: the bytes and what was read from them. Old citations keep pointing at old versions.

    Of the versions of a document one is searched, `Document.current_version`; those before it keep their pages and
    passages, for citations, and have no postings and no vectors. Those after it wait to be read, or could not be.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="versions", db_constraint=False)
    owner = OwnerField(through="document")
    # The document's, kept by the database itself (documents.collections.policies): who may read what was read from
    # the file is asked of every passage, posting and vector, and leads to its version.
    collection = models.ForeignKey(
        Collection, null=True, editable=False, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    number = models.PositiveIntegerField()
    # Where the bytes lie, for documents.blobs.
    blob = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64, help_text="a keyed hash of the content")
    size = models.PositiveBigIntegerField(help_text="bytes")
    media_type = models.CharField(max_length=120, help_text="found by looking at the content, not at the name")
    page_count = models.PositiveIntegerField(default=0)
    passage_count = models.PositiveIntegerField(default=0)
    term_count = models.PositiveBigIntegerField(
        default=0, help_text="stemmed words in all passages, for BM25's average"
    )
    language = models.CharField(
        max_length=20, blank=True, default="", help_text="guessed; the name of the stemmer its words went through"
    )
    # Of a file that asks for one, as the person gave it.
    password = SealedTextField(blank=True, default="")
    indexed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["document", "number"], name="version_number_unique_per_document"),
            # What pages, passages, postings and vectors point at, so that they have their version's owner.
            models.UniqueConstraint(fields=["id", "owner"], name="version_and_owner"),
        ]
        indexes: ClassVar = [
            # "You already have this file": looked up at upload.
            models.Index(fields=["fingerprint"], name="version_by_content"),
        ]


class Page(SealedModel):
    """The text of one page of a PDF, or of one section of a format without pages. Passages are ranges of it."""

    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="pages", db_constraint=False)
    owner = OwnerField(through="version")
    number = models.PositiveIntegerField(help_text="from 1")
    text = SealedTextField()
    width = models.FloatField(default=0, help_text="points; 0 where the format has no pages")
    height = models.FloatField(default=0, help_text="points")

    sealed_identity = ("version_id", "number")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "number"], name="page_number_unique_per_version"),
        ]


class Chunk(SealedModel):
    """A passage: what is embedded, searched, quoted and cited."""

    id = models.BigAutoField(primary_key=True)
    version = models.ForeignKey(
        DocumentVersion, on_delete=models.CASCADE, related_name="chunks", db_index=False, db_constraint=False
    )
    owner = OwnerField(through="version")
    index = models.PositiveIntegerField(help_text="from 0, in reading order")
    page = models.PositiveIntegerField(help_text="the page it begins on, from 1")
    start = models.PositiveIntegerField(help_text="offset in characters in the text of its first page")
    content = SealedTextField()
    heading = SealedTextField(blank=True, default="", help_text="path of headings above it")
    # [[page, x0, y0, x1, y1], …] in points from the page's top left; one box per run of words on a line.
    boxes = models.JSONField(default=list, blank=True)
    length = models.PositiveIntegerField(help_text="stemmed words, for BM25")

    sealed_identity = ("version_id", "index")

    class Meta:
        constraints: ClassVar = [
            # Ingesting twice leaves the same rows: a second insert of a passage cannot happen.
            models.UniqueConstraint(fields=["version", "index"], name="chunk_index_unique_per_version"),
        ]


class Posting(models.Model):
    """The inverted index: where one term stands in one version.

    `term` is a 64-bit hash of the stem under the owner's key, so the table holds no words. Equality on bigint is
    leakproof, so the index below stays usable under row-level security.
    """

    # Keyword search: all postings of the question's terms within the visible versions.
    pk = models.CompositePrimaryKey("term", "version_id")
    term = models.BigIntegerField()
    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="postings", db_constraint=False)
    owner = OwnerField(through="version")
    # One number per passage, measured to be the smallest and fastest form (docs/decisions/0010-keyword-index.md):
    # the chunk's id, 8 bits for how often the term stands in it, 16 bits for `Chunk.length`. Ranking reads only this.
    passages = ArrayField(models.BigIntegerField())


class EmbeddingSpace(models.Model):
    """All vectors of one embedding model. One space is active; another may be built beside it and then switched to."""

    class State(models.TextChoices):
        BUILDING = "building", "Building"
        ACTIVE = "active", "Active"
        RETIRED = "retired", "Retired"

    id = models.SmallAutoField(primary_key=True)
    model = models.CharField(max_length=200, help_text="a key of llms.catalogue, such as builtin/wordllama")
    dimension = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.BUILDING)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["state"], name="one_active_space", condition=models.Q(state="active")),
        ]
        verbose_name = "embedding space"

    def __str__(self) -> str:
        return f"{self.model} ({self.dimension})"


class Embedding(models.Model):
    # Reindexing: which passages the space has already.
    pk = models.CompositePrimaryKey("space_id", "chunk_id")
    space = models.ForeignKey(EmbeddingSpace, on_delete=models.CASCADE, related_name="embeddings", db_index=False)
    chunk = models.ForeignKey(Chunk, on_delete=models.CASCADE, related_name="embeddings")
    version = models.ForeignKey(
        DocumentVersion, on_delete=models.CASCADE, related_name="embeddings", db_constraint=False
    )
    owner = OwnerField(through="version")
    # Half precision: the same ranking as single (docs/decisions) in half the memory.
    vector = HalfVectorField(help_text="unit length; its dimension is the space's")


class Reindexing(models.Model):
    """A run of `manage.py reindex`: what it is to make anew, and how far it is.

    The row is for people, and for knowing since when; vectors and index say themselves what is left to do. A run that
    was killed is still "running" here, and goes on in the same row.
    """

    class Kind(models.TextChoices):
        MODEL = "model", "All vectors, for a model"
        PART = "part", "Index and vectors, of a part"

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    model = models.CharField(max_length=200, help_text="a key of llms.catalogue")
    # Of a part: whose documents, and which of theirs. Without an owner, everybody's.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    collection = models.ForeignKey(Collection, null=True, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    done = models.PositiveBigIntegerField(default=0, help_text="passages")
    total = models.PositiveBigIntegerField(default=0, help_text="passages")
    starts = models.PositiveIntegerField(default=1, help_text="more than one: it was interrupted, and went on")
    error_code = models.CharField(max_length=40, blank=True, default="")
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    seen_at = models.DateTimeField(db_default=Now(), help_text="when progress was last told")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            # The administration's list, newest first, and the run that a new one goes on with.
            models.Index(fields=["-started_at"], name="reindexing_newest"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="reindexing_of_a_collection_has_its_owner",
                condition=models.Q(collection__isnull=True) | models.Q(owner__isnull=False),
            ),
        ]
