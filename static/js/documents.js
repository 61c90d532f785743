// The library: uploads with progress, dropping files anywhere, renaming, and staying up to date without a socket.

const at = (id) => document.getElementById(id);
const form = at("upload-form");
const uploads = at("uploads");

// --- Staying up to date -------------------------------------------------------------------------------------------
// Rows are pushed through the socket. The list asks for itself again after a gap, for rows it does not know, and every
// few seconds while the socket is down.

const POLL = 4000;
let asked = null;
let polling = null;
let connected = false;
const unknown = new Set();

function refresh() {
  clearTimeout(asked);
  asked = setTimeout(() => {
    const list = at("documents");
    if (list && !list.querySelector("details.menu[open]")) htmx.trigger(list, "documents:refresh");
  }, 150);
}

function poll(on) {
  clearInterval(polling);
  polling = on ? setInterval(() => document.hidden || refresh(), POLL) : null;
  if (at("socket-note")) at("socket-note").hidden = !on;
}

document.addEventListener("htmx:after:ws:connection", () => {
  connected = true;
  poll(false);
  refresh();
});
document.addEventListener("htmx:ws:close", () => {
  connected = false;
  // A hidden page closes its socket by itself and opens it when it is looked at again.
  if (!document.hidden) poll(true);
});
setTimeout(() => connected || polling || poll(true), POLL);
document.addEventListener("htmx:after:ws:message", ({ detail }) => {
  const text = detail.message.text ?? "";
  const id = text.match(/id="(document-[0-9a-f-]{36})"/)?.[1];
  const gone = text.includes('hx-swap-oob="delete"');
  if (!id || (!gone && (at(id) || unknown.has(id)))) return;
  unknown.add(id);
  refresh();
});

// htmx may have read the page before its socket extension was there; reading it again connects what was left out.
htmx.process(document.querySelector(".library"));

// --- Uploading ----------------------------------------------------------------------------------------------------
// One request per file, two at a time, so that each has its own progress and one failure costs nothing else.

const AT_ONCE = 2;
const waiting = [];
let running = 0;

function enqueue(files) {
  const most = Number(form.dataset.maxSize);
  for (const file of files) {
    if (file.size > most) problem(file, `This file is larger than ${form.dataset.maxSizeText}, the most that can be uploaded.`);
    else waiting.push({ file, line: lineFor(file) });
  }
  next();
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    send(waiting.shift());
  }
}

function lineFor(file) {
  const line = at("upload-line").content.firstElementChild.cloneNode(true);
  line.querySelector(".upload-name").textContent = file.name;
  line.querySelector(".upload-words").textContent = "Waiting";
  line.querySelector("progress").setAttribute("aria-label", `Uploading ${file.name}`);
  uploads.append(line);
  return line;
}

function problem(file, words, { again = false, line = null } = {}) {
  const notice = at("upload-problem").content.firstElementChild.cloneNode(true);
  notice.querySelector("strong").textContent = `${file.name}:`;
  notice.querySelector("span").textContent = words;
  const button = notice.querySelector("[data-again]");
  if (again) {
    button.addEventListener("click", () => {
      notice.remove();
      enqueue([file]);
    });
  } else {
    button.remove();
  }
  if (line) line.replaceWith(notice);
  else uploads.append(notice);
}

function send({ file, line }) {
  const words = line.querySelector(".upload-words");
  const bar = line.querySelector("progress");
  const body = new FormData();
  body.append("files", file);
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("HX-Request", "true");
  request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
  request.upload.addEventListener("progress", ({ loaded, total, lengthComputable }) => {
    if (!lengthComputable) return;
    bar.value = loaded / total;
    words.textContent = loaded < total ? `Uploading, ${Math.floor((100 * loaded) / total)} %` : "Checking";
  });
  request.addEventListener("load", () => {
    if (request.status === 200 || request.status === 422) {
      line.insertAdjacentHTML("afterend", request.responseText);
      line.remove();
      refresh();
    } else if (request.getResponseHeader("HX-Redirect") || request.status === 403) {
      problem(file, "It was not uploaded, because you are signed out or may not add documents. Reload this page.", { line });
    } else if (request.status === 429) {
      // Many files at once come faster than the server takes them. They wait for their turn.
      const seconds = Number(request.getResponseHeader("Retry-After")) || 5;
      words.textContent = "Waiting its turn";
      bar.value = 0;
      setTimeout(() => {
        waiting.push({ file, line });
        next();
      }, 1000 * seconds);
    } else if (request.status === 413) {
      problem(file, "This file is larger than this server accepts.", { line });
    } else {
      problem(file, "The server could not take it. Try again in a moment.", { line, again: true });
    }
  });
  request.addEventListener("error", () => {
    problem(file, "The connection broke before it was uploaded.", { line, again: true });
  });
  request.addEventListener("loadend", () => {
    running -= 1;
    next();
  });
  words.textContent = "Uploading";
  request.send(body);
}

if (form) {
  form.elements.files.addEventListener("change", (event) => {
    enqueue([...event.target.files]);
    event.target.value = "";
  });

  // Dropping. Entering a child leaves its parent, so the depth is counted.
  let depth = 0;
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const show = (on) => {
    at("drop").hidden = !on;
    if (!on) depth = 0;
  };
  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    show(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    depth -= 1;
    if (depth <= 0) show(false);
  });
  document.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(false);
    const files = [...event.dataTransfer.items].filter((item) => item.kind === "file");
    const folders = files.filter((item) => item.webkitGetAsEntry?.()?.isDirectory);
    for (const item of folders) problem(item.getAsFile(), "This is a folder. Open it and drop the files in it.");
    enqueue(files.filter((item) => !folders.includes(item)).map((item) => item.getAsFile()));
  });

  addEventListener("beforeunload", (event) => {
    if (running) event.preventDefault();
  });
}

// --- Renaming -----------------------------------------------------------------------------------------------------
// Without this script the menu's link leads to the form on the document's own page.

const dialog = at("rename");
if (dialog) {
  const field = at("rename-name");
  const error = at("rename-error");
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-rename]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    link.closest("details").open = false;
    dialog.querySelector("form").action = link.dataset.rename;
    error.hidden = true;
    field.value = link.dataset.name;
    dialog.showModal();
    const dot = field.value.lastIndexOf(".");
    field.setSelectionRange(0, dot > 0 ? dot : field.value.length);
  });
  dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const say = (words) => {
      error.textContent = words;
      error.hidden = false;
    };
    try {
      const response = await fetch(event.target.action, {
        method: "POST",
        body: new FormData(event.target),
        headers: { "HX-Request": "true" },
      });
      if (response.status === 422) return say(await response.text());
      if (response.status !== 200) return say("It could not be renamed. Reload this page and try again.");
    } catch {
      return say("The connection broke. Try again.");
    }
    dialog.close();
    refresh();
  });
}
