"""Columns that lie sealed in the database and read and write as text or JSON on a model's instance.

    class Note(SealedModel):
        owner = models.ForeignKey(…)
        title = SealedTextField(blank=True, default="")

An instance is opened at the first look at an attribute, not before, and sealed again when it is saved, one by one or
by `bulk_create`. The key is the owner's (`owner_id`, or what `sealed_owner` names); the table, the column and the
row's `sealed_identity` are authenticated, so that a value moved to another row is refused. An identity that the
database makes (a serial number) is not known in time: name other fields then.

PostgreSQL cannot look into what is sealed. `filter(title="…")` and `update(title="…")` raise TypeError, ordering is
meaningless, and `values_list("title")` gives the sealed bytes. For an update:

    Note.objects.filter(pk=note.pk).update(**Note.sealed(note.pk, owner_id=note.owner_id, title="New"))

For SQL of one's own: `Note.sealed(…)["title"]` is `bytes` for a bytea parameter (many of them: `unnest(%s::bytea[])`),
and `Note.unsealed("title", value, note_id, owner_id=…)` opens what a query gave. What equals the field's default (an
empty text) is stored as empty bytes, which may be written without sealing: `update(title="")` works.
"""

import hmac
import json
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import UUID

from django.core import checks
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from accounts.encryption import keys
from accounts.encryption.sealing import seal, unseal

__all__ = ["KeyedHashField", "Sealed", "SealedJSONField", "SealedModel", "SealedTextField", "keyed_hash"]


class Sealed(bytes):
    """Bytes as they lie in the database: sealed, or empty."""

    __slots__ = ()


_EMPTY = Sealed(b"")
# How the content of a sealed value begins.
_AS_IT_IS, _COMPRESSED = b"\x00", b"\x01"
_LONG = 2000
_Set = TypeVar("_Set")
_Get = TypeVar("_Get")

if TYPE_CHECKING:
    _Field = models.Field
    _Bytes = models.BinaryField[bytes, bytes]
else:

    class _Field(models.Field):
        def __class_getitem__(cls, _types: Any) -> type:
            return cls

    _Bytes = models.BinaryField


class SealedModel(models.Model):
    """For models with sealed fields. `sealed_identity` names the fields that say which row it is."""

    sealed_identity: ClassVar[tuple[str, ...]] = ("id",)
    sealed_owner: ClassVar[str] = "owner_id"

    class Meta:
        abstract = True

    @classmethod
    def sealed(cls, *identity: object, owner_id: UUID, **values: Any) -> dict[str, Sealed]:
        """Values of sealed columns of one row, ready to be written. `identity` in the order of `sealed_identity`."""
        return {name: _field(cls, name).seal(value, owner_id, identity) for name, value in values.items()}

    @classmethod
    def unsealed(cls, name: str, value: bytes, *identity: object, owner_id: UUID) -> Any:
        return _field(cls, name).unseal(value, owner_id, identity)


def keyed_hash(owner_id: UUID, purpose: str, value: bytes) -> bytes:
    """32 bytes by which the owner's equal values are found, and that say nothing to anybody without the key."""
    key = keys.of(owner_id, make=True).hashes
    return hmac.digest(key, purpose.encode() + b"\0" + value, "sha256")


class _OpenedAtFirstLook(DeferredAttribute):
    """Holds what came from the database sealed until somebody looks."""

    field: "_SealedField[Any, Any]"

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        name = self.field.attname
        held = instance.__dict__
        if name not in held:
            held[name] = self._fetched(instance)
        value = held[name]
        if type(value) is Sealed:
            value = held[name] = self.field.unseal(value, _owner_of(instance), _identity_of(instance))
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value

    def _fetched(self, instance: Any) -> Any:
        manager = type(instance)._base_manager  # noqa: SLF001 - as Django's own descriptor of deferred fields does it
        rows = manager.db_manager(instance._state.db).filter(pk=instance.pk)  # noqa: SLF001
        return rows.values_list(self.field.attname, flat=True).get()


