// The library: staying up to date with and without a socket, and renaming. Uploads are in uploading.js.

import { start } from "./uploading.js";

const at = (id) => document.getElementById(id);

// --- Staying up to date -------------------------------------------------------------------------------------------
// Rows are pushed through the socket. The list asks for itself again after a gap, for rows it does not know, and every
// few seconds while the socket is down.

const POLL = 4000;
let asked = null;
let polling = null;
let connected = false;
let counted = 0;
const unknown = new Set();

function refresh(wait = 150) {
  clearTimeout(asked);
  asked = setTimeout(() => {
    const list = at("documents");
    const isBusy = !list || list.querySelector("details.menu[open]") || document.querySelector("[data-mark]:checked");
    if (!isBusy) htmx.trigger(list, "documents:refresh");
  }, wait);
}

function poll(on) {
  clearInterval(polling);
  polling = on ? setInterval(() => document.hidden || refresh(), POLL) : null;
  if (at("socket-note")) at("socket-note").hidden = !on;
}

document.addEventListener("htmx:after:ws:connection", () => {
  connected = true;
  poll(false);
  refresh();
});
document.addEventListener("htmx:ws:close", () => {
  connected = false;
  // A hidden page closes its socket by itself and opens it when it is looked at again.
  if (!document.hidden) poll(true);
});
setTimeout(() => connected || polling || poll(true), POLL);
document.addEventListener("htmx:after:ws:message", ({ detail }) => {
  const text = detail.message.text ?? "";
  const id = text.match(/id="(document-[0-9a-f-]{36})"/)?.[1];
  const gone = text.includes('hx-swap-oob="delete"');
  if (!id) return;
  if (gone || !(at(id) || unknown.has(id))) {
    unknown.add(id);
    refresh();
  } else if (at("documents")?.querySelector(".reading") && Date.now() - counted > 2000) {
    // How far all of it is stands above the list.
    counted = Date.now();
    refresh(2000);
  }
});

// Choosing in a list shows it at once; what is typed after a moment.
document.addEventListener("change", ({ target }) => target.matches("[data-submits]") && at("find").requestSubmit());
let typed = null;
at("find-words")?.addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(() => at("find").requestSubmit(), 350);
});

// htmx may have read the page before its socket extension was there; reading it again connects what was left out.
htmx.process(document.querySelector(".library"));

if (at("upload-form")) start(refresh);

// --- Renaming -----------------------------------------------------------------------------------------------------
// Without this script the menu's link leads to the form on the document's own page.

const dialog = at("rename");
if (dialog) {
  const field = at("rename-name");
  const error = at("rename-error");
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-rename]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    link.closest("details").open = false;
    dialog.querySelector("form").action = link.dataset.rename;
    error.hidden = true;
    field.value = link.dataset.name;
    dialog.showModal();
    const dot = field.value.lastIndexOf(".");
    field.setSelectionRange(0, dot > 0 ? dot : field.value.length);
  });
  dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const say = (words) => {
      error.textContent = words;
      error.hidden = false;
    };
    try {
      const response = await fetch(event.target.action, {
        method: "POST",
        body: new FormData(event.target),
        headers: { "HX-Request": "true" },
      });
      if (response.status === 422) return say(await response.text());
      if (response.status !== 200) return say("It could not be renamed. Reload this page and try again.");
    } catch {
      return say("The connection broke. Try again.");
    }
    dialog.close();
    refresh();
  });
}
