"""`{% icon "copy" %}`: a drawing of static/icons/sprite.svg, for every template without loading."""

from django import template
from django.template.base import FilterExpression, Node, Parser, TextNode, Token
from django.templatetags.static import static
from django.utils.html import escape

register = template.Library()

_SVG = '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>'


@register.tag
def icon(parser: Parser, token: Token) -> Node:
    """One argument: a name in quotes, which is settled when the template is read, or a variable.

    Pages have hundreds of them. Hidden from assistive technology: what a button does is said in its words.
    """
    try:
        _, name = token.split_contents()
    except ValueError:
        raise template.TemplateSyntaxError('An icon has one name: {% icon "copy" %}.') from None
    if name[0] == name[-1] and name[0] in "\"'":
        return TextNode(_svg(name[1:-1]))
    return _Icon(parser.compile_filter(name))


class _Icon(Node):
    def __init__(self, name: FilterExpression) -> None:
        self.name = name

    def render(self, context: template.Context) -> str:
        return _svg(escape(self.name.resolve(context)))


def _svg(name: str) -> str:
    return _SVG.format(escape(static("icons/sprite.svg")), name)
