// Copying, also on plain-http addresses where navigator.clipboard is missing; and the card that a citation mark shows.

const writeText = async (text) => {
  if (navigator.clipboard && isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("copy refused");
};

// An answer is copied as it looks: selected and copied, so that tables and lists survive a paste into a letter.
function copyElement(element) {
  const selection = getSelection();
  const before = selection.rangeCount ? selection.getRangeAt(0) : null;
  selection.selectAllChildren(element);
  const done = document.execCommand("copy");
  selection.removeAllRanges();
  if (before) selection.addRange(before);
  if (!done) throw new Error("copy refused");
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const message = button.closest(".message");
  let said = "Copied";
  try {
    if (button.dataset.copy === "code") await writeText(button.closest("figure").querySelector("code").textContent);
    else if (button.dataset.copy === "question") await writeText(message.querySelector(".bubble").textContent);
    else copyElement(message.querySelector(".prose"));
  } catch {
    said = "Could not copy. Select the text and copy it.";
  }
  document.getElementById("announcer").textContent = said;
  const use = button.querySelector("use");
  if (use && said === "Copied") {
    const before = use.getAttribute("href");
    use.setAttribute("href", before.replace(/#.*/, "#check"));
    setTimeout(() => use.setAttribute("href", before), 1600);
  } else if (!use) {
    button.textContent = said;
    setTimeout(() => (button.textContent = "Copy"), 1600);
  }
});

// File, page and two lines of a source, while the mark is pointed at or has the focus.
const card = document.getElementById("cite-card");

function showCard(mark) {
  const number = mark.dataset.citation;
  const source = mark.closest(".message")?.querySelector(`[data-source="${number}"]`);
  if (!source) return;
  const name = document.createElement("strong");
  name.className = "clip";
  name.textContent = `${source.querySelector(".clip").textContent}, ${source.querySelector(".source-page").textContent}`;
  const quote = document.createElement("p");
  quote.textContent = source.querySelector(".source-quote").textContent;
  card.replaceChildren(name, quote);
  card.showPopover();
  const at = mark.getBoundingClientRect();
  const size = card.getBoundingClientRect();
  const below = at.bottom + 6 + size.height < innerHeight;
  card.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
  card.style.top = `${below ? at.bottom + 6 : at.top - size.height - 6}px`;
}

const hideCard = () => card?.matches(":popover-open") && card.hidePopover();
const markAt = (event) => event.target.closest?.("[data-citation]");
if (card) {
  document.addEventListener("mouseover", (event) => markAt(event) && showCard(markAt(event)));
  document.addEventListener("mouseout", (event) => markAt(event) && hideCard());
  document.addEventListener("focusin", (event) => (markAt(event) ? showCard(markAt(event)) : hideCard()));
  document.addEventListener("click", hideCard);
  document.addEventListener("scroll", hideCard, { capture: true, passive: true });
}
