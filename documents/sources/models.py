from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.encryption.fields import KeyedHashField, SealedModel, SealedTextField
from accounts.tenancy.fields import OwnerField
from documents.models import Document


class Source(SealedModel):
    """The file that a document was taken in from, so that the next run knows the two belong together.

    Where it lies on the operator's disk is nobody's but the owner's. What readers may know is a Publication.
    """

    document = models.OneToOneField(
        Document, primary_key=True, on_delete=models.CASCADE, related_name="source", db_constraint=False
    )
    owner = OwnerField(through="document")
    path = SealedTextField(help_text="from the root of the file system")
    path_hash = KeyedHashField(of="path")
    # The folder of a blog, whose posts go when their files go; nothing of that kind for single files and folders.
    blog_hash = models.BinaryField(max_length=32, blank=True, default=b"", editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    sealed_identity = ("document_id",)

    class Meta:
        constraints: ClassVar = [
            # Which document a file is: looked up for each file of a run.
            models.UniqueConstraint(fields=["owner", "path_hash"], name="source_path_unique_per_owner"),
        ]
        indexes: ClassVar = [
            # The posts of a blog: which of them are gone.
            models.Index(fields=["owner", "blog_hash"], name="source_by_blog", condition=~models.Q(blog_hash=b"")),
        ]


class Publication(SealedModel):
    """When and where a post of a blog was published. Its page links to the address, and the day narrows searches."""

    document = models.OneToOneField(
        Document, primary_key=True, on_delete=models.CASCADE, related_name="publication", db_constraint=False
    )
    owner = OwnerField(through="document")
    url = SealedTextField(blank=True, default="")
    # A day, not a moment: it is the one that the blog shows, in the blog's own time zone.
    published_on = models.DateField(null=True, blank=True)

    sealed_identity = ("document_id",)


class Label(SealedModel):
    """A category or tag that the file itself names. What a person puts on a document is not touched by it."""

    class Kind(models.TextChoices):
        CATEGORY = "category", "Category"
        TAG = "tag", "Tag"

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="labels", db_constraint=False)
    owner = OwnerField(through="document")
    kind = models.CharField(max_length=10, choices=Kind)
    position = models.PositiveSmallIntegerField(help_text="from 0, as they stand in the file")
    name = SealedTextField()
    # Of the name in small letters: searches are for "API" and "api" alike.
    name_hash = models.BinaryField(max_length=32, editable=False)

    sealed_identity = ("document_id", "kind", "position")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["document", "kind", "position"], name="label_place_unique_per_document"),
        ]
        indexes: ClassVar = [
            # A search that is filtered by category or tag.
            models.Index(fields=["owner", "kind", "name_hash"], name="label_search"),
        ]
