"""The audit log: who did what, when, from where; append-only, and sealed so that a later change is found.

audit.record(audit.Action.DOCUMENT_UPLOADED, user=user, resource=("document", document.pk), size=document.size)
"""

from accounts.audit.actions import Action
from accounts.audit.recording import record

__all__ = ["Action", "record"]
