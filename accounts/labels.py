"""Labels: names that a person gives, sealed, each once, in a bounded number. Folders and tags are labels.

The model has `owner`, `name` (a SealedTextField) and `name_hash` (a KeyedHashField of it), unique with the owner. Names
that differ in the size of letters only count as the same; the database, which sees hashes, forbids equal ones.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import IntegrityError, models, transaction

from accounts import audit
from accounts.models import User

Label = TypeVar("Label", bound=models.Model)
Carrier = TypeVar("Carrier", bound=models.Model)

NAME_LENGTH = 60


@dataclass(frozen=True)
class Labels(Generic[Label]):
    """One kind of label. `word` is what a person calls one, `most` how many one person may have.

    `taken` and `bad` make the errors that are raised, from a sentence for the person: the name or the number does not
    fit what there is; the name itself cannot be one.
    """

    model: type[Label]
    word: str
    most: int
    created: audit.Action
    renamed: audit.Action
    taken: Callable[[str], Exception]
    bad: Callable[[str], Exception]
    length: int = NAME_LENGTH

    def own(self, user: User) -> list[Label]:
        return by_name(self._rows().filter(owner=user))

    def create(self, user: User, name: str) -> Label:
        name, present = self.clean(name), self.own(user)
        if self._same(present, name):
            raise self.taken(
                f"You have a {self.word} “{name}” already. Choose it from the list, or write another name."
            )
        if len(present) >= self.most:
            raise self.taken(f"You have {self.most} {self.word}s, which is the most. Delete one first.")
        with self.unless_taken(), transaction.atomic():
            label: Label = self._rows().create(owner=user, name=name)
            self.record(self.created, label)
        return label

    def find_or_create(self, user: User, name: str) -> Label:
        found = self._same(self.own(user), self.clean(name))
        return found or self.create(user, name)

    def rename(self, label: Label, name: str) -> None:
        given: Any = label
        name = self.clean(name)
        others = [other for other in self.own(given.owner) if other.pk != label.pk]
        if self._same(others, name):
            raise self.taken(f"You have another {self.word} “{name}” already. The old name is kept; write another one.")
        with self.unless_taken(), transaction.atomic():
            given.name = name
            given.save(update_fields=["name", "name_hash"])
            self.record(self.renamed, label)

    def clean(self, name: str) -> str:
        name = " ".join(name.replace("\0", "").split())
        if not name:
            raise self.bad(f"A {self.word} needs a name. Nothing was changed; write at least one character.")
        if len(name) > self.length:
            raise self.bad(
                f"The name of a {self.word} may have {self.length} characters. Nothing was changed; shorten it."
            )
        return name

    @contextmanager
    def unless_taken(self) -> Iterator[None]:
        """Two pages may give the same name at once; the database decides."""
        try:
            yield
        except IntegrityError as error:
            raise self.taken(f"There is a {self.word} of this name by now. Nothing was changed.") from error

    def record(self, action: audit.Action, label: Any, **details: Any) -> None:
        audit.record(action, user=label.owner_id, resource=(self.word, label.pk), **details)

    def _rows(self) -> Any:
        return self.model._default_manager

    @staticmethod
    def _same(present: Iterable[Any], name: str) -> Any:
        return next((label for label in present if label.name.casefold() == name.casefold()), None)


@dataclass(frozen=True)
class Tagged(Generic[Label]):
    """What carries tags, such as documents. `rows` is the model of the rows between, which have the carrier in `field`
    and the tag in `tag`; `word` is what a person calls a carrier.

    Both verbs want a transaction around them, which their caller records in. They return those that really changed.
    """

    rows: type[models.Model]
    tags: type[Label]
    field: str
    word: str
    refused: Callable[[str], Exception]

    def tag(self, carriers: Sequence[Carrier], wanted: Label, *, most: int) -> list[Carrier]:
        if not self.tags._default_manager.select_for_update().filter(pk=wanted.pk).exists():
            raise self.refused(
                f"This tag was deleted meanwhile. The {self.word}s are as they were; choose another tag."
            )
        tags: dict[Any, set[Any]] = {carrier.pk: set() for carrier in carriers}
        for carrier_id, tag_id in self._rows(carriers).values_list(f"{self.field}_id", "tag_id"):
            tags[carrier_id].add(tag_id)
        changed = [carrier for carrier in carriers if wanted.pk not in tags[carrier.pk]]
        if any(len(tags[carrier.pk]) >= most for carrier in changed):
            raise self.refused(f"A {self.word} can have {most} tags. Nothing was changed; take one off first.")
        rows = [self.rows(**{self.field: carrier, "tag": wanted}) for carrier in changed]
        self.rows._default_manager.bulk_create(rows, ignore_conflicts=True)
        return changed

    def untag(self, carriers: Sequence[Carrier], unwanted: Label) -> list[Carrier]:
        rows = self._rows(carriers).filter(tag=unwanted)
        had = set(rows.values_list(f"{self.field}_id", flat=True))
        rows.delete()
        return [carrier for carrier in carriers if carrier.pk in had]

    def _rows(self, carriers: Sequence[Carrier]) -> Any:
        return self.rows._default_manager.filter(**{f"{self.field}__in": carriers})


def by_name(rows: Iterable[Any]) -> list[Any]:
    """Only their owner's key can tell the order."""
    return sorted(rows, key=lambda label: (label.name.casefold(), label.name))
