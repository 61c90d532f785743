// Keys, the list of them, and the way to the palette, which has a module of its own.
// Everything a key does can be reached by a control too; most keys press that control.

const palette = document.getElementById("palette");
const keys = document.getElementById("keys");
const single = document.getElementById("single-keys");
const last = (selector) => [...document.querySelectorAll(selector)].at(-1);

const run = {
  write: () => document.getElementById("question")?.focus(),
  copy: () => last("[data-copy='answer']")?.click(),
  edit: () => last(".question [data-edit]")?.click(),
  stop: () => document.querySelector("#composer[data-busy] [data-stop-answer]")?.click(),
  sidebar: () => {
    const wide = matchMedia("(min-width: 821px)").matches;
    if (wide) document.querySelector("#sidebar [data-toggle-sidebar]")?.click();
    else document.getElementById("sidebar")?.togglePopover();
  },
  light: () => document.querySelector("[data-theme-choice='light']")?.click(),
  dark: () => document.querySelector("[data-theme-choice='dark']")?.click(),
  system: () => document.querySelector("[data-theme-choice='system']")?.click(),
  keys: () => keys.showModal(),
  find: openPalette,
};

let chooser = null; // palette.js

async function openPalette() {
  if (palette.open) return;
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  const input = document.getElementById("palette-input");
  input.value = "";
  palette.showModal();
  // Who types faster than the module comes is understood all the same.
  let entered = null;
  const hear = (event) => event.key === "Enter" && !event.isComposing && (entered = event);
  if (!chooser) {
    input.addEventListener("keydown", hear);
    chooser = await import(palette.dataset.module);
    input.removeEventListener("keydown", hear);
  }
  chooser.open(run);
  if (entered && !entered.defaultPrevented) chooser.enter();
}

document.addEventListener("click", ({ target }) => {
  const command = target.closest?.("button[data-command]");
  if (command) run[command.dataset.command]();
  if (target.closest?.("[data-close-dialog]") || target === palette || target === keys) target.closest("dialog").close();
});

// --- Keys -------------------------------------------------------------------------------------------------------------

// Single keys can be switched off: speech input and shaky hands press them by accident.
const remembered = { get: () => { try { return localStorage.getItem("single-keys"); } catch { return null; } } };
single.checked = remembered.get() !== "off";
single.addEventListener("change", () => {
  try { localStorage.setItem("single-keys", single.checked ? "on" : "off"); } catch { /* for this page only */ }
});

const isField = (element) => element?.matches?.("input, textarea, select, [contenteditable]");

function search() {
  const field = document.querySelector("main input[type=search]");
  if (field) field.focus();
  else if (keys.dataset.search) location.assign(keys.dataset.search);
  else openPalette();
}

const withControl = { k: "find", b: "sidebar" };

function meaning(event) {
  const control = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (control && event.shiftKey) return { c: "copy", o: "new" }[key];
  if (control) return key === "enter" ? "send" : withControl[key];
  if (event.key === "Escape" && event.shiftKey) return "write";
  if (event.key === "ArrowUp" && event.target.id === "question" && !event.target.value) return "edit";
  if (!single.checked || isField(event.target)) return undefined;
  return { "/": "search", "?": "keys" }[event.key];
}

Object.assign(run, {
  search,
  new: () => document.querySelector("[data-new-chat]")?.click(),
  send: () => {
    const field = document.getElementById("question");
    // In the field, composer.js hears the key.
    if (field?.value.trim() && document.activeElement !== field) document.querySelector("#composer .send:not(.stop)").click();
  },
});

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.altKey || event.repeat) return;
  const name = meaning(event);
  const dialog = document.querySelector("dialog[open]");
  if (!name || (dialog && !(name === "find" && dialog === keys))) return;
  // A key for something that is not there keeps its meaning in the browser: Ctrl+Shift+C, for one.
  const needs = { copy: "[data-copy='answer']", edit: ".question [data-edit]", write: "#question", send: "#question" }[name];
  if (needs && !document.querySelector(needs)) return;
  if (name !== "send" || document.activeElement?.id !== "question") event.preventDefault();
  run[name]();
});
