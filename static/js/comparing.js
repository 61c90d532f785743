// Answers side by side: which column a phone shows, and in the composer how many models are compared.

const MOST = 4;
const composer = document.getElementById("composer");
const boxes = [...(composer?.querySelectorAll("[data-compare]") ?? [])];

function count() {
  const chosen = boxes.filter((box) => box.checked).length;
  for (const box of boxes) box.disabled = !box.checked && chosen >= MOST;
  const words = composer.querySelector("[data-compare-count]");
  words.textContent = chosen || "";
  const label = chosen ? `Compare models: ${chosen} chosen` : "Compare models";
  words.closest("summary").setAttribute("aria-label", label);
}

if (boxes.length) {
  const { style } = composer.querySelector(".compare").dataset;
  if (!document.querySelector(`link[href="${style}"]`)) {
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: style }));
  }
  composer.addEventListener("change", (event) => event.target.matches("[data-compare]") && count());
  count(); // a page that the browser shows again may have some checked
}

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (ctx.response.status >= 400) return;
  // The next question goes to one model again: to the one that was chosen.
  if (ctx.sourceElement === composer && boxes.length) {
    for (const box of boxes) box.checked = false;
    count();
  }
  const model = ctx.sourceElement.dataset?.choose;
  const select = document.getElementById("model");
  if (model && [...(select?.options ?? [])].some((option) => option.value === model)) select.value = model;
});

document.addEventListener("click", ({ target }) => {
  const tab = target.closest?.("[data-column]");
  if (!tab) return;
  document.getElementById(tab.dataset.column).scrollIntoView({ inline: "start", block: "nearest", behavior: "instant" });
});

// Scrolling does not bubble, but it can be caught on its way down.
document.addEventListener("scroll", ({ target }) => {
  if (!target.matches?.(".columns")) return;
  const at = target.getBoundingClientRect().left;
  const distance = (column) => Math.abs(column.getBoundingClientRect().left - at);
  const nearest = [...target.children].reduce((best, column) => (distance(column) < distance(best) ? column : best));
  for (const tab of target.parentElement.querySelectorAll("[data-column]")) {
    if (tab.dataset.column === nearest.id) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
  }
}, { capture: true, passive: true });

// Each column follows its own text while its reader is at its end. A finished answer begins with its beginning.
const following = new WeakSet();
const isAtEnd = (body) => body.scrollHeight - body.scrollTop - body.clientHeight <= 8;

// Runs between layout and paint, and stays with a column whose bubble is replaced.
const grown = new ResizeObserver((texts) => {
  for (const { target } of texts) if (following.has(target.parentElement)) target.parentElement.scrollTop = target.scrollHeight;
});

function watch() {
  for (const text of document.querySelectorAll(".column-text:not([data-watched])")) {
    const body = text.parentElement;
    text.dataset.watched = "";
    if (text.querySelector("[data-live]")) following.add(body);
    body.addEventListener("scroll", () => (isAtEnd(body) ? following.add(body) : following.delete(body)), { passive: true });
    grown.observe(text);
  }
}

const messages = document.getElementById("messages");
if (messages) new MutationObserver(watch).observe(messages, { childList: true });
watch();
