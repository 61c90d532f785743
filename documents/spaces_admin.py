"""What administrators see of embedding spaces: how many vectors, how large, how searched, and how far a rebuild is."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from accounts import audit
from accounts.admin_pages import LookingOnly
from accounts.capabilities import Capability, may
from accounts.tenancy import acting_as_system
from documents import reindexing, runs, spaces
from documents.models import EmbeddingSpace, Reindexing
from documents.runs import Progress

_RUNS_SHOWN = 20
_STATES = {EmbeddingSpace.State.ACTIVE: "ok", EmbeddingSpace.State.BUILDING: "busy"}


@dataclass(frozen=True)
class Space:
    """`bytes` is about what the vectors take, `index_bytes` their index, where there is one."""

    space: EmbeddingSpace
    progress: Progress
    bytes: int
    index_bytes: int | None

    @property
    def kind(self) -> str:
        return _STATES.get(EmbeddingSpace.State(self.space.state), "")


@dataclass(frozen=True)
class Told:
    """A run, for people. One that should be running while nobody is has been interrupted."""

    run: Reindexing
    is_alive: bool

    @property
    def progress(self) -> Progress:
        return Progress(self.run.done, self.run.total)

    @property
    def words(self) -> str:
        return "Interrupted" if self.is_interrupted else str(self.run.get_state_display())

    @property
    def kind(self) -> str:
        if self.is_interrupted or self.run.state == Reindexing.State.FAILED:
            return "bad"
        return "ok" if self.run.state == Reindexing.State.DONE else "busy"

    @property
    def is_interrupted(self) -> bool:
        return self.run.state == Reindexing.State.RUNNING and not self.is_alive

    @property
    def part(self) -> str:
        """Names of collections are their owners'."""
        if self.run.owner is None:
            return "Everybody's documents"
        what = "A collection" if self.run.collection_id else "Documents"
        return f"{what} of {self.run.owner.email}"


@admin.register(EmbeddingSpace)
class EmbeddingSpaceAdmin(LookingOnly):
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002 - Django's shape
        if not may(request.user, Capability.SEE_DOCUMENT_METADATA):
            raise PermissionDenied
        audit.record(audit.Action.METADATA_READ, request=request, resource=("embedding space", ""))
        with acting_as_system("show embedding spaces"):
            total = runs.passages_to_embed()
            found = list(EmbeddingSpace.objects.order_by("-pk"))
            context = {
                **self.admin_site.each_context(request),
                "title": "Embedding spaces",
                "spaces": [_told(space, total) for space in found],
                "runs": _runs(),
                "large": spaces.large_from(found[0].dimension) if found else None,
            }
        return TemplateResponse(request, "admin/documents/embeddingspace/overview.html", context)

    def change_view(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        return redirect("admin:documents_embeddingspace_changelist")

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:  # noqa: ARG002
        """Nobody changes them here."""
        raise PermissionDenied


def _told(space: EmbeddingSpace, total: int) -> Space:
    count = space.embeddings.count()
    return Space(
        space=space,
        progress=Progress(count, max(total, count)),
        bytes=count * spaces.bytes_each(space),
        index_bytes=spaces.index_bytes(space),
    )


def _runs() -> list[Told]:
    """The newest first. Only the newest that is running can be the one that is alive: no two run at once."""
    alive = reindexing.is_running()
    told = []
    for run in Reindexing.objects.select_related("owner").order_by("-seen_at")[:_RUNS_SHOWN]:
        is_this_one = alive and run.state == Reindexing.State.RUNNING
        told.append(Told(run, is_this_one))
        alive = alive and not is_this_one
    return told
