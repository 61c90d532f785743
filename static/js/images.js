// Pictures of the question that is being written: adding, removing, the text in them, and a model that sees them.
// Loaded by composer.js for the first picture. What was added lies on the server; its ids are the draft.

const form = document.getElementById("composer");
const list = document.getElementById("waiting");
const field = document.getElementById("question");
const note = document.getElementById("composer-note");
const announcer = document.getElementById("announcer");
const select = document.getElementById("model");
const draftKey = `pictures:${form.dataset.draft}`;
const most = Number(list.dataset.most);
const maxSize = Number(list.dataset.maxSize);
const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, "HX-Request": "true" };
const AT_ONCE = 2;
const queue = [];
let running = 0;
let sendAfterwards = false;

const shown = () => [...list.querySelectorAll("[data-picture]")];
const megabytes = Math.floor(maxSize / 1024 / 1024);

if (!document.querySelector(`link[href="${form.dataset.imagesCss}"]`)) {
  const css = document.createElement("link");
  css.rel = "stylesheet";
  css.href = form.dataset.imagesCss;
  document.head.append(css);
}
import(form.dataset.viewer);

// What a model that cannot see is good for is said before anything is asked.
const blind = document.createElement("p");
blind.className = "waiting-note small";
blind.setAttribute("role", "status");
list.after(blind);

export function add(files) {
  note.textContent = "";
  for (const file of files) {
    if (shown().length + list.querySelectorAll(".adding").length >= most) {
      note.textContent = `A question can have ${most} pictures. The others were not added.`;
      break;
    }
    if (file.type && !file.type.startsWith("image/")) problem(file, "This is no picture. Files to ask about are added under Documents.");
    else if (file.size > maxSize) problem(file, `This picture is larger than ${megabytes} MB, so it was not added. Save it smaller and add that.`);
    else queue.push({ file, line: lineFor(file) });
  }
  changed();
  next();
}

function lineFor(file) {
  const line = document.createElement("li");
  line.className = "waiting adding";
  const words = document.createElement("span");
  words.className = "visually-hidden";
  words.textContent = `Adding ${file.name}`;
  line.append(words);
  list.append(line);
  return line;
}

// A picture that was refused says so in its place; the question and the other pictures stay as they are.
function problem(file, words, line = null) {
  const item = document.createElement("li");
  item.className = "waiting-problem";
  const text = document.createElement("span");
  text.setAttribute("role", "alert");
  const name = document.createElement("strong");
  name.textContent = `${file.name}: `;
  text.append(name, words);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link-button";
  button.dataset.dismissProblem = "";
  button.textContent = "Dismiss";
  item.append(text, button);
  line?.remove();
  list.append(item);
}

function next() {
  while (running < AT_ONCE && queue.length) {
    running += 1;
    send(queue.shift()).finally(() => {
      running -= 1;
      changed();
      next();
      if (!running && !queue.length) finished();
    });
  }
}

async function send({ file, line }) {
  const body = new FormData();
  body.append("file", file, file.name);
  try {
    const response = await fetch(list.dataset.upload, { method: "POST", headers, body });
    const text = await response.text();
    if (response.status === 201) {
      line.insertAdjacentHTML("afterend", text);
      line.remove();
      announcer.textContent = `${file.name} was added`;
      return;
    }
    problem(file, said(text, response.status), line);
  } catch {
    problem(file, "The server could not be reached, so this picture was not added. Add it again in a moment.", line);
  }
  sendAfterwards = false;
}

function said(text, status) {
  if ([409, 422, 429].includes(status)) {
    const words = new DOMParser().parseFromString(text, "text/html").body.textContent.trim();
    if (words) return words;
  }
  if (status === 413) return `This picture is larger than ${megabytes} MB, so it was not added. Save it smaller and add that.`;
  if ([204, 302, 403].includes(status)) return "Your sign-in may have ended, so this picture was not added. Reload the page and add it again.";
  return "The server could not take this picture. Add it again in a moment.";
}

function finished() {
  if (!sendAfterwards) return;
  sendAfterwards = false;
  form.requestSubmit(form.querySelector(".send:not(.stop)"));
}

