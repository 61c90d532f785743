"""Figures for reading: how long something took, and how much it was."""

from django import template

register = template.Library()


@register.filter
def in_short(seconds: float | None) -> str:
    """7.2 → "7 s", 95 → "1 min 35 s"; nothing for nothing."""
    if not seconds:
        return ""
    if seconds < 1:
        return "less than 1 s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@register.filter
def grouped(count: int) -> str:
    """12345 → "12,345"."""
    return f"{count:,}"
