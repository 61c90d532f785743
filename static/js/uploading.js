// Uploading: chosen or dropped files and folders go in batches, so that hundreds of small files are few requests and one
// large file has one of its own. Each file has its progress and all of them have one; what was not sent when the page is
// left is remembered and said when it comes back.

const at = (id) => document.getElementById(id);
const form = at("upload-form");
const list = at("uploads");

const AT_ONCE = 2;
const FILES = 20;
const BYTES = 16 * 1024 * 1024;
const MOST = 5000; // in one go
const KEY = "uploads:unsent";
// What systems leave in folders.
const HIDDEN = /^(\.|~\$|thumbs\.db$|desktop\.ini$)/i;

let changed = () => {};
let waiting = [];
let running = 0;
const loadedOf = new Map(); // bytes of each request under way
let all = null; // what is under way: { id, files, bytes, sentFiles, sentBytes, unsent }

export function start(refresh) {
  changed = refresh;
  for (const field of form.querySelectorAll("input[type=file]")) {
    field.addEventListener("change", () => {
      enqueue([...field.files]);
      field.value = "";
    });
  }
  watchDrops();
  addEventListener("beforeunload", (event) => {
    if (all) event.preventDefault();
  });
  tellUnsent();
}

// --- Choosing -----------------------------------------------------------------------------------------------------

function enqueue(files) {
  const hidden = files.filter(isHidden);
  const shown = files.filter((file) => !isHidden(file));
  const kept = shown.slice(0, MOST);
  if (shown.length > MOST) note("info", `${shown.length} files were chosen. The first ${MOST} are uploaded; choose the others after that.`);
  if (!shown.length && hidden.length) note("info", "Nothing was found to upload: hidden files and those of the system are left out.");
  const most = Number(form.dataset.maxSize);
  for (const file of kept.filter((each) => each.size > most)) {
    refuse(file.name, `This file is larger than ${form.dataset.maxSizeText}, the most that can be uploaded.`);
  }
  add(kept.filter((file) => file.size <= most));
}

const isHidden = (file) =>
  HIDDEN.test(file.name) || (file.webkitRelativePath || "").split("/").some((part) => part.startsWith(".") || part === "__MACOSX");

function add(files) {
  if (!files.length) return;
  all ??= { id: randomId(), files: 0, bytes: 0, sentFiles: 0, sentBytes: 0, unsent: new Set() };
  all.files += files.length;
  all.bytes += sum(files);
  files.forEach((file) => all.unsent.add(file));
  list.querySelector("[data-unsent]")?.remove();
  let batch = [];
  for (const file of files) {
    if (batch.length === FILES || (batch.length && sum(batch) + file.size > BYTES)) {
      waiting.push(batch);
      batch = [];
    }
    batch.push(file);
  }
  waiting.push(batch);
  remember();
  next();
}

const sum = (files) => files.reduce((bytes, file) => bytes + file.size, 0);

// crypto.randomUUID is missing on addresses without https.
function randomId() {
  const hex = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// Entering a child leaves its parent, so the depth is counted.
function watchDrops() {
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
  document.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(false);
    // The items are gone as soon as this handler waits for anything.
    const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
    const found = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
    const files = [];
    for (const entry of found) await collect(entry, files);
    enqueue(files);
  });
}

async function collect(entry, files) {
  if (!entry || files.length > MOST) return;
  if (entry instanceof File) files.push(entry);
  else if (HIDDEN.test(entry.name) || entry.name === "__MACOSX") return;
  else if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) files.push(file);
    else refuse(entry.name, "It could not be opened on your computer.");
  } else {
    const reader = entry.createReader();
    // A reader gives a hundred at a time, and nothing at the end.
    for (let part; (part = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])))).length; ) {
      for (const inner of part) await collect(inner, files);
    }
  }
}

// --- Sending ------------------------------------------------------------------------------------------------------

function next() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    send(waiting.shift());
  }
  tell();
}

function send(batch) {
  const lines = batch.map(lineFor);
  const body = new FormData();
  body.append("batch", all.id);
  batch.forEach((file) => body.append("files", file));
  const request = new XMLHttpRequest();
  const over = (files = batch) => {
    lines.forEach((line) => line.remove());
    files.forEach((file) => all.unsent.delete(file));
    all.sentFiles += files.length;
    all.sentBytes += sum(files);
    remember();
  };
  const later = (seconds) => {
    lines.forEach((line) => line.remove());
    setTimeout(() => {
      waiting.push(batch);
      next();
    }, 1000 * seconds);
  };
  request.open("POST", form.action);
  request.setRequestHeader("HX-Request", "true");
  request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
  request.upload.addEventListener("progress", ({ loaded }) => {
    let rest = loaded;
    batch.forEach((file, index) => {
      show(lines[index], file.size ? Math.min(1, Math.max(0, rest / file.size)) : 1);
      rest -= file.size;
    });
    loadedOf.set(request, Math.min(loaded, sum(batch)));
    tell();
  });
  request.addEventListener("load", () => {
    if (request.status === 200 || request.status === 422) {
      over();
      take(request.responseText);
      changed();
    } else if (request.getResponseHeader("HX-Redirect") || request.status === 403 || request.status === 404) {
      over();
      batch.forEach((file) => refuse(file.name, "It was not uploaded, because you are signed out or may not add documents. Reload this page."));
    } else if (request.status === 429 || request.status === 503) {
      // Many come faster than the server takes them. They wait for their turn.
      later(Number(request.getResponseHeader("Retry-After")) || 5);
    } else if (request.status === 413 && batch.length > 1) {
      lines.forEach((line) => line.remove());
      waiting.push(...batch.map((file) => [file]));
    } else if (request.status === 413) {
      over();
      refuse(batch[0].name, "This file is larger than this server accepts.");
    } else {
      broken(batch, "The server could not take them.", over);
    }
  });
  request.addEventListener("error", () => broken(batch, "The connection broke.", over));
  request.addEventListener("loadend", () => {
    running -= 1;
    loadedOf.delete(request);
    next();
  });
  request.send(body);
}

