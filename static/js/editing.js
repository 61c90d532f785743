// A question that is being edited in its place: the field has the focus, Esc gives up, Ctrl+Enter sends, and what could not
// be sent stays, with the reason beside it.

import { said, why } from "./refusals.js";

const isTall = !CSS.supports("field-sizing", "content");
const fieldAt = (target) => target.closest?.("[data-edit-field]");

function fit(field) {
  if (!isTall) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

const tell = (form, text) => (form.querySelector(".edit-note").textContent = text);

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (!ctx.sourceElement?.matches?.("[data-edit], [data-cancel-edit]")) return;
  const id = /messages\/([^/]+)/.exec(ctx.request.action)?.[1];
  const bubble = document.getElementById(`m-${id}`);
  const field = bubble?.querySelector("[data-edit-field]");
  if (!field) return bubble?.querySelector("[data-edit]")?.focus({ preventScroll: true });
  fit(field);
  field.focus({ preventScroll: true });
  field.setSelectionRange(field.value.length, field.value.length);
  bubble.scrollIntoView({ block: "nearest" });
});

document.addEventListener("input", ({ target }) => {
  const field = fieldAt(target);
  if (!field) return;
  fit(field);
  tell(field.form, "");
});

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
  const { status } = ctx.response;
  if (status >= 400 && ctx.sourceElement.matches("form.edit")) tell(ctx.sourceElement, said(ctx.text, status));
});
document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx?.sourceElement?.matches?.("form.edit")) tell(ctx.sourceElement, why(0));
});
