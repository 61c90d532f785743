// Pictures of a question that is being written, or written anew: adding, removing, the text in them, and a model that sees
// them. Loaded by composer.js and editing.js for the first picture. What was added lies on the server; its ids, and the numbers
// of those an edited question keeps, are the draft.

const composer = document.getElementById("composer");
const about = document.getElementById("waiting").dataset;
const announcer = document.getElementById("announcer");
const select = document.getElementById("model");
const most = Number(about.most);
const maxSize = Number(about.maxSize);
const headers = { "X-CSRFToken": composer.elements.csrfmiddlewaretoken.value, "HX-Request": "true" };
const AT_ONCE = 2;
const megabytes = Math.floor(maxSize / 1024 / 1024);
const known = new WeakMap();

if (!document.querySelector(`link[href="${composer.dataset.imagesCss}"]`)) {
  const css = document.createElement("link");
  css.rel = "stylesheet";
  css.href = composer.dataset.imagesCss;
  document.head.append(css);
}
import(composer.dataset.viewer);

export function of(form) {
  if (!known.has(form)) known.set(form, picturesOf(form));
  return known.get(form);
}

select?.addEventListener("change", () => {
  for (const form of document.querySelectorAll("#composer, form.edit")) known.get(form)?.sayBlind();
});

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  // Who has to sign in again finds them afterwards.
  if (ctx.hx?.redirect && !ctx.hx.redirect.startsWith("/chats/")) return;
  if (ctx.request.method === "POST" && ctx.response.status < 400) known.get(ctx.sourceElement)?.clear();
});

function picturesOf(form) {
  const list = form.querySelector(".waiting-list");
  const field = form.querySelector("textarea");
  const note = form.querySelector(":scope [role=alert]:not(li *)");
  const shown = () => [...list.querySelectorAll("[data-picture]")];
  const chosen = () => shown().map((item) => item.dataset.picture).join(",");
  // Of an edited question, those it had.
  const begun = chosen();
  const draftKey = `pictures:${form.dataset.draft}`;
  const queue = [];
  let running = 0;
  let sendAfterwards = false;

  // What a model that cannot see is good for is said before anything is asked.
  const blind = document.createElement("p");
  blind.className = "waiting-note small";
  blind.setAttribute("role", "status");
  list.after(blind);

  function add(files) {
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
      const response = await fetch(about.upload, { method: "POST", headers, body });
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

  function finished() {
    if (!sendAfterwards) return;
    sendAfterwards = false;
    form.requestSubmit(form.querySelector(".send:not(.stop), .primary"));
  }

  function changed() {
    // Given up while a picture was on its way.
    if (!form.isConnected) return;
    const ids = chosen();
    try {
      if (ids !== begun) localStorage.setItem(draftKey, ids);
      else localStorage.removeItem(draftKey);
    } catch { /* no draft */ }
    list.hidden = !list.children.length;
    // A picture may be sent without words.
    field.required = !ids.length;
    sayBlind();
  }

  function clear() {
    list.replaceChildren();
    changed();
    try { localStorage.removeItem(draftKey); } catch { /* no draft */ }
  }

  function sayBlind() {
    const option = select?.selectedOptions[0];
    const sees = !option || "sees" in option.dataset;
    blind.replaceChildren();
    if (sees || !shown().length) return;
    const wanted = composer.dataset.vision && [...select.options].find((other) => other.value === composer.dataset.vision);
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

  function remove(item) {
    const neighbour = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    changed();
    (neighbour?.querySelector("[data-remove]") ?? field).focus();
    note.textContent = "";
    announcer.textContent = "The picture was removed";
    if ("kept" in item.dataset) return;
    // One that stays on the server is swept away later, unless it has to be kept there, which is said.
    fetch(`${about.upload}/${item.dataset.picture}/remove`, { method: "POST", headers })
      .then(async (response) => {
        if (response.status === 409) note.textContent = `${said(await response.text(), 409)} It is not in your question any more.`;
      })
      .catch(() => {});
  }

  async function readText(item) {
    const button = item.querySelector("[data-read-text]");
    const address = `${about.upload}/${item.dataset.picture}/text`;
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
  form.addEventListener("submit", (event) => {
    if (event.submitter?.matches(".stop")) return;
    if (!running && !queue.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    sendAfterwards = true;
    note.textContent = "A picture is still being added. The question is sent as soon as it is here.";
  }, true);

  // The draft of a page that was loaded again: what was kept, and what is still there and was not sent.
  let stored = null;
  try { stored = localStorage.getItem(draftKey); } catch { /* no draft */ }
  if (stored !== null && stored !== begun) {
    const wanted = stored.split(",").filter(Boolean);
    for (const item of shown()) if (!wanted.includes(item.dataset.picture)) item.remove();
    const added = wanted.filter((id) => !/^\d+$/.test(id));
    if (!added.length) changed();
    else fetch(`${about.list}?${added.map((id) => `id=${encodeURIComponent(id)}`).join("&")}`, { headers })
      .then((response) => (response.status === 200 ? response.text() : ""))
      .then((html) => {
        list.insertAdjacentHTML("beforeend", html);
        changed();
      })
      .catch(() => {});
  }

  return { add, sayBlind, clear };
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
