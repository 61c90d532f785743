"""Templates: the list, making and changing one, and using it. The composer finds them by a slash (templates.js)."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.capabilities import Capability, may, requires
from accounts.http import AuthenticatedHttpRequest
from chats.prompting import keeping, variables
from chats.prompting.forms import FillForm, TemplateForm
from chats.prompting.models import PromptTemplate

_LIST = "prompting:templates"


@never_cache
@require_GET
@requires(Capability.CHAT)
def templates(request: AuthenticatedHttpRequest) -> HttpResponse:
    editable = set(PromptTemplate.objects.editable_by(request.user).values_list("pk", flat=True))
    found: list[Any] = _by_name(request)
    for template in found:
        template.is_editable = template.pk in editable
        template.gaps = variables.variables(template.text)
    context = {
        "own": [template for template in found if template.owner_id == request.user.pk],
        "others": [template for template in found if template.owner_id != request.user.pk],
    }
    return render(request, "prompting/templates.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Capability.CHAT)
def new_template(request: AuthenticatedHttpRequest) -> HttpResponse:
    form = TemplateForm(request.POST or None, may_share=may(request.user, Capability.SHARE_PROMPTS))
    if form.is_valid():
        try:
            keeping.make(PromptTemplate, request.user, **form.cleaned_data)
        except keeping.NotKept as error:
            form.add_error(None, error.text)
        else:
            messages.success(request, "The template is saved. A / in the question field finds it.")
            return redirect(_LIST)
    return _edited(request, form, None)


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Capability.CHAT)
def edit_template(request: AuthenticatedHttpRequest, template_id: uuid.UUID) -> HttpResponse:
    found = _editable(request, template_id)
    form = TemplateForm(
        request.POST or None,
        initial={"name": found.name, "text": found.text, "is_shared": found.is_shared},
        may_share=_asks_for_sharing(request, found),
    )
    if form.is_valid():
        keeping.change(found, request.user, **form.cleaned_data)
        messages.success(request, "The template is saved.")
        return redirect(_LIST)
    return _edited(request, form, found)


@require_POST
@requires(Capability.CHAT)
def delete_template(request: AuthenticatedHttpRequest, template_id: uuid.UUID) -> HttpResponse:
    found = _editable(request, template_id)
    keeping.delete(found, request.user)
    undo = f"undo:{reverse('prompting:restore_template', args=[found.pk])}"
    messages.success(request, "The template was deleted.", extra_tags=undo)
    return redirect(_LIST)


@require_POST
@requires(Capability.CHAT)
def restore_template(request: AuthenticatedHttpRequest, template_id: uuid.UUID) -> HttpResponse:
    keeping.restore(get_object_or_404(PromptTemplate.objects.deleted_by(request.user), pk=template_id), request.user)
    return redirect(_LIST)


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Capability.CHAT)
def use_template(request: AuthenticatedHttpRequest, template_id: uuid.UUID) -> HttpResponse:
    """Its gaps as a form, and then the whole text, to be looked over and sent: without any script."""
    found = _visible(request, template_id)
    gaps = variables.variables(found.text)
    form = FillForm(request.POST if request.method == "POST" else None, gaps=gaps)
    context: dict[str, Any] = {"template": found, "form": form}
    if not gaps:
        context["text"] = found.text
    elif form.is_valid():
        context["text"] = variables.filled(found.text, form.values(gaps))
    return render(request, "prompting/use_template.html", context, status=422 if form.errors else 200)


@never_cache
@require_GET
@requires(Capability.CHAT)
def template_names(request: AuthenticatedHttpRequest) -> JsonResponse:
    """All at once and chosen from in the browser, so that what is typed stands in no address and in no log."""
    listed = [
        {
            "name": template.name,
            "about": " ".join(template.text[:200].split())[:80],
            "url": reverse("prompting:template_parts", args=[template.pk]),
        }
        for template in _by_name(request)
    ]
    return JsonResponse({"templates": listed})


@never_cache
@require_GET
@requires(Capability.CHAT)
def template_parts(request: AuthenticatedHttpRequest, template_id: uuid.UUID) -> JsonResponse:
    """The text in pieces: words, and numbers of the gaps between them."""
    found = _visible(request, template_id)
    gaps = [{"label": gap.label, "long": gap.is_long} for gap in variables.variables(found.text)]
    return JsonResponse({"name": found.name, "parts": variables.parts(found.text), "gaps": gaps})


def _by_name(request: AuthenticatedHttpRequest) -> list[PromptTemplate]:
    found = PromptTemplate.objects.visible_to(request.user).select_related("owner")
    return sorted(found, key=lambda template: template.name.casefold())


def _visible(request: AuthenticatedHttpRequest, template_id: uuid.UUID) -> PromptTemplate:
    return get_object_or_404(PromptTemplate.objects.visible_to(request.user), pk=template_id)


def _editable(request: AuthenticatedHttpRequest, template_id: uuid.UUID) -> PromptTemplate:
    return get_object_or_404(PromptTemplate.objects.editable_by(request.user), pk=template_id)


def _asks_for_sharing(request: AuthenticatedHttpRequest, found: PromptTemplate) -> bool:
    """Its maker; who looks after others' changes the words only."""
    return found.owner_id == request.user.pk and (may(request.user, Capability.SHARE_PROMPTS) or found.is_shared)


def _edited(request: AuthenticatedHttpRequest, form: TemplateForm, found: PromptTemplate | None) -> HttpResponse:
    context = {"form": form, "template": found, "is_others": found is not None and found.owner_id != request.user.pk}
    return render(request, "prompting/edit_template.html", context, status=422 if form.errors else 200)
