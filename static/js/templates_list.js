// The list of templates above the question, chosen from by name; what their gaps stand for is asked in a small form. The
// field keeps the focus and names the chosen one, as the palette does.

const field = document.getElementById("question");
const button = document.querySelector("[data-templates]");
const note = document.getElementById("composer-note");
const GONE = "The templates could not be fetched. Your text is kept: try again in a moment.";

function make(name, attributes, ...content) {
  const element = Object.assign(document.createElement(name), attributes);
  element.append(...content);
  return element;
}

const list = make("ul", { id: "templates", className: "templates palette-list", role: "listbox", ariaLabel: "Prompt templates", hidden: true });
const status = make("p", { className: "visually-hidden", role: "status" });
field.before(list);
field.after(status);
field.setAttribute("aria-autocomplete", "list");
field.setAttribute("aria-controls", list.id);

let options = null;
let active = null;
let wanted = false; // a slash stands there, and nobody said no
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toUpperCase().toLowerCase();
const typed = () => /^\/([^\n]{0,80})$/.exec(field.value)?.[1];

async function get(url) {
  const response = await fetch(url, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(String(response.status));
  return response.json();
}

const styled = new Promise((resolve) => {
  const link = make("link", { rel: "stylesheet", href: button.dataset.style });
  link.addEventListener("load", resolve);
  link.addEventListener("error", resolve); // plain, but of use
  document.head.append(link);
});

// Resolves with how many there are, as far as that is known.
export async function open() {
  wanted = true;
  await styled;
  show();
  try {
    const { templates } = await get(button.dataset.templates);
    options = templates.map(({ name, about, url }, number) => {
      const words = [make("span", { className: "template-name clip" }, name), make("span", { className: "template-about clip" }, about)];
      const item = make("li", { id: `template-${number}`, role: "option", ariaSelected: "false" }, ...words);
      Object.assign(item.dataset, { url, name });
      return item;
    });
  } catch {
    note.textContent = GONE;
    return undefined;
  }
  if (wanted) show();
  return options.length;
}

function show() {
  const query = typed();
  const words = plain(query ?? "").split(/\s+/).filter(Boolean);
  const found = (query === undefined ? [] : options ?? []).filter((item) => words.every((word) => plain(item.dataset.name).includes(word)));
  list.replaceChildren(...found);
  list.hidden = !found.length;
  choose(found[0]);
  if (options && query !== undefined) status.textContent = found.length ? `${found.length} templates. Up and down choose one, Enter takes it.` : "No template has this name.";
}

function close() {
  wanted = false;
  list.hidden = true;
  status.textContent = "";
  choose(null);
}

function choose(item) {
  active?.setAttribute("aria-selected", "false");
  active = item ?? null;
  active?.setAttribute("aria-selected", "true");
  active?.scrollIntoView({ block: "nearest" });
  if (active) field.setAttribute("aria-activedescendant", active.id);
  else field.removeAttribute("aria-activedescendant");
}

async function take(item) {
  close();
  try {
    const { name, parts, gaps } = await get(item.dataset.url);
    const values = gaps.length ? await ask(name, gaps) : [];
    if (values) insert(parts.map((part) => (typeof part === "number" ? values[part] : part)).join(""));
  } catch {
    note.textContent = GONE;
  }
}

function insert(text) {
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true })); // the draft is kept, the field grows
  close();
  field.focus();
  field.setSelectionRange(text.length, text.length);
}

// Resolves with what was written, or with null when the person thinks better of it.
function ask(name, gaps) {
  const inputs = gaps.map(({ long }, number) => make(long ? "textarea" : "input", { id: `gap-${number}`, required: true, autocomplete: "off", ...(long && { rows: 4 }) }));
  const fields = gaps.map(({ label }, number) => make("div", { className: "field" }, make("label", { htmlFor: `gap-${number}` }, label), inputs[number]));
  const cancel = make("button", { type: "button", className: "button quiet" }, "Cancel");
  const form = make("form", { method: "dialog" }, make("h2", { id: "fill-title" }, name), ...fields, make("div", { className: "row" }, cancel, make("button", { className: "button primary", value: "fill" }, "Fill in")));
  const dialog = make("dialog", { className: "dialog fill" }, form);
  dialog.setAttribute("aria-labelledby", "fill-title");
  cancel.addEventListener("click", () => dialog.close());
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(form.querySelector(".primary"));
  });
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "fill" ? inputs.map((input) => input.value) : null);
    });
  });
}

field.addEventListener("input", () => {
  const has = typed() !== undefined;
  if (!has) close();
  else if (wanted) show();
});

// Before composer.js hears the key, which would send the question or stop the answer.
field.addEventListener("keydown", (event) => {
  if (list.hidden || event.isComposing || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return;
  const items = [...list.children];
  const at = items.indexOf(active);
  const step = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: Math.min(at + 5, items.length - 1), PageUp: Math.max(at - 5, 0) }[event.key];
  if (step !== undefined) choose(items.at(step % items.length));
  else if (event.key === "Enter") take(active);
  else if (event.key === "Escape") close();
  else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, { capture: true });

list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
list.addEventListener("click", (event) => {
  const item = event.target.closest("[role=option]");
  if (item) take(item);
});
field.addEventListener("blur", close);
