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

// What a page shows of an answer, for letters: words, tables, lists and formulas, without what belongs to the page.
function contentOf(prose) {
  const copy = prose.cloneNode(true);
  for (const one of copy.querySelectorAll("button, [hidden]")) one.remove();
  for (const mark of copy.querySelectorAll("[data-citation]")) mark.replaceWith(`[${mark.textContent}]`);
  for (const link of copy.querySelectorAll("a[href]")) link.href = link.href;
  for (const one of copy.querySelectorAll("*")) {
    for (const { name } of [...one.attributes]) if (/^(id|class|role|tabindex|(hx|data|aria)-.*)$/.test(name)) one.removeAttribute(name);
  }
  return copy.innerHTML;
}

async function sourceOf(message) {
  const response = await fetch(`${message.dataset.url}/text`);
  if (!response.ok) throw new Error(`the text: ${response.status}`);
  return response.text();
}

// As it looks: selected and copied, which needs neither a safe address nor the server.
function copyElement(element, set = () => {}) {
  const selection = getSelection();
  const before = selection.rangeCount ? selection.getRangeAt(0) : null;
  document.addEventListener("copy", set, { once: true });
  selection.selectAllChildren(element);
  const done = document.execCommand("copy");
  document.removeEventListener("copy", set);
  selection.removeAllRanges();
  if (before) selection.addRange(before);
  if (!done) throw new Error("copy refused");
}

// An answer goes to the clipboard twice: for letters as it looks, and as it was written for where only text goes.
async function copyAnswer(message) {
  const prose = message.querySelector(".prose");
  const html = contentOf(prose);
  const source = sourceOf(message);
  // Whoever waits for it says so; until then its failure is nobody's.
  source.catch(() => {});
  try {
    if (navigator.clipboard?.write && isSecureContext) {
      // The text is promised: the clipboard opens only while the click is being handled.
      const plain = source.then((text) => new Blob([text], { type: "text/plain" }));
      plain.catch(() => {}); // also where the clipboard gives up first
      const item = new ClipboardItem({ "text/html": new Blob([html], { type: "text/html" }), "text/plain": plain });
      return await navigator.clipboard.write([item]);
    }
    const text = await source;
    copyElement(prose, (event) => {
      event.clipboardData.setData("text/html", html);
      event.clipboardData.setData("text/plain", text);
      event.preventDefault();
    });
  } catch {
    copyElement(prose);
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const message = button.closest(".message");
  let said = "Copied";
  try {
    if (button.dataset.copy === "code") await writeText(button.closest("figure").querySelector("code").textContent);
    else if (button.dataset.copy === "question") await writeText(message.querySelector(".bubble").textContent);
    else await copyAnswer(message);
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
