"""What one chat tells its model, beside the chat or as a page of its own; and a person's own instructions."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.capabilities import Capability, requires
from accounts.http import AuthenticatedHttpRequest
from accounts.rights.requesting import Held
from chats.models import Conversation
from chats.prompting import choosing, configuring
from chats.prompting.forms import ChatSettingsForm, OwnInstructionsForm
from chats.prompting.parameters import sound
from llms import catalogue
from llms.catalogue import ModelInfo


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Capability.CHAT)
def chat_settings(request: AuthenticatedHttpRequest, conversation_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Conversation.objects.visible_to(request.user), pk=conversation_id)
    said = ""
    form = ChatSettingsForm(request.POST) if request.method == "POST" else _form(found)
    if form.is_bound and form.is_valid():
        configuring.configure(found, system_prompt=form.cleaned_data["system_prompt"], parameters=form.parameters())
        said = "Saved. It holds from the next answer on."
        if not request.htmx:
            messages.success(request, said)
            return redirect("prompting:chat_settings", found.pk)
    return panel(request, found, form=form, said=said)


def panel(
    request: AuthenticatedHttpRequest,
    found: Conversation,
    *,
    form: ChatSettingsForm | None = None,
    said: str = "",
    refusal: str = "",
    shows_model: bool = False,
) -> HttpResponse:
    """`shows_model`: the composer beside it, which sends its own with the next question, learns of another one."""
    form = form or _form(found)
    # Filled in again by htmx, a refusal must be swapped in as well: it comes under 200 there.
    status = 422 if form.errors and not request.htmx else 200
    model = _model(found)
    personas = choosing.everything(request.user)
    used = next((one for _, group in personas for one in group if choosing.is_as_in(one, found)), None)
    context: dict[str, Any] = {
        "conversation": found,
        "form": form,
        "said": said,
        "refusal": refusal,
        "composer_models": catalogue.chat_models() if shows_model else [],
        "personas": personas,
        "used": used,
        "is_ones_own": used is None and bool(found.system_prompt),
        "model": model,
        "context_length": f"{model.context_length:,}",
        "ignores": model.provider == "builtin",
        "installation": settings.SYSTEM_PROMPT,
        "own": configuring.own_instructions(request.user),
    }
    template = "prompting/_chat_settings.html" if request.htmx else "prompting/chat_settings.html"
    return render(request, template, context, status=status)


def _form(found: Conversation) -> ChatSettingsForm:
    return ChatSettingsForm(initial={"system_prompt": found.system_prompt, **sound(found.parameters)})


def _model(found: Conversation) -> ModelInfo:
    """The one that answers, as far as it is known now."""
    chosen = next((model for model in catalogue.chat_models() if model.key == found.model), None)
    return chosen or catalogue.default_model()


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Capability.CHAT)
def own_instructions(request: AuthenticatedHttpRequest) -> HttpResponse:
    initial = {"text": configuring.own_instructions(request.user)}
    form = OwnInstructionsForm(request.POST) if request.method == "POST" else OwnInstructionsForm(initial=initial)
    if form.is_bound and form.is_valid():
        try:
            configuring.set_own_instructions(request.user, form.cleaned_data["text"])
        except Held as held:
            form.add_error("text", held.text)
        else:
            messages.success(request, "Your instructions are saved. They hold from the next answer on.")
            return redirect("prompting:own_instructions")
    context = {"form": form, "installation": settings.SYSTEM_PROMPT}
    return render(request, "prompting/own_instructions.html", context, status=422 if form.errors else 200)
