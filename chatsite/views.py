from dataclasses import asdict

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from chatsite import readiness


@login_not_required
@require_safe
@never_cache
def health(_request: HttpRequest) -> JsonResponse:
    """Whether this process answers. It asks nobody else, so that a slow database does not get it restarted."""
    return JsonResponse({"status": "ok", "components": {"server": {"status": "ok"}}})


@login_not_required
@require_safe
@never_cache
def ready(_request: HttpRequest) -> JsonResponse:
    """Whether people can be sent here, and the state of each part. 503: not now."""
    states = readiness.examine()
    is_ready = readiness.is_ready(states)
    well = is_ready and all(state.status == "ok" for state in states.values())
    return JsonResponse(
        {
            "status": "ok" if well else "degraded" if is_ready else "down",
            "components": {"server": {"status": "ok"}, **{name: asdict(state) for name, state in states.items()}},
        },
        status=200 if is_ready else 503,
    )
