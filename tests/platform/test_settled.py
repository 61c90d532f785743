import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.test import override_settings
from django.urls import NoReverseMatch, reverse, set_script_prefix


def test_a_name_in_quotes_or_a_variable() -> None:
    named = Template('{% icon "copy" %}').render(Context())
    assert named.startswith('<svg class="icon" aria-hidden="true"><use href="/static/icons/sprite')
    assert named.endswith('#copy"/></svg>')
    assert Template("{% icon section.icon %}").render(Context({"section": {"icon": "copy"}})) == named


def test_a_variable_cannot_leave_its_place() -> None:
    assert "<script>" not in Template("{% icon name %}").render(Context({"name": '"/><script>'}))


@pytest.mark.parametrize("tag", ["{% icon %}", '{% icon "copy" "large" %}'])
def test_one_name(tag: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="one name"):
        Template(tag)


class TestAddresses:
    def test_as_django_has_them(self) -> None:
        home = reverse("chats:home")
        for _ in range(2):
            assert Template('{% url "chats:home" %}').render(Context()) == home
            assert Template('{% url "chats:home" as at %}[{{ at }}]').render(Context()) == f"[{home}]"

    def test_one_that_is_none(self) -> None:
        assert Template('{% url "nowhere" as at %}[{{ at }}]').render(Context()) == "[]"
        with pytest.raises(NoReverseMatch):
            Template('{% url "nowhere" %}').render(Context())

    def test_below_another_path_and_with_other_addresses(self) -> None:
        at = Template('{% url "chats:home" %}')
        assert at.render(Context()) == "/"
        set_script_prefix("/chat/")
        try:
            assert at.render(Context()) == "/chat/"
        finally:
            set_script_prefix("/")
        with override_settings(ROOT_URLCONF="django.contrib.auth.urls"), pytest.raises(NoReverseMatch):
            at.render(Context())
