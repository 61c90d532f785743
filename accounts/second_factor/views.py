from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import audit, local_passwords
from accounts.http import AuthenticatedHttpRequest
from accounts.models import User
from accounts.second_factor import codes, enrolment, gate, qr, recovery
from accounts.second_factor.codes import CodeRefused, Method
from accounts.second_factor.confirming import ask, confirmed_recently, demand_anew, is_confirmed, safe_next
from accounts.second_factor.confirming import confirm as note_confirmation
from accounts.second_factor.forms import CodeForm, PasswordForm
from accounts.second_factor.gate import Step


@login_not_required
@sensitive_post_parameters("code")
@never_cache
@require_http_methods(["GET", "POST"])
def step(request: HttpRequest) -> HttpResponse:
    """The second step of a sign-in: a code."""
    half = gate.waiting(request)
    if half is None:
        return redirect(safe_next(request))
    if "cancel" in request.POST:
        # To sign in as somebody else.
        logout(request)
        return redirect("account_login")
    if half.step is Step.ENROL:
        return redirect(f"{reverse('second_factor:enrol')}?{urlencode({'next': safe_next(request)})}")
    form = _code_form(request)
    if form.is_valid() and (method := _accepted(request, half.user, form)):
        gate.let_in(request, half.user)
        note_confirmation(request)
        audit.record(audit.Action.TOTP_VERIFIED, user=half.user, request=request, by=method.value)
        if method is Method.RECOVERY_CODE:
            _tell_what_is_left(request, half.user)
        return redirect(safe_next(request))
    return _page(request, "second_factor/step.html", {"form": form, "person": half.user})


