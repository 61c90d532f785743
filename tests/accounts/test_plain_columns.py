"""Whatever can hold words is sealed, or docs/security.md says under which heading it is not, and why."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection, models

from accounts.encryption.fields import KeyedHashField, SealedJSONField, SealedTextField

DOCS = Path(__file__).resolve().parents[2] / "docs/security.md"

# {heading of "What is not, and why": {model: columns}}
PLAIN = {
    "Structure": {
        "chats.Citation": "boxes suspicion",
        "chats.Conversation": "model parameters search_in",
        "chats.Message": "answered_by error_code error_text model steps timings",
        "chats.Summary": "model",
        "documents.Chunk": "boxes",
        "documents.Document": "error_code",
        "documents.DocumentVersion": "blob language media_type",
        "documents.EmbeddingSpace": "model",
        "documents.Reindexing": "error_code model",
        "exchange.ExchangeJob": "chosen error_text file left_out",
        "images.Picture": "blob media_type",
        "prompting.Persona": "model parameters",
        "rights.DataRequest": "error_text file",
        "searching.Indexed": "language model",
    },
    "Work": {
        "chats.Message": "claimed_by",
        "documents.Document": "claimed_by",
        "exchange.ExchangeJob": "claimed_by",
        "rights.DataRequest": "claimed_by",
    },
    "Accounts": {
        "account.EmailAddress": "email",
        "accounts.User": "email name",
        "admin.LogEntry": "change_message object_id object_repr",
        "audit.AuditEvent": "action address agent details request_id resource_id resource_kind",
        "invitations.Invitation": "email",
        "lock_out.Failures": "address",
        "rights.Consent": "version",
        "rights.LegalHold": "reason",
        "second_factor.Authenticator": "name",
        "socialaccount.SocialAccount": "extra_data provider uid",
        "user_sessions.UserSession": "address agent",
    },
    "Hashes": {
        "accounts.SetUpLink": "token_sha256",
        "accounts.User": "password",
        "audit.AuditEvent": "digest",
        "audit.AuditSeal": "content hash previous pruned_mark",
        "documents.DocumentVersion": "fingerprint",
        "evaluation.Run": "set_fingerprint",
        "exchange.Origin": "fingerprint",
        "invitations.Invitation": "token_sha256",
        "lock_out.Failures": "key",
        "lock_out.SignInName": "key",
        "second_factor.RecoveryCode": "digest",
        "sessions.Session": "session_key",
        "sharing.Share": "secret_sha256",
        "sources.Label": "name_hash",
        "sources.Source": "blog_hash",
        "user_sessions.UserSession": "auth_hash session_key",
    },
    "Sessions": {"sessions.Session": "session_data"},
    "Evaluation": {
        "evaluation.Asked": "identifier text",
        "evaluation.Run": "answer_model conditions embedding_model figures judge_model note set_name",
    },
    "Not used": {
        "account.EmailConfirmation": "key",
        "auth.Group": "name",
        "auth.Permission": "codename name",
        "contenttypes.ContentType": "app_label model",
        "socialaccount.SocialApp": "client_id key name provider provider_id secret settings",
        "socialaccount.SocialToken": "token token_secret",
    },
}
EXPLAINED = {
    (label, column) for listed in PLAIN.values() for label, names in listed.items() for column in names.split()
}


def columns_of_words() -> Iterator[tuple[str, str]]:
    """All that are neither sealed nor numbers, times, keys, keyed hashes of this product's own, or one of few words."""
    for model in apps.get_models():
        for column in model._meta.concrete_fields:
            kind = column.db_type(connection) or ""
            is_wordy = kind.startswith(("varchar", "text", "jsonb", "bytea", "inet", "char"))
            if not is_wordy or column.choices or column.is_relation:
                continue
            if not isinstance(column, SealedTextField | SealedJSONField | KeyedHashField):
                yield model._meta.label, column.attname


def test_each_is_sealed_or_explained() -> None:
    found = set(columns_of_words())
    assert ("accounts.User", "email") in found
    assert found - EXPLAINED == set(), "seal it, or say in docs/security.md why it lies in plain"
    assert EXPLAINED - found == set(), "this is gone, or sealed by now"


@pytest.mark.parametrize("heading", PLAIN)
def test_the_documentation_says_why(heading: str) -> None:
    section = DOCS.read_text(encoding="utf-8").partition("### What is not, and why")[2].partition("\n### ")[0]
    assert f"* **{heading}**" in section


def test_arrays_hold_numbers_only() -> None:
    """They are not looked at above."""
    for model in apps.get_models():
        for column in model._meta.concrete_fields:
            kind = column.db_type(connection) or ""
            assert not kind.endswith("[]") or kind.startswith(("bigint", "integer", "smallint")), (model, column)


@pytest.mark.django_db
def test_what_is_not_used_is_empty_where_secrets_would_lie() -> None:
    for label in ("socialaccount.SocialApp", "socialaccount.SocialToken", "account.EmailConfirmation", "auth.Group"):
        model: type[models.Model] = apps.get_model(label)
        assert not model._default_manager.exists()
