"""What axe-core says of the page that is open. axe comes out of an installed package and into the page by the debugger,
so that the security policy stays what it is for everybody."""

from functools import cache
from importlib.resources import files

from playwright.sync_api import Page

STANDARDS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")


@cache
def _axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


_RUN = """async wanted => {
    const found = await axe.run(document, { runOnly: wanted, resultTypes: ["violations"] });
    return found.violations.flatMap(({ id, help, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id} (${help}): ${target.join(" ")}: ${failureSummary}`));
}"""


def complaints(page: Page, *rules: str) -> list[str]:
    """Every breach of level A or AA, or of these rules alone, with the element it is about."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe())
    # Colours are judged as they end up, not on their way there. What is broken off is not on its way any more.
    page.evaluate(
        "Promise.allSettled(document.getAnimations().map(one => one.effect.getTiming().iterations < 9 && one.finished))"
    )
    wanted = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": list(STANDARDS)}
    return list(page.evaluate(_RUN, wanted))
