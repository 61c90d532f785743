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

// Whoever types on while a question is under way keeps what came after it.
let sent = "";

function empty() {
  field.value = field.value.startsWith(sent) ? field.value.slice(sent.length).trimStart() : field.value;
  store.set(field.value);
  changed();
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
    // The button goes with the answer. Not after a tap, which would open the keyboard of a phone.
    if (stop.matches(":focus-visible")) field.focus({ preventScroll: true });
    stop.disabled = true;
    const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, "HX-Request": "true", "HX-Current-URL": location.href };
    try {
      const response = await fetch(stop.getAttribute("formaction"), { method: "POST", headers });
      const elsewhere = response.headers.get("HX-Redirect"); // to sign in again
      if (elsewhere) location.assign(elsewhere);
      else if (!response.ok) note.textContent = why(response.status, false);
    } catch {
      note.textContent = why(0, false);
    }
    stop.disabled = false;
  }
  const again = event.target.closest?.("[data-again]");
  if (again) {
    const url = `${again.closest("[data-url]").dataset.url}/regenerate`;
    const menu = document.querySelector("#again form");
    menu.setAttribute("hx-post", url);
    menu.action = url;
  }
});

// A question means the answer that its writer read last, whatever other tabs did meanwhile.
document.addEventListener("submit", ({ target }) => {
  if (target !== form) return;
  sent = field.value;
  const after = form.elements.after;
  if (after) after.value = document.querySelector("#messages > .message:last-of-type")?.dataset.message ?? "";
}, { capture: true });

// Any request of the page may fail. Some forms have a place for what went wrong in them, and some a module of their own;
// for all others the composer is where the reader looks.
const noteOf = (source) => source.querySelector?.(":scope > [role=alert]") ?? note;

function tell(ctx, words) {
  if (ctx?.request?.method !== "POST" || ctx.sourceElement.closest("[data-says-errors]")) return;
  noteOf(ctx.sourceElement).textContent = words(ctx.sourceElement === form);
}

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  const { status } = ctx.response;
  if (status >= 400) return tell(ctx, (isText) => said(ctx.text, status, isText));
  // To sign in again, for one: what was written has not arrived.
  if (ctx.hx?.redirect && !ctx.hx.redirect.startsWith("/chats/")) return;
  const place = noteOf(ctx.sourceElement);
  if (ctx.sourceElement === form || place !== note) place.textContent = "";
  if (ctx.request.method === "POST" && ctx.sourceElement.closest("#again")) document.getElementById("again").hidePopover();
  if (ctx.sourceElement.matches("[data-close-menu]")) ctx.sourceElement.closest("details").open = false;
  if (ctx.sourceElement === form) empty();
});
document.addEventListener("htmx:error", ({ detail: { ctx } }) => tell(ctx, (isText) => why(0, isText)));

// The chat may have been named since the page came. Who has begun to type a name goes on.
const title = document.getElementById("chat-title");
let named = title?.textContent;
document.querySelector(".rename")?.closest("details").addEventListener("toggle", ({ target }) => {
  if (!target.open || title.textContent === named) return;
  named = document.getElementById("title").value = title.textContent;
});

if (!field.value) field.value = store.get();
changed();

// Pictures, chosen, dropped or pasted, have a module of their own, which is loaded for the first of them: those of this
// question, or of an earlier one that is being edited.
const formAt = (target) => target.closest?.("form.edit") ?? form;
const picturesOf = (one) => import(form.dataset.images).then((module) => module.of(one));
const take = (files, target) => picturesOf(formAt(target)).then((pictures) => pictures.add(files));

document.addEventListener("click", ({ target }) => target.closest?.("[data-add-pictures]")?.previousElementSibling.click());
document.addEventListener("change", ({ target }) => {
  if (!target.matches("[data-pictures-file]")) return;
  take([...target.files], target);
  target.value = "";
});
document.addEventListener("paste", (event) => {
  // What has words too, from a word processor, is pasted as words.
  const { files, types } = event.clipboardData;
  if (!files.length || types.includes("text/plain") || !event.target.matches?.("#question, [data-edit-field]")) return;
  event.preventDefault();
  take([...files], event.target);
});
const dropping = (one = null) => [form, ...document.querySelectorAll("form.edit")].forEach((it) => it.toggleAttribute("data-dropping", it === one));
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    dropping(kind === "dragover" ? formAt(event.target) : null);
    if (kind === "drop") take([...event.dataTransfer.files], event.target);
  });
}
document.addEventListener("dragleave", (event) => event.relatedTarget || dropping());
try {
  if (localStorage.getItem(`pictures:${form.dataset.draft}`)) picturesOf(form);
} catch { /* no draft */ }

// What only some need comes when it is approached.
const compare = form.querySelector(".compare");
const readyToCompare = () => import(compare.dataset.module);
for (const name of ["pointerover", "focusin"]) compare?.addEventListener(name, readyToCompare, { once: true });
if (compare?.querySelector(":checked")) readyToCompare();
