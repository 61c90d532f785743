// The palette: finds chats by their titles, and commands by their names.

const palette = document.getElementById("palette");
const input = document.getElementById("palette-input");
const list = document.getElementById("palette-list");
const status = document.getElementById("palette-status");
const SHOWN_CHATS = 20;
const commands = [...list.children];
let run = {};
let chats = null;
let active = null;

// Upper case first: ß becomes ss.
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toUpperCase().toLowerCase();
const matches = (text, words) => words.every((word) => text.includes(word));

// `actions`: what each command does, by its name. The palette is open.
export function open(actions) {
  run = actions;
  fill();
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
  if (palette.open) fill(active);
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
function fill(kept) {
  const words = plain(input.value).split(/\s+/).filter(Boolean);
  const fits = (item) => matches(plain(item.textContent), words);
  const actions = commands.filter((item) => isPossible(item) && fits(item));
  const found = (chats || []).filter(fits).slice(0, SHOWN_CHATS);
  // Who types a title wants the chat; who types nothing wants to see what can be done.
  list.replaceChildren(...(words.length ? [...found, ...actions] : [...actions, ...found]));
  const isKept = (item) => item === kept || (kept && item.dataset.href && item.dataset.href === kept.dataset.href);
  choose([...list.children].find(isKept) ?? list.firstElementChild);
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

export const enter = () => take(active);

function take(item) {
  if (!item) return;
  palette.close();
  if (item.dataset.href) location.assign(item.dataset.href);
  else run[item.dataset.command]();
}

input.addEventListener("input", () => fill());
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