function changed() {
  const ids = shown().map((item) => item.dataset.picture);
  try {
    if (ids.length) localStorage.setItem(draftKey, ids.join(","));
    else localStorage.removeItem(draftKey);
  } catch { /* no draft */ }
  list.hidden = !list.children.length;
  // A picture may be sent without words.
  field.required = !ids.length;
  sayBlind();
}

function sayBlind() {
  const option = select?.selectedOptions[0];
  const sees = !option || "sees" in option.dataset;
  blind.replaceChildren();
  if (sees || !shown().length) return;
  const wanted = form.dataset.vision && [...select.options].find((other) => other.value === form.dataset.vision);
  if (!wanted) {
    blind.append(`${option.text} cannot see pictures, and no model that can is installed. You can put the text in a picture into your question.`);
    return;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button small";
  button.dataset.useModel = wanted.value;
  button.textContent = `Use ${wanted.text}`;
  blind.append(`${option.text} cannot see pictures.`, button);
}

list.addEventListener("click", (event) => {
  const item = event.target.closest("li");
  if (event.target.closest("[data-remove]")) remove(item);
  else if (event.target.closest("[data-read-text]")) readText(item);
  else if (event.target.closest("[data-dismiss-problem]")) {
    item.remove();
    changed();
    field.focus();
  }
});
blind.addEventListener("click", (event) => {
  const button = event.target.closest("[data-use-model]");
  if (!button) return;
  select.value = button.dataset.useModel;
  note.textContent = "";
  select.dispatchEvent(new Event("change", { bubbles: true }));
  field.focus();
});
select?.addEventListener("change", sayBlind);

function remove(item) {
  const neighbour = item.nextElementSibling ?? item.previousElementSibling;
  item.remove();
  changed();
  (neighbour?.querySelector("[data-remove]") ?? field).focus();
  note.textContent = "";
  announcer.textContent = "The picture was removed";
  // One that stays on the server is swept away later, unless it has to be kept there, which is said.
  fetch(`${list.dataset.upload}/${item.dataset.picture}/remove`, { method: "POST", headers })
    .then(async (response) => {
      if (response.status === 409) note.textContent = `${said(await response.text(), 409)} It is not in your question any more.`;
    })
    .catch(() => {});
}

async function readText(item) {
  const button = item.querySelector("[data-read-text]");
  const address = `${list.dataset.upload}/${item.dataset.picture}/text`;
  const name = item.querySelector("img").alt;
  button.disabled = true;
  item.classList.add("busy");
  note.textContent = "";
  announcer.textContent = `Reading the text in ${name}`;
  try {
    let response = await fetch(address, { method: "POST", headers });
    for (let round = 0; response.status === 202 && round < 60; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 400 + 20 * round));
      response = await fetch(address, { headers });
    }
    const text = await response.text();
    if (response.status === 200) insert(text, name);
    else if (response.status === 202) note.textContent = "Reading the text takes longer than usual. Your question is kept: try again in a moment.";
    else note.textContent = said(text, response.status);
  } catch {
    note.textContent = "The server could not be reached. Your question is kept: try again in a moment.";
  }
  button.disabled = false;
  item.classList.remove("busy");
}

function insert(text, name) {
  const before = field.value.trimEnd();
  field.value = `${before}${before ? "\n\n" : ""}Text in ${name}:\n${text}\n`;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
  announcer.textContent = `The text in ${name} stands in your question`;
}

// Sent while a picture is still on its way: the question follows the picture.
document.addEventListener("submit", (event) => {
  if (event.target !== form || event.submitter?.matches(".stop")) return;
  if (!running && !queue.length) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  sendAfterwards = true;
  note.textContent = "A picture is still being added. The question is sent as soon as it is here.";
}, true);

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (ctx.sourceElement !== form || ctx.request.method !== "POST" || ctx.response.status >= 400) return;
  list.replaceChildren();
  changed();
});

// The draft of a page that was loaded again: what is still there and was not sent.
let stored = "";
try { stored = localStorage.getItem(draftKey) ?? ""; } catch { /* no draft */ }
if (stored && !shown().length) {
  const query = stored.split(",").map((id) => `id=${encodeURIComponent(id)}`).join("&");
  fetch(`${list.dataset.list}?${query}`, { headers: { "HX-Request": "true" } })
    .then((response) => (response.status === 200 ? response.text() : ""))
    .then((html) => {
      list.insertAdjacentHTML("afterbegin", html);
      changed();
    })
    .catch(() => {});
}
