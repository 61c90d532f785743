// The field where questions are written: keys, draft, limits, and words for a post that failed.

import { said, why } from "./refusals.js";

const form = document.getElementById("composer");
const field = document.getElementById("question");
const note = document.getElementById("composer-note");
const count = document.getElementById("composer-count");
const draftKey = `draft:${form.dataset.draft}`;
const limit = Number(form.dataset.max) || Infinity;
const tall = !CSS.supports("field-sizing", "content");
const wait = "Wait for the answer, or stop it with Esc.";
const isBusy = () => form.hasAttribute("data-busy");

// Storage may be full or forbidden; a draft is a kindness, not a promise.
const store = {
  get: () => { try { return localStorage.getItem(draftKey) || ""; } catch { return ""; } },
  set: (text) => { try { text ? localStorage.setItem(draftKey, text) : localStorage.removeItem(draftKey); } catch { /* no draft */ } },
};

function changed() {
  if (tall) {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  }
  const left = limit - field.value.length;
  count.hidden = left > limit / 10;
  count.textContent = left < 0 ? `${(-left).toLocaleString("en")} characters too many` : `${left.toLocaleString("en")} characters left`;
}

function fill(text) {
  field.value = text;
  store.set(text);
  changed();
  field.focus();
  field.setSelectionRange(text.length, text.length);
}

field.addEventListener("input", () => {
  store.set(field.value);
  note.textContent = "";
  changed();
});

field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || event.shiftKey || event.altKey) return;
  event.preventDefault();
  if (!field.value.trim() && !form.querySelector("[data-picture]")) return;
  if (isBusy()) note.textContent = wait;
  else form.requestSubmit(form.querySelector(".send:not(.stop)"));
});
new MutationObserver(() => {
  if (!isBusy() && note.textContent === wait) note.textContent = "";
}).observe(form, { attributeFilter: ["data-busy"] });

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && isBusy() && !document.querySelector(":popover-open, dialog[open]")) {
    form.querySelector("[data-stop-answer]").click();
  }
});

document.addEventListener("click", async (event) => {
  const example = event.target.closest?.("[data-example]");
  if (example) fill(example.textContent.trim());
  const stop = event.target.closest?.("[data-stop-answer]");
  if (stop) {
    event.preventDefault();
    stop.disabled = true;
    const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, "HX-Request": "true" };
    try {
      const response = await fetch(stop.getAttribute("formaction"), { method: "POST", headers });
      if (!response.ok) note.textContent = why(response.status);
    } catch {
      note.textContent = why(0);
    }
    stop.disabled = false;
  }
  const again = event.target.closest?.("[data-again]");
  if (again) {
    const url = again.closest("form").getAttribute("action");
    const menu = document.querySelector("#again form");
    menu.setAttribute("hx-post", url);
    menu.action = url;
  }
});

// A question means the answer that its writer read last, whatever other tabs did meanwhile.
document.addEventListener("submit", ({ target }) => {
  const after = target === form && form.elements.after;
  if (after) after.value = document.querySelector("#messages > .message:last-of-type")?.dataset.message ?? "";
}, { capture: true });

// Any request of the page may fail; the composer is where the reader looks.
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  // Some forms say by themselves what went wrong in them.
  if (ctx.sourceElement.closest("[data-says-errors]")) return;
  const { status } = ctx.response;
  if (status >= 400) {
    if (ctx.request.method === "POST") note.textContent = said(ctx.text, status);
    return;
  }
  if (ctx.request.method === "POST" && ctx.sourceElement.closest("#again")) document.getElementById("again").hidePopover();
  if (ctx.sourceElement.matches("[data-close-menu]")) ctx.sourceElement.closest("details").open = false;
  if (ctx.sourceElement !== form) return;
  note.textContent = "";
  field.value = "";
  store.set("");
  changed();
});
document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx?.request?.method === "POST" && !ctx.sourceElement.closest("[data-says-errors]")) note.textContent = why(0);
});

if (!field.value) field.value = store.get();
changed();

// Pictures, chosen, dropped or pasted, have a module of their own, which is loaded for the first of them.
const chooser = document.getElementById("pictures-file");
let loading = null;
const pictures = () => (loading ??= import(form.dataset.images));
const take = (files) => pictures().then((module) => module.add(files));

form.querySelector("[data-add-pictures]").addEventListener("click", () => chooser.click());
chooser.addEventListener("change", () => {
  take([...chooser.files]);
  chooser.value = "";
});
field.addEventListener("paste", (event) => {
  // What has words too, from a word processor, is pasted as words.
  const { files, types } = event.clipboardData;
  if (!files.length || types.includes("text/plain")) return;
  event.preventDefault();
  take([...files]);
});
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    form.toggleAttribute("data-dropping", kind === "dragover");
    if (kind === "drop") take([...event.dataTransfer.files]);
  });
}
document.addEventListener("dragleave", (event) => event.relatedTarget || form.removeAttribute("data-dropping"));
try {
  if (localStorage.getItem(`pictures:${form.dataset.draft}`)) pictures();
} catch { /* no draft */ }

// What only some need comes when it is approached.
const compare = form.querySelector(".compare");
const readyToCompare = () => import(compare.dataset.module);
for (const name of ["pointerover", "focusin"]) compare?.addEventListener(name, readyToCompare, { once: true });
if (compare?.querySelector(":checked")) readyToCompare();