@login_not_required  # also for whoever cannot go on without; asked below
@sensitive_post_parameters("code")
@sensitive_variables("device", "secret")
@never_cache
@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """Set up an authenticator app, or another one in its place."""
    half = gate.waiting(request)
    if half is not None and half.step is not Step.ENROL:
        return redirect("second_factor:step")
    person = half.user if half else request.user
    if not isinstance(person, User):
        return redirect(f"{reverse('account_login')}?{urlencode({'next': request.path})}")
    if not is_confirmed(request):
        return _sign_in_again(request, request.get_full_path()) if half else ask(request)
    form = CodeForm(request.POST or None)
    if form.is_valid():
        try:
            made = enrolment.finish(person, form.cleaned_data["code"].replace(" ", ""))
        except CodeRefused as refused:
            form.add_error("code", refused.text)
        else:
            if made is not None:
                gate.let_in(request, person)
                note_confirmation(request)
                context = {"codes": made, "person": person, "next": safe_next(request), "is_new": True}
                return render(request, "second_factor/recovery_codes.html", context)
            wrong = "This code does not belong to this secret. Wait for the next one that the app shows."
            form.add_error("code", wrong)
    device = enrolment.draft(person)
    secret = device.base32
    context = {
        "form": form,
        "person": person,
        "is_required": half is not None,
        "is_replacing": person.second_factor is not None,
        "picture": qr.svg(device.address),
        "address": device.address,
        "secret": [secret[start : start + 4] for start in range(0, len(secret), 4)],
    }
    return _page(request, "second_factor/enrol.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
@confirmed_recently
def remove(request: AuthenticatedHttpRequest) -> HttpResponse:
    if request.user.second_factor is None:
        return redirect("accounts:settings")
    is_required = enrolment.is_required(request.user)
    if request.method == "POST" and not is_required:
        enrolment.remove(request.user)
        messages.success(request, "The second factor is removed. Your password alone signs you in.")
        return redirect("accounts:settings")
    status = 409 if request.method == "POST" else 200
    return render(request, "second_factor/remove.html", {"is_required": is_required}, status=status)


@never_cache
@require_http_methods(["GET", "POST"])
@confirmed_recently
def recovery_codes(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Make new ones, and show them this once."""
    if request.user.second_factor is None:
        return redirect("accounts:settings")
    if request.method != "POST":
        return render(request, "second_factor/new_recovery_codes.html", {"left": recovery.left(request.user)})
    made = recovery.make(request.user)
    audit.record(audit.Action.RECOVERY_CODES_MADE, user=request.user, request=request)
    context = {"codes": made, "person": request.user, "next": reverse("accounts:settings")}
    return render(request, "second_factor/recovery_codes.html", context)


@sensitive_post_parameters("code", "password")
@never_cache
@require_http_methods(["GET", "POST"])
def confirm(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Show that it is still the same person."""
    again = request.GET.get("again") or request.POST.get("again")
    if request.method == "GET" and is_confirmed(request):
        return _back(request, again=bool(again))
    context = {"next": safe_next(request), "again": again}
    form: CodeForm | PasswordForm
    if request.user.second_factor is not None:
        form, by = (code := _code_form(request)), "code"
        is_right = code.is_valid() and _accepted(request, request.user, code) is not None
    elif request.user.has_usable_password() and local_passwords.counts(request.user):
        form, by = (password := PasswordForm(request.POST or None)), "password"
        is_right = password.is_valid() and _is_password(request, password)
    else:
        # There is nothing to ask for here: whoever vouched for this person has to do so again.
        return render(request, "second_factor/confirm_elsewhere.html", context)
    if is_right:
        note_confirmation(request)
        audit.record(audit.Action.CONFIRMED, user=request.user, request=request, by=by)
        return _back(request, again=bool(again))
    if request.method == "POST":
        audit.record(audit.Action.CONFIRMATION_FAILED, user=request.user, request=request, by=by)
    return _page(request, "second_factor/confirm.html", {**context, "form": form, "by": by})


def _back(request: AuthenticatedHttpRequest, *, again: bool) -> HttpResponse:
    """`again`: to where something was sent, which was not kept."""
    if again:
        messages.info(request, "Confirmed. Nothing was changed yet: choose or enter it again, and do it once more.")
    return redirect(safe_next(request))


@require_POST
def sign_in_again(request: HttpRequest) -> HttpResponse:
    return _sign_in_again(request, safe_next(request))


def _sign_in_again(request: HttpRequest, back: str) -> HttpResponse:
    logout(request)
    demand_anew(request)
    messages.info(request, "Sign in again to go on.")
    return redirect(f"{reverse('account_login')}?{urlencode({'next': back})}")


def _code_form(request: HttpRequest) -> CodeForm:
    by_recovery_code = bool(request.GET.get("recovery") or request.POST.get("recovery"))
    return CodeForm(request.POST or None, by_recovery_code=by_recovery_code)


def _accepted(request: HttpRequest, user: User, form: CodeForm) -> Method | None:
    try:
        return codes.check(request, user, form.cleaned_data["code"])
    except CodeRefused as refused:
        form.add_error("code", refused.text)
        return None


def _is_password(request: AuthenticatedHttpRequest, form: PasswordForm) -> bool:
    try:
        user = get_adapter(request).authenticate(
            request, email=request.user.email, password=form.cleaned_data["password"]
        )
    except ValidationError as locked:
        form.add_error("password", locked)
        return False
    if user is None or user.pk != request.user.pk:
        form.add_error("password", "This is not your password.")
        return False
    return True


def _tell_what_is_left(request: HttpRequest, user: User) -> None:
    left = recovery.left(user)
    if left:
        messages.warning(request, f"You have {left} recovery {'code' if left == 1 else 'codes'} left.")
    else:
        messages.warning(request, "That was your last recovery code. Make new ones in the settings now.")


def _page(request: HttpRequest, template: str, context: dict[str, object]) -> HttpResponse:
    form = context["form"]
    context = {"next": safe_next(request), "by_recovery_code": _asks_for_recovery_code(request), **context}
    return render(request, template, context, status=422 if getattr(form, "errors", None) else 200)


def _asks_for_recovery_code(request: HttpRequest) -> bool:
    return bool(request.GET.get("recovery") or request.POST.get("recovery"))
