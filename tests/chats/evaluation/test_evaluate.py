"""`manage.py evaluate`, and its pages in the administration."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from accounts.tenancy import acting_as
from chats.evaluation import judging, libraries, running
from chats.evaluation.models import Asked, Run
from documents.models import Chunk, Collection, Document
from llms import catalogue
from llms.errors import ServerUnreachable
from tests.retrieval.conftest import AddDocument, add

__all__ = ["add"]

pytestmark = pytest.mark.django_db

PASSAGES = {
    "granite": "Granite stands in the harbour wall since the great storm.",
    "marble": "Marble stairs lead up to the town hall.",
    "basalt": "Basalt columns were cut by the river.",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "stones"
    root.mkdir()
    lines = [{"_id": name, "title": f"About {name}", "text": text} for name, text in PASSAGES.items()]
    asked = [
        ("q1", "What stands in the harbour wall?"),
        ("q2", "Where do marble stairs lead?"),
        ("q3", "Who cut them?"),
    ]
    (root / "corpus.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (root / "queries.jsonl").write_text("\n".join(json.dumps({"_id": k, "text": t}) for k, t in asked))
    (root / "qrels.tsv").write_text("q\tp\ts\nq1\tgranite\t1\nq2\tmarble\t1\nq3\tbasalt\t1\n")
    (root / "unanswerable.jsonl").write_text(json.dumps({"text": "Which quaternions commute?"}))
    return root


def run(path: Path, **options: object) -> str:
    out = StringIO()
    call_command("evaluate", str(path), stdout=out, stderr=out, **options)
    return out.getvalue()


def test_a_set_is_asked_in_a_library_of_its_own_which_is_gone_afterwards(folder: Path, owner: User) -> None:
    said = run(folder, note="first")

    kept = Run.objects.get()
    assert (kept.state, kept.asked, kept.owner, kept.made_owner, kept.note) == ("done", 4, None, None, "first")
    assert kept.figures["hit_1"] >= 0.66
    assert kept.figures["unanswerable_cut"] == 1
    assert kept.conditions["passages"] == 3
    assert f"/admin/evaluation/run/{kept.pk}/change/" in said
    assert Asked.objects.get(identifier="q1").first_hit == 1
    assert not Document.objects.exists()
    assert not Chunk.objects.exists()
    assert [user.email for user in User.objects.all()] == [owner.email]
    with acting_as(owner):
        assert not Run.objects.exists()


def test_a_person_s_library_is_asked_and_no_text_is_kept(
    tmp_path: Path, owner: User, stranger: User, add: AddDocument
) -> None:
    add(owner, "wall.txt", [PASSAGES["granite"]])
    filed = add(owner, "stairs.txt", [PASSAGES["marble"]])
    filed.collection = Collection.objects.create(owner=owner, name="Stones")
    filed.save()
    add(stranger, "wall2.txt", [PASSAGES["granite"]])
    questions = tmp_path / "mine.jsonl"
    lines = [
        {"question": "What stands in the harbour wall?", "expected": [{"document": "wall.txt", "page": 1}]},
        {"question": "Where do marble stairs lead?", "expected": [{"document": "stairs.txt"}]},
    ]
    questions.write_text("\n".join(map(json.dumps, lines)))

    run(questions, owner=owner.email)

    kept = Run.objects.get()
    assert (kept.owner, kept.figures["hit_1"], kept.conditions["documents"]) == (owner, 1, 2)
    assert set(Asked.objects.values_list("text", flat=True)) == {""}
    run(questions, owner=owner.email, collection="Stones")
    assert Run.objects.latest("started_at").figures["hit_1"] == 0.5
    with acting_as(stranger):
        assert not Asked.objects.exists()


def test_what_a_killed_run_left_is_removed_by_the_next(folder: Path, owner: User, add: AddDocument) -> None:
    left = libraries.make()
    add(left, "left.txt", ["Something."])
    killed = Run.objects.create(set_name="stones", set_fingerprint="f", made_owner=left.pk)
    somebody = Run.objects.create(set_name="other", set_fingerprint="f", made_owner=owner.pk)

    run(folder)

    assert not User.objects.filter(pk=left.pk).exists()
    assert User.objects.filter(pk=owner.pk).exists()
    killed.refresh_from_db()
    somebody.refresh_from_db()
    assert (killed.state, killed.made_owner, somebody.made_owner) == ("failed", None, None)


def test_a_run_that_fails_removes_its_library(folder: Path, monkeypatch) -> None:
    def away(*_: object) -> None:
        raise ServerUnreachable

    monkeypatch.setattr(libraries, "embed", away)
    with pytest.raises(CommandError, match="its library was removed"):
        run(folder)
    assert Run.objects.get().state == "failed"
    assert not User.objects.exists()


class TestJudging:
    @pytest.fixture(autouse=True)
    def models(self, monkeypatch) -> None:
        model = catalogue.ModelInfo("ollama/judge", "judge", "ollama", "judge", 8192, frozenset({"completion"}))
        monkeypatch.setattr(catalogue, "resolve", lambda key: model if key == "judge" else catalogue.QUOTE)

    def test_marks_are_kept_and_what_is_judged_is_fenced(self, folder: Path, monkeypatch) -> None:
        asked = []

        def said(request: object) -> str:
            asked.append(request)
            return "faithfulness: 9\nrelevancy: 7"

        monkeypatch.setattr(judging, "_asked", said)
        run(folder, judge="judge", judged=2)

        kept = Run.objects.get()
        assert (kept.figures["faithfulness"], kept.figures["relevancy"], kept.figures["judged"]) == (0.9, 0.7, 2)
        assert [request.model for request in asked] == ["builtin/quote", "ollama/judge"] * 2
        system, material = (turn.content for turn in asked[1].turns)
        word = material.partition("<material-")[2].partition(">")[0]
        assert f"</material-{word}>" in system
        assert len(word) == 12

    def test_a_judge_that_fails_never_costs_the_run(self, folder: Path, monkeypatch) -> None:
        calls = []

        def away(_request: object) -> str:
            calls.append(1)
            raise TimeoutError

        monkeypatch.setattr(judging, "_asked", away)
        monkeypatch.setattr(running, "_MOST_FAILURES", 2)
        assert "The judge failed 2 times; 0 answers were marked." in run(folder, judge="judge")
        kept = Run.objects.get()
        assert (kept.state, kept.asked, len(calls)) == ("done", 4, 2)
        assert "faithfulness" not in kept.figures

    def test_the_quoting_answerer_is_no_judge(self, folder: Path) -> None:
        with pytest.raises(CommandError, match="cannot judge"):
            run(folder, judge="builtin/quote")


def test_wrong_arguments_say_what_to_do(folder: Path, owner: User, tmp_path: Path, monkeypatch) -> None:
    questions = tmp_path / "mine.jsonl"
    questions.write_text(json.dumps({"question": "Why?"}))
    for path, options, words in (
        (tmp_path / "none", {}, "does not exist. Nothing was done. docs/commands.md"),
        (questions, {}, "--owner EMAIL in whose library"),
        (questions, {"collection": "x"}, "Whose collection"),
        (questions, {"owner": owner.email, "collection": "x"}, "has no collection"),
        (questions, {"owner": "nobody@example.org"}, "no account"),
        (folder, {"owner": owner.email}, "leave out --owner"),
        (folder, {"most": 0}, "at least 1"),
        (folder, {"answerer": "x"}, "add --judge MODEL"),
        (folder, {"judge": "nonsense/x"}, "Nothing was done"),
    ):
        with pytest.raises(CommandError, match=words):
            run(path, **options)
    assert not Run.objects.exists()


class TestAdministration:
    address = "/admin/evaluation/run/"

    @pytest.fixture
    def admin_client(self, admin_user: User) -> Client:
        client = Client()
        client.force_login(admin_user)
        return client

    def test_runs_are_listed_drawn_and_compared(self, folder: Path, admin_client: Client) -> None:
        run(folder, note="as it was")
        run(folder)
        page = admin_client.get(self.address).content.decode()
        assert page.count('<svg viewBox="0 0 640 240" role="img"') == 2
        assert "How well, stones" in page
        assert "as it was" in page
        both = "&".join(f"compare={one.pk}" for one in Run.objects.all())
        compared = admin_client.get(f"{self.address}?{both}&compare=nonsense&set=nonsense").content.decode()
        assert "Side by side" in compared
        assert "asked different questions" not in compared
        Run.objects.filter(note="").update(set_fingerprint="other")
        assert "asked different questions" in admin_client.get(f"{self.address}?{both}").content.decode()

    def test_one_run_with_its_questions(self, folder: Path, admin_client: Client) -> None:
        run(folder)
        page = admin_client.get(f"{self.address}{Run.objects.get().pk}/change/?p=nonsense").content.decode()
        assert "Rank of the first passage that was expected" in page
        assert "What stands in the harbour wall?" in page
        assert "no answer" in page

    def test_empty_and_unknown(self, admin_client: Client) -> None:
        assert "No run so far" in admin_client.get(self.address).content.decode()
        assert admin_client.get(f"{self.address}nonsense/change/").status_code == 302

    def test_who_may_not_see_metadata_sees_nothing(self, owner: User) -> None:
        client = Client()
        client.force_login(owner)
        assert client.get(self.address).status_code in {302, 403, 404}
