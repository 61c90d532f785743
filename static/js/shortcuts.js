// Keys, the list of them, and the palette that finds chats by title and commands by name.
// Everything a key does can be reached by a control too; most keys press that control.

const palette = document.getElementById("palette");
const input = document.getElementById("palette-input");
const list = document.getElementById("palette-list");
const status = document.getElementById("palette-status");
const keys = document.getElementById("keys");
const single = document.getElementById("single-keys");
const SHOWN_CHATS = 20;
const commands = [...list.children];
const last = (selector) => [...document.querySelectorAll(selector)].at(-1);
let chats = null;
let active = null;

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

// --- The palette ------------------------------------------------------------------------------------------------------

// Upper case first: ß becomes ss.
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toUpperCase().toLowerCase();
const matches = (text, words) => words.every((word) => text.includes(word));

function openPalette() {
  if (palette.open) return;
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  input.value = "";
  palette.showModal();
  show();
  fetchChats(); // named anew, deleted, begun in other tabs: what was there is shown meanwhile
}

async function fetchChats() {
  try {
    const response = await fetch(palette.dataset.titles, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    chats = (await response.json()).chats.map(option);
  } catch {
    if (!chats) status.textContent = "The chats could not be fetched. Close this and try again.";
    return;
  }
  if (palette.open) show(active);
}

function option({ url, title }, number) {
  const item = document.createElement("li");
  item.id = `palette-chat-${number}`;
  item.role = "option";
  item.dataset.href = url;
  const icon = commands[0].querySelector("svg").cloneNode(true);
  const use = icon.firstElementChild;
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#chat"));
  const name = document.createElement("span");
  name.className = "clip";
  name.textContent = title;
  item.append(icon, name);
  return item;
}

const isPossible = (item) => !item.dataset.needs || document.querySelector(item.dataset.needs);

// `kept`: what stays chosen, when nothing was typed since.
function show(kept) {
  const words = plain(input.value).split(/\s+/).filter(Boolean);
  const fits = (item) => matches(plain(item.textContent), words);
  const actions = commands.filter((item) => isPossible(item) && fits(item));
  const found = (chats || []).filter(fits).slice(0, SHOWN_CHATS);
  // Who types a title wants the chat; who types nothing wants to see what can be done.
  list.replaceChildren(...(words.length ? [...found, ...actions] : [...actions, ...found]));
  choose(kept?.parentElement === list ? kept : list.firstElementChild);
  const count = list.childElementCount;
  status.textContent = count ? `${count} found` : "Nothing has this name. Older chats are found by searching.";
}

function choose(item) {
  active?.setAttribute("aria-selected", "false");
  active = item;
  item?.setAttribute("aria-selected", "true");
  item?.scrollIntoView({ block: "nearest" });
  if (item) input.setAttribute("aria-activedescendant", item.id);
  else input.removeAttribute("aria-activedescendant");
}

function take(item) {
  if (!item) return;
  palette.close();
  if (item.dataset.href) location.assign(item.dataset.href);
  else run[item.dataset.command]();
}

input.addEventListener("input", () => show());
input.addEventListener("keydown", (event) => {
  if (event.isComposing) return;
  const items = [...list.children];
  const at = items.indexOf(active);
  const step = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: Math.min(at + 8, items.length - 1), PageUp: Math.max(at - 8, 0) }[event.key];
  if (step !== undefined && items.length) choose(items.at(step % items.length));
  else if (event.key === "Enter") take(active);
  else return;
  event.preventDefault();
});
list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
list.addEventListener("click", (event) => take(event.target.closest("[role=option]")));

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