class _SealedField(_Field[_Set, _Get]):
    descriptor_class = _OpenedAtFirstLook

    def get_internal_type(self) -> str:
        return "BinaryField"

    def formfield(self, **_kwargs: Any) -> None:
        """Sealed columns are written by verbs, not by forms."""

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *self._check_identity()]

    def _check_identity(self) -> list[checks.CheckMessage]:
        for name in getattr(self.model, "sealed_identity", ("id",)):
            field = next((f for f in self.model._meta.concrete_fields if name in {f.name, f.attname}), None)
            if field is None or isinstance(field, models.AutoField):
                return [
                    checks.Error(
                        f"{self.model.__name__}.{self.name} is sealed for a row named by {name!r}, which is not "
                        "known before the row is written.",
                        hint="Name fields that are, in sealed_identity.",
                        obj=self,
                        id="encryption.E001",
                    )
                ]
        return []

    def from_db_value(self, value: Any, _expression: Any, _connection: Any) -> Sealed | None:
        return None if value is None else Sealed(value)

    def get_prep_value(self, value: Any) -> Any:
        if value is None or isinstance(value, Sealed):
            return value
        if value == self.empty():
            return _EMPTY
        raise self._refusal()

    def get_lookup(self, lookup_name: str) -> Any:
        """The others look into a value, in ways of which not all would ask `get_prep_value`."""
        if lookup_name not in {"exact", "in", "isnull"}:
            raise self._refusal()
        return super().get_lookup(lookup_name)

    def _refusal(self) -> TypeError:
        return TypeError(
            f"{self.model.__name__}.{self.name} is sealed: the database cannot compare it, and it is written with "
            f".update(**{self.model.__name__}.sealed(…, owner_id=…, {self.name}=…))."
        )

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        prepared_value = super().get_db_prep_value(value, connection, prepared)
        return bytes(prepared_value) if isinstance(prepared_value, Sealed) else prepared_value

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        held = model_instance.__dict__
        value = held[self.attname] if self.attname in held else getattr(model_instance, self.attname)
        if value is None or isinstance(value, Sealed) or hasattr(value, "resolve_expression"):
            return value
        if value == self.empty():
            return _EMPTY
        return self.seal(value, _owner_of(model_instance, add=add), _identity_of(model_instance))

    def seal(self, value: Any, owner_id: UUID, identity: Sequence[object]) -> Sealed:
        if value == self.empty():
            return _EMPTY
        content = _packed(self.to_bytes(value))
        return Sealed(seal(keys.of(owner_id, make=True).columns, content, self._place(identity)))

    def unseal(self, value: bytes, owner_id: UUID, identity: Sequence[object]) -> Any:
        """Raises a SealingError."""
        if not value:
            return self.empty()
        return self.from_bytes(_unpacked(unseal(keys.of(owner_id).columns, bytes(value), self._place(identity))))

    def _place(self, identity: Sequence[object]) -> bytes:
        if None in identity:
            raise ValueError(
                f"{self.model.__name__}.{self.name} is sealed for one row, and which one is not known yet."
            )
        return f"{self.model._meta.db_table}.{self.column}:{'/'.join(map(str, identity))}".encode()

    def empty(self) -> Any:
        raise NotImplementedError

    def to_bytes(self, value: Any) -> bytes:
        raise NotImplementedError

    def from_bytes(self, content: bytes) -> Any:
        raise NotImplementedError


class SealedTextField(_SealedField[str, str]):
    """Text of any length. `instance.name` is a str."""

    if TYPE_CHECKING:
        _pyi_private_set_type: str
        _pyi_private_get_type: str

    def empty(self) -> str:
        return ""

    def to_bytes(self, value: str) -> bytes:
        return str(value).encode("utf-8", "replace")

    def from_bytes(self, content: bytes) -> str:
        return content.decode()


class SealedJSONField(_SealedField[Any, Any]):
    """What JSON can hold. Give a `default` that can be called: it also stands for empty bytes."""

    if TYPE_CHECKING:
        _pyi_private_set_type: Any
        _pyi_private_get_type: Any

    def empty(self) -> Any:
        return self.get_default()

    def to_bytes(self, value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

    def from_bytes(self, content: bytes) -> Any:
        return json.loads(content)


class KeyedHashField(_Bytes):
    """The keyed hash of a sealed text column beside it, so that the database can find and forbid equal ones.

    `Model.objects.filter(name_hash=KeyedHashField.of(Model, "name_hash", owner_id, "…"))`
    """

    def __init__(self, of: str = "", **kwargs: Any) -> None:
        self.source = of
        kwargs.setdefault("editable", False)
        kwargs.setdefault("max_length", 32)
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "of": self.source}

    def pre_save(self, model_instance: Any, add: bool) -> bytes:
        value = self.hashed(_owner_of(model_instance, add=add), getattr(model_instance, self.source))
        setattr(model_instance, self.attname, value)
        return value

    def hashed(self, owner_id: UUID, value: str) -> bytes:
        return keyed_hash(owner_id, f"{self.model._meta.db_table}.{self.column}", value.encode())

    @staticmethod
    def of(model: type[models.Model], name: str, owner_id: UUID, value: str) -> bytes:
        field = model._meta.get_field(name)
        assert isinstance(field, KeyedHashField)  # noqa: S101 - a mistake in the calling code
        return field.hashed(owner_id, value)


def _packed(content: bytes) -> bytes:
    """PostgreSQL would compress long texts; sealed ones it cannot, and answers are four times smaller compressed."""
    if len(content) >= _LONG and len(short := zlib.compress(content, level=1)) < len(content):
        return _COMPRESSED + short
    return _AS_IT_IS + content


def _unpacked(packed: bytes) -> bytes:
    return zlib.decompress(packed[1:]) if packed[:1] == _COMPRESSED else packed[1:]


def _field(model: type[models.Model], name: str) -> _SealedField[Any, Any]:
    field = model._meta.get_field(name)
    if not isinstance(field, _SealedField):
        raise TypeError(f"{model.__name__}.{name} is not sealed.")
    return field


def _owner_of(instance: Any, *, add: bool = False) -> UUID:
    attribute = getattr(type(instance), "sealed_owner", "owner_id")
    owner_id: UUID | None = getattr(instance, attribute)
    if owner_id is None:
        # An owner may be taken over from another row when this one is saved (accounts.tenancy.fields).
        owner_id = instance._meta.get_field(attribute.removesuffix("_id")).pre_save(instance, add)
    if owner_id is None:
        raise ValueError(f"A {type(instance).__name__} without an owner has no key to be sealed with.")
    return owner_id


def _identity_of(instance: Any) -> list[object]:
    return [getattr(instance, name) for name in getattr(type(instance), "sealed_identity", ("id",))]