function broken(batch, why, over) {
  over();
  const notice = note("error", `${batch.length === 1 ? `“${batch[0].name}” was` : `${batch.length} files were`} not uploaded. ${why}`);
  const again = document.createElement("button");
  again.type = "button";
  again.className = "button small";
  again.textContent = "Try again";
  again.addEventListener("click", () => {
    notice.remove();
    add(batch);
  });
  notice.querySelector("p").after(again);
}

// --- Telling ------------------------------------------------------------------------------------------------------

function lineFor(file) {
  const line = at("upload-line").content.firstElementChild.cloneNode(true);
  line.querySelector(".upload-name").textContent = file.name;
  line.querySelector("progress").setAttribute("aria-label", `Uploading ${file.name}`);
  show(line, 0);
  list.append(line);
  return line;
}

function show(line, share) {
  line.querySelector("progress").value = share;
  line.querySelector(".upload-words").textContent = share < 1 ? `${Math.floor(100 * share)} %` : "Checking";
}

// The line for all of them, and its end.
function tell() {
  let total = list.querySelector("[data-total]");
  if (!all) return;
  if (!total) {
    total = at("upload-total").content.firstElementChild.cloneNode(true);
    list.prepend(total);
  }
  const words = total.querySelector(".upload-words");
  const bar = total.querySelector("progress");
  const loaded = [...loadedOf.values()].reduce((bytes, each) => bytes + each, 0);
  bar.value = all.bytes ? Math.min(1, (all.sentBytes + loaded) / all.bytes) : 1;
  words.textContent = `${all.sentFiles} of ${all.files} sent`;
  if (!all.unsent.size && !running && !waiting.length) {
    total.remove();
    const { files } = all;
    all = null;
    remember();
    if (files > 1) document.getElementById("announcer").textContent = `${files} files were sent.`;
  }
}

// Items of the server's answer. What says the same of other files is joined with what stands there.
function take(html) {
  const answer = document.createElement("template");
  answer.innerHTML = html;
  for (const item of [...answer.content.children]) {
    const group = item.dataset.group && list.querySelector(`[data-group="${item.dataset.group}"]`);
    if (!group) {
      list.append(item);
      htmx.process(item);
      continue;
    }
    group.querySelector("[data-items]").append(...item.querySelector("[data-items]").children);
    count(group);
  }
}

function count(group) {
  const { length } = group.querySelector("[data-items]").children;
  group.querySelector("[data-count]").textContent = length;
  group.querySelector("[data-one]").hidden = length !== 1;
  group.querySelector("[data-many]").hidden = length === 1;
}

function refuse(name, words) {
  const item = document.createElement("li");
  const strong = document.createElement("strong");
  strong.textContent = name;
  item.append(strong, `: ${words}`);
  let group = list.querySelector('[data-group="refused"]');
  if (!group) {
    group = at("upload-refused").content.firstElementChild.cloneNode(true);
    list.append(group);
  }
  group.querySelector("[data-items]").append(item);
  count(group);
}

function note(kind, words) {
  const notice = at("upload-note").content.firstElementChild.cloneNode(true);
  notice.classList.add(kind);
  notice.setAttribute("role", kind === "error" ? "alert" : "status");
  notice.querySelector("p").textContent = words;
  notice.querySelector("use").setAttribute("href", notice.querySelector("use").getAttribute("href").replace("#info", kind === "error" ? "#alert" : "#info"));
  list.append(notice);
  return notice;
}

// --- After a reload -----------------------------------------------------------------------------------------------
// Files cannot be read again without being chosen again. What was taken in is in the list below, with its progress.

function remember() {
  try {
    if (all?.unsent.size) {
      const names = [...all.unsent].slice(0, 100).map((file) => file.name);
      sessionStorage.setItem(KEY, JSON.stringify({ count: all.unsent.size, of: all.files, names }));
    } else sessionStorage.removeItem(KEY);
  } catch { /* storage is full or forbidden */ }
}

function tellUnsent() {
  let left = null;
  try {
    left = JSON.parse(sessionStorage.getItem(KEY));
    sessionStorage.removeItem(KEY);
  } catch { /* nothing to tell */ }
  if (!left?.count) return;
  const notice = at("upload-unsent").content.firstElementChild.cloneNode(true);
  notice.querySelector("[data-count]").textContent = left.of > 1 ? `${left.count} of ${left.of} files were` : "One file was";
  const names = left.names.slice(0, 20).map((name) => {
    const item = document.createElement("li");
    item.textContent = name;
    return item;
  });
  if (left.count > names.length) {
    const item = document.createElement("li");
    item.textContent = `and ${left.count - names.length} more`;
    names.push(item);
  }
  notice.querySelector("[data-items]").append(...names);
  list.prepend(notice);
}
