"""Everything that is recorded. The part of a value before the dot is its group; what is stored must stay what it is."""

from django.db import models


class Action(models.TextChoices):
    # Signing in and out
    SIGNED_IN = "session.signed_in", "Signed in"
    SIGNED_OUT = "session.signed_out", "Signed out"
    SIGNED_OUT_EVERYWHERE = "session.signed_out_everywhere", "Signed out on all devices"
    SESSION_REVOKED = "session.revoked", "Ended a session"
    SIGN_IN_FAILED = "session.failed", "Failed to sign in"
    SIGN_IN_REFUSED = "session.refused", "Was refused at sign-in"
    LOCKED_OUT = "session.locked_out", "Was locked out"
    UNLOCKED = "session.unlocked", "Was unlocked"
    SIGNED_UP = "session.signed_up", "Signed up"
    # Passwords and addresses
    PASSWORD_CHANGED = "password.changed", "Changed the password"
    PASSWORD_RESET_REQUESTED = "password.reset_requested", "Asked for a new password"
    PASSWORD_RESET = "password.reset", "Chose a new password by a link"
    EMAIL_CHANGED = "password.email_changed", "Changed the e-mail address"
    EMAIL_CONFIRMED = "password.email_confirmed", "Confirmed the e-mail address"
    # Second factor and confirmation
    TOTP_ENROLLED = "second_factor.enrolled", "Set up a second factor"
    TOTP_REMOVED = "second_factor.removed", "Removed the second factor"
    TOTP_RESET = "second_factor.reset", "Reset somebody's second factor"
    TOTP_VERIFIED = "second_factor.verified", "Gave the second factor"
    TOTP_FAILED = "second_factor.failed", "Gave a wrong second factor"
    RECOVERY_CODES_MADE = "second_factor.codes_made", "Made recovery codes"
    RECOVERY_CODE_USED = "second_factor.code_used", "Used a recovery code"
    CONFIRMED = "second_factor.confirmed", "Confirmed who they are"
    CONFIRMATION_FAILED = "second_factor.confirmation_failed", "Failed to confirm who they are"
    # Sign-in through other providers
    IDENTITY_LINKED = "identity.linked", "Linked an outside identity"
    IDENTITY_REFUSED = "identity.refused", "An outside identity was refused"
    # Documents
    DOCUMENT_UPLOADED = "document.uploaded", "Uploaded a document"
    DOCUMENT_REFUSED = "document.refused", "Had an upload refused"
    DOCUMENT_DOWNLOADED = "document.downloaded", "Downloaded a document"
    DOCUMENT_RENAMED = "document.renamed", "Renamed a document"
    DOCUMENT_RETRIED = "document.retried", "Had a document read again"
    DOCUMENT_VERSION_ADDED = "document.version_added", "Replaced a document by a new version"
    DOCUMENT_VERSION_DROPPED = "document.version_dropped", "Took a new version of a document back"
    DOCUMENT_TAGGED = "document.tagged", "Put a tag on a document"
    DOCUMENT_UNTAGGED = "document.untagged", "Took a tag off a document"
    DOCUMENT_TAG_CREATED = "document.tag_created", "Made a tag for documents"
    DOCUMENT_TAG_RENAMED = "document.tag_renamed", "Renamed a tag for documents"
    DOCUMENT_TAG_DELETED = "document.tag_deleted", "Deleted a tag for documents"
    DOCUMENT_DELETED = "document.deleted", "Deleted a document"
    COLLECTION_CREATED = "document.collection_created", "Made a collection"
    COLLECTION_CHANGED = "document.collection_changed", "Changed a collection"
    COLLECTION_DELETED = "document.collection_deleted", "Deleted a collection"
    # Chats
    CHAT_STARTED = "chat.started", "Started a chat"
    CHAT_ASKED = "chat.asked", "Asked a question"
    CHAT_ANSWERED = "chat.answered", "An answer ended"
    CHAT_EDITED = "chat.edited", "Edited a question"
    CHAT_REGENERATED = "chat.regenerated", "Asked for another answer"
    CHAT_CONTINUED = "chat.continued", "Had an answer continued"
    CHAT_CHOSEN = "chat.chosen", "Chose one of several answers"
    CHAT_RATED = "chat.rated", "Rated an answer"
    CHAT_STOPPED = "chat.stopped", "Stopped an answer"
    CHAT_RENAMED = "chat.renamed", "Renamed a chat"
    CHAT_CONFIGURED = "chat.configured", "Changed a chat's settings"
    CHAT_DELETED = "chat.deleted", "Deleted a chat"
    CHAT_IMAGE_ADDED = "chat.image_added", "Added a picture to a question"
    CHAT_IMAGE_REFUSED = "chat.image_refused", "Had a picture refused"
    CHAT_IMAGE_REMOVED = "chat.image_removed", "Removed a picture before it was sent"
    CHAT_IMAGE_READ = "chat.image_read", "Had the text in a picture read"
    CHAT_RESTORED = "chat.restored", "Brought a chat back"
    CHAT_PINNED = "chat.pinned", "Pinned a chat"
    CHAT_UNPINNED = "chat.unpinned", "Unpinned a chat"
    CHAT_MOVED = "chat.moved", "Moved a chat to a folder or out of it"
    CHAT_TAGGED = "chat.tagged", "Put a tag on a chat"
    CHAT_UNTAGGED = "chat.untagged", "Took a tag off a chat"
    CHAT_ARCHIVED = "chat.archived", "Archived a chat"
    CHAT_UNARCHIVED = "chat.unarchived", "Took a chat out of the archive"
    FOLDER_CREATED = "chat.folder_created", "Made a folder"
    FOLDER_RENAMED = "chat.folder_renamed", "Renamed a folder"
    FOLDER_DELETED = "chat.folder_deleted", "Deleted a folder"
    TAG_CREATED = "chat.tag_created", "Made a tag"
    TAG_RENAMED = "chat.tag_renamed", "Renamed a tag"
    TAG_DELETED = "chat.tag_deleted", "Deleted a tag"
    # What models are told
    INSTRUCTIONS_CHANGED = "prompt.instructions_changed", "Changed their instructions for all chats"
    PROMPT_MADE = "prompt.made", "Made a template or persona"
    PROMPT_CHANGED = "prompt.changed", "Changed a template or persona"
    PROMPT_DELETED = "prompt.deleted", "Deleted a template or persona"
    PROMPT_RESTORED = "prompt.restored", "Brought a template or persona back"
    # Sharing
    SHARED = "share.given", "Shared something"
    SHARE_CHANGED = "share.changed", "Changed a share"
    SHARE_OPENED = "share.opened", "Opened a shared chat by its link"
    SHARE_ENDED = "share.ended", "Ended a share"
    # Data that leaves, comes and goes
    EXPORT_REQUESTED = "data.export_requested", "Asked for an export"
    EXPORT_MADE = "data.export_made", "An export was made"
    EXPORT_DOWNLOADED = "data.export_downloaded", "Downloaded an export"
    EXPORT_DELETED = "data.export_deleted", "The file of an export was deleted"
    IMPORTED = "data.imported", "Imported data"
    IMPORT_FORGOTTEN = "data.import_forgotten", "Removed an import from the list"
    ERASURE_REQUESTED = "data.erasure_requested", "Asked for deletion of an account"
    ERASED = "data.erased", "An account and its data were erased"
    CONSENT_GIVEN = "data.consent_given", "Gave consent"
    CONSENT_WITHDRAWN = "data.consent_withdrawn", "Withdrew consent"
    RETENTION_APPLIED = "data.retention_applied", "Old data was deleted"
    LEGAL_HOLD_SET = "data.legal_hold_set", "Set a legal hold"
    LEGAL_HOLD_LIFTED = "data.legal_hold_lifted", "Lifted a legal hold"
    # Administration
    ADMINISTRATOR_SET_UP = "admin.set_up", "The first administrator was set up"
    SET_UP_LINK_MADE = "admin.set_up_link_made", "A link for setting up was made"
    USER_INVITED = "admin.user_invited", "Invited somebody"
    INVITATION_ACCEPTED = "admin.invitation_accepted", "Accepted an invitation"
    INVITATION_REVOKED = "admin.invitation_revoked", "Took an invitation back"
    USER_CHANGED = "admin.user_changed", "Changed an account"
    ROLE_CHANGED = "admin.role_changed", "Changed a role"
    USER_SUSPENDED = "admin.user_suspended", "Suspended an account"
    USER_REACTIVATED = "admin.user_reactivated", "Opened an account again"
    USER_SIGNED_OUT = "admin.user_signed_out", "Signed somebody out everywhere"
    USER_PASSWORD_LINK = "admin.password_link", "Handed out a link for a new password"
    METADATA_READ = "admin.metadata_read", "Looked at others' metadata"
    # Limits
    RATE_LIMITED = "limit.rate", "Made too many requests"
    QUOTA_REACHED = "limit.quota", "Reached a quota"
    # Keys for programs
    KEY_CREATED = "key.created", "Made a key"
    KEY_USED = "key.used", "Used a key"
    KEY_REFUSED = "key.refused", "Had a key refused"
    KEY_REVOKED = "key.revoked", "Revoked a key"
    # The installation
    SYSTEM_ACTED = "system.acted", "The system saw everybody's rows"
    KEYS_ROTATED = "system.keys_rotated", "Encryption keys were rotated"
    CONFIGURED = "configuration.changed", "Changed the configuration"
    MODEL_CHANGED = "configuration.model_changed", "Changed the models"
    # The audit log itself
    AUDIT_READ = "audit.read", "Read the audit log"
    AUDIT_EXPORTED = "audit.exported", "Exported the audit log"
    AUDIT_PRUNED = "audit.pruned", "Old audit events were deleted"
    AUDIT_HEAD_ACCEPTED = "audit.head_accepted", "A restored audit log was accepted"

    @property
    def group(self) -> str:
        return self.value.partition(".")[0]


GROUPS = {
    "session": "Signing in and out",
    "password": "Passwords and addresses",
    "second_factor": "Second factor",
    "identity": "Other providers",
    "document": "Documents",
    "chat": "Chats",
    "prompt": "Templates, personas, instructions",
    "share": "Sharing",
    "data": "Exports, imports, deletion",
    "admin": "Administration",
    "limit": "Limits",
    "key": "Keys",
    "system": "System",
    "configuration": "Configuration",
    "audit": "Audit log",
}
