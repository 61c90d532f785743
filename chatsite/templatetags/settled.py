"""What is the same on every page, found once. For all templates, without loading.

`{% icon "copy" %}` is a drawing of static/icons/sprite.svg. `{% url "…" %}` is Django's; without arguments the address
is looked up the first time only: a page has dozens, which took a twentieth of its time.
"""

from functools import lru_cache

from django import template
from django.conf import settings
from django.template import defaulttags
from django.template.base import FilterExpression, Node, Parser, TextNode, Token
from django.templatetags.static import static
from django.urls import NoReverseMatch, get_script_prefix, get_urlconf, reverse
from django.utils.html import conditional_escape, escape

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


@register.tag
def url(parser: Parser, token: Token) -> Node:
    node = defaulttags.url(parser, token)
    return node if node.args or node.kwargs else _Address(node.view_name, [], {}, node.asvar)


class _Address(defaulttags.URLNode):
    def render(self, context: template.Context) -> str:
        request = getattr(context, "request", None)
        match = getattr(request, "resolver_match", None)
        current = getattr(request, "current_app", getattr(match, "namespace", None))
        try:
            found = _reverse(
                self.view_name.resolve(context), current, get_urlconf() or settings.ROOT_URLCONF, get_script_prefix()
            )
        except NoReverseMatch:
            return super().render(context)  # which says so, or sets an empty name
        if self.asvar:
            context[self.asvar] = found
            return ""
        return conditional_escape(found) if context.autoescape else found


@lru_cache(maxsize=2_000)
def _reverse(name: str, current_app: str | None, urlconf: str, _prefix: str) -> str:
    return reverse(name, urlconf=urlconf, current_app=current_app)
