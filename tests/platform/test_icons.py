import pytest
from django.template import Context, Template, TemplateSyntaxError


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
