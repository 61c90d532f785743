// A question that is being edited in its place: the field has the focus, Esc gives up, Ctrl+Enter sends, and what could not
// be sent stays, with the reason beside it. Until it is sent or given up the text is kept here, as the composer's is: it
// stands in its place again when the page comes back, or when what the page shows was replaced. So are its pictures (images.js).

import { said, why } from "./refusals.js";

const messages = document.getElementById("messages");
const isTall = !CSS.supports("field-sizing", "content");
const fieldAt = (target) => target.closest?.("[data-edit-field]");

const keyOf = (bubble) => `edit:${bubble.dataset.message}`;
const picturesKey = (bubble) => `pictures:${bubble.dataset.message}`;
const store = {
  // Of questions of which the text or the pictures are kept. A chat's own pictures are among them, which are no message's.
  ids: () => { try { return new Set(Object.keys(localStorage).map((key) => /^(?:edit|pictures):([0-9a-f-]{36})$/.exec(key)?.[1]).filter(Boolean)); } catch { return []; } },
  get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
  set: (key, text) => { try { text === null ? localStorage.removeItem(key) : localStorage.setItem(key, text); } catch { /* not kept */ } },
};

function fit(field) {
  if (!isTall) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

function forget(bubble) {
  store.set(keyOf(bubble), null);
  store.set(picturesKey(bubble), null);
}

const tell = (form, text) => (form.querySelector(".edit-note").textContent = text);

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (!ctx.sourceElement?.matches?.("[data-edit], [data-cancel-edit]")) return ctx.target === messages && reopen();
  const id = /messages\/([^/]+)/.exec(ctx.request.action)?.[1];
  const bubble = document.getElementById(`m-${id}`);
  const field = bubble?.querySelector("[data-edit-field]");
  if (!field) return bubble?.querySelector("[data-edit]")?.focus({ preventScroll: true });
  field.value = store.get(keyOf(bubble)) ?? field.value;
  fit(field);
  if (bubble.querySelector("[data-kept]") || store.get(picturesKey(bubble)) !== null) {
    import(document.getElementById("composer").dataset.images).then((module) => module.of(field.form));
  }
  field.focus({ preventScroll: true });
  field.setSelectionRange(field.value.length, field.value.length);
  bubble.scrollIntoView({ block: "nearest" });
});

function reopen() {
  if (messages.querySelector(".editing")) return;
  for (const id of store.ids()) document.querySelector(`#m-${id} [data-edit]`)?.click();
}
addEventListener("load", reopen);

document.addEventListener("input", ({ target }) => {
  const field = fieldAt(target);
  if (!field) return;
  fit(field);
  store.set(keyOf(field.closest(".message")), field.value === field.defaultValue ? null : field.value);
  tell(field.form, "");
});

// Before htmx, which brings the question back as it was.
document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-cancel-edit]")) forget(target.closest(".message"));
}, { capture: true });

// Before the page's own keys: here Esc means this field, and stops no answer.
document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("form.edit");
  if (!form || event.isComposing) return;
  if (event.key === "Escape") form.querySelector("[data-cancel-edit]").click();
  else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  else return;
  event.preventDefault();
  event.stopPropagation();
}, { capture: true });

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (!ctx.sourceElement.matches("form.edit")) return;
  const { status } = ctx.response;
  if (status >= 400) tell(ctx.sourceElement, said(ctx.text, status));
  else if (!ctx.hx?.redirect) forget(ctx.sourceElement.closest(".message"));
});
document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx?.sourceElement?.matches?.("form.edit")) tell(ctx.sourceElement, why(0));
});
