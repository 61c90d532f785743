// The search page keeps its words while one looks at what was found: in this tab alone, until signing out clears it.

import { said } from "./refusals.js";

const UNREACHED = "This could not be searched for just now. Your words still stand in the field: try again in a moment.";
const failed = document.getElementById("search-failed");
const form = document.getElementById("search-form");
const results = document.getElementById("results");
const KEY = form.dataset.keeps ?? "search";

const fields = () => [...form.elements].filter((one) => one.name && one.name !== "csrfmiddlewaretoken" && one.type !== "submit");

const kept = {
  get: () => { try { return JSON.parse(sessionStorage.getItem(KEY)); } catch { return null; } },
  set: (values) => { try { sessionStorage.setItem(KEY, JSON.stringify(values)); } catch { /* for this page only */ } },
};

form.addEventListener("submit", () => kept.set(fields().map(({ name, value }) => [name, value])));

// Another choice among the filters is searched with at once, if there is anything to search for.
form.addEventListener("change", ({ target }) => {
  if (target.matches(".search-filters select") && form.elements.q.value.trim()) form.requestSubmit();
});

// From a result: the same words, there alone. Without scripts the button sends the form with it.
results.addEventListener("click", (event) => {
  const button = event.target.closest("[data-only]");
  if (!button) return;
  event.preventDefault();
  // Not by form.elements: the buttons of the results belong to the form, too, and have the same name.
  const select = form.querySelector(`select[name="${button.dataset.only}"]`);
  if (![...select.options].some((one) => one.value === button.value)) {
    select.add(new Option(button.closest(".hit").querySelector(".hit-title").textContent, button.value));
  }
  select.value = button.value;
  select.closest("details").open = true;
  form.elements.q.focus();
  form.requestSubmit();
});

// Back from a chat: the same words, the same filters.
addEventListener("load", () => {
  const isBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
  const values = isBack && !results.querySelector(".hits") && kept.get();
  if (!values) return;
  for (const [name, value] of values) {
    const field = form.querySelector(`:is(input, select)[name="${name}"]`);
    if (field) field.value = value;
  }
  form.requestSubmit();
});

// What follows is read on from where the button was that had the focus.
let shown = null;
document.addEventListener("htmx:before:swap", ({ detail: { ctx } }) => {
  if (ctx.response?.status < 400) failed.hidden = true;
  shown = ctx.sourceElement?.matches?.("[data-more-hits]") ? results.querySelectorAll(".hit").length : null;
});
document.addEventListener("htmx:after:swap", () => {
  if (shown !== null) results.querySelectorAll(".hit-title")[shown]?.focus();
  shown = null;
});

function sayWhy(text) {
  failed.querySelector("span").textContent = text;
  failed.hidden = false;
}
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  sayWhy(ctx.response.status === 429 ? said(ctx.text, 429) : UNREACHED);
});
document.addEventListener("htmx:error", () => sayWhy(UNREACHED));
