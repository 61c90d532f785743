"""Personas: the list, making and changing one, and giving one to a chat."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.capabilities import Capability, may, requires
from accounts.http import AuthenticatedHttpRequest
from chats.models import Conversation
from chats.prompting import choosing, keeping, panel
from chats.prompting.forms import PersonaForm
from chats.prompting.models import Persona
from chats.prompting.parameters import sound
from llms import catalogue

_LIST = "prompting:personas"


@never_cache
@require_GET
@requires(Capability.CHAT)
def personas(request: AuthenticatedHttpRequest) -> HttpResponse:
    editable = Persona.objects.editable_by(request.user).values_list("pk", flat=True)
    context = {"groups": choosing.everything(request.user), "editable": {str(pk) for pk in editable}}
    return render(request, "prompting/personas.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Capability.CHAT)
def new_persona(request: AuthenticatedHttpRequest) -> HttpResponse:
    """`?from=` begins with what another persona says, `?chat=` with what a chat is told."""
    form = _form(request, _beginning(request), may_share=may(request.user, Capability.SHARE_PROMPTS))
    if form.is_valid():
        try:
            keeping.make(Persona, request.user, **form.values())
        except keeping.NotKept as error:
            form.add_error(None, error.text)
        else:
            messages.success(request, "The persona is saved.")
            return redirect(_LIST)
    return _edited(request, form, None)


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Capability.CHAT)
def edit_persona(request: AuthenticatedHttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Persona.objects.editable_by(request.user), pk=persona_id)
    initial = {
        "name": found.name,
        "system_prompt": found.system_prompt,
        "model": found.model,
        "is_shared": found.is_shared,
        **sound(found.parameters),
    }
    is_own = found.owner_id == request.user.pk
    may_share = is_own and (may(request.user, Capability.SHARE_PROMPTS) or found.is_shared)
    form = _form(request, initial, may_share=may_share)
    if form.is_valid():
        keeping.change(found, request.user, **form.values())
        messages.success(request, "The persona is saved. Chats that use it already go on as they are.")
        return redirect(_LIST)
    return _edited(request, form, found)


@require_POST
@requires(Capability.CHAT)
def delete_persona(request: AuthenticatedHttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Persona.objects.editable_by(request.user), pk=persona_id)
    keeping.delete(found, request.user)
    undo = f"undo:{reverse('prompting:restore_persona', args=[found.pk])}"
    messages.success(request, "The persona was deleted. Chats that use it go on as they are.", extra_tags=undo)
    return redirect(_LIST)


@require_POST
@requires(Capability.CHAT)
def restore_persona(request: AuthenticatedHttpRequest, persona_id: uuid.UUID) -> HttpResponse:
    keeping.restore(get_object_or_404(Persona.objects.deleted_by(request.user), pk=persona_id), request.user)
    return redirect(_LIST)


@require_POST
@requires(Capability.CHAT)
def choose_persona(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Conversation.objects.visible_to(request.user), pk=conversation_id)
    refusal = said = ""
    character = None
    try:
        character = choosing.wanted(request.user, request.POST.get("persona", ""))
    except choosing.PersonaGone:
        refusal = "This persona is not there any more. Nothing was changed; choose another one."
    else:
        choosing.take(found, character)
        name = f"{character.name} answers from now on." if character else "This chat has no persona now."
        said = f"{name} {character.model_note}" if character and character.model_note else name
    if request.htmx:
        has_model = character is not None and bool(character.model)
        return panel.panel(request, found, said=said, refusal=refusal, shows_model=has_model)
    (messages.error if refusal else messages.success)(request, refusal or _unnamed(said))
    return redirect("prompting:chat_settings", found.pk)


def _unnamed(said: str) -> str:
    """Flash messages lie in a cookie or the session until they are shown: nothing that a person wrote goes there."""
    return "The persona of this chat was changed." if said else ""


def _beginning(request: AuthenticatedHttpRequest) -> dict[str, Any]:
    if key := request.GET.get("from", ""):
        try:
            character = choosing.find(request.user, key)
        except choosing.PersonaGone:
            return {}
        model = "" if character.is_without_model else character.model
        words = {"name": character.name, "system_prompt": character.system_prompt, "model": model}
        return {**words, **sound(dict(character.parameters))}
    try:
        pk = uuid.UUID(request.GET.get("chat", ""))
    except ValueError:
        return {}
    chat = get_object_or_404(Conversation.objects.visible_to(request.user), pk=pk)
    return {"system_prompt": chat.system_prompt, "model": chat.model, **sound(chat.parameters)}


def _form(request: AuthenticatedHttpRequest, initial: dict[str, Any], *, may_share: bool) -> PersonaForm:
    models = [(model.key, model.label) for model in catalogue.chat_models() if model.provider != "builtin"]
    had = initial.get("model", "")
    if had and had not in {key for key, _ in models}:
        models.append((had, f"{had} (not installed)"))
    return PersonaForm(request.POST or None, initial=initial, models=models, may_share=may_share)


def _edited(request: AuthenticatedHttpRequest, form: PersonaForm, found: Persona | None) -> HttpResponse:
    context = {"form": form, "persona": found, "is_others": found is not None and found.owner_id != request.user.pk}
    return render(request, "prompting/edit_persona.html", context, status=422 if form.errors else 200)
