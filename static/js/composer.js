// The field where questions are written: keys, draft, limits, and words for a post that failed.

const form = document.getElementById("composer");
const field = document.getElementById("question");
const note = document.getElementById("composer-note");
const count = document.getElementById("composer-count");
const draftKey = `draft:${form.dataset.draft}`;
const limit = Number(form.dataset.max) || Infinity;
const tall = !CSS.supports("field-sizing", "content");
const wait = "Wait for the answer, or stop it with Esc.";
const isBusy = () => form.hasAttribute("data-busy");

// Storage may be full or forbidden; a draft is a kindness, not a promise.
const store = {
  get: () => { try { return localStorage.getItem(draftKey) || ""; } catch { return ""; } },
  set: (text) => { try { text ? localStorage.setItem(draftKey, text) : localStorage.removeItem(draftKey); } catch { /* no draft */ } },
};

function changed() {
  if (tall) {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  }
  const left = limit - field.value.length;
  count.hidden = left > limit / 10;
  count.textContent = left < 0 ? `${(-left).toLocaleString("en")} characters too many` : `${left.toLocaleString("en")} characters left`;
}

function fill(text) {
  field.value = text;
  store.set(text);
  changed();
  field.focus();
  field.setSelectionRange(text.length, text.length);
}

field.addEventListener("input", () => {
  store.set(field.value);
  note.textContent = "";
  changed();
});

field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || event.shiftKey || event.altKey) return;
  event.preventDefault();
  if (!field.value.trim()) return;
  if (isBusy()) note.textContent = wait;
  else form.requestSubmit(form.querySelector(".send:not(.stop)"));
});
new MutationObserver(() => {
  if (!isBusy() && note.textContent === wait) note.textContent = "";
}).observe(form, { attributeFilter: ["data-busy"] });

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && isBusy() && !document.querySelector(":popover-open, dialog[open]")) {
    form.querySelector("[data-stop-answer]").click();
  }
});

document.addEventListener("click", async (event) => {
  const example = event.target.closest?.("[data-example]");
  if (example) fill(example.textContent.trim());
  const stop = event.target.closest?.("[data-stop-answer]");
  if (stop) {
    event.preventDefault();
    stop.disabled = true;
    const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value, "HX-Request": "true" };
    try {
      const response = await fetch(stop.getAttribute("formaction"), { method: "POST", headers });
      if (!response.ok) note.textContent = why(response.status);
    } catch {
      note.textContent = why(0);
    }
    stop.disabled = false;
  }
  const again = event.target.closest?.("[data-again]");
  if (again) {
    const url = again.closest("form").getAttribute("action");
    const menu = document.querySelector("#again form");
    menu.setAttribute("hx-post", url);
    menu.action = url;
  }
});

// A refusal comes with its reason, as one escaped sentence; anything else gets words of our own.
function said(text, status) {
  if (![409, 422, 429].includes(status)) return why(status);
  return new DOMParser().parseFromString(text, "text/html").body.textContent.trim() || why(status);
}

function why(status) {
  if (status === 0) return "The server could not be reached. Your text is kept: send it again in a moment.";
  if (status === 403) return "Your sign-in may have ended. Your text is kept: reload the page and send it again.";
  if (status === 404) return "This chat is gone. Your text is kept here: copy it into a new chat.";
  if (status === 413) return "This text is longer than the server takes. It is kept: shorten it, or add it as a document.";
  if (status === 429) return "That was a lot in a short time. Your text is kept: send it again in a minute.";
  return "The server could not take this. Your text is kept: send it again in a moment.";
}

// Any request of the page may fail; the composer is where the reader looks.
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  const { status } = ctx.response;
  if (status >= 400) {
    if (ctx.request.method === "POST") note.textContent = said(ctx.text, status);
    return;
  }
  if (ctx.request.method === "POST" && ctx.sourceElement.closest("#again")) document.getElementById("again").hidePopover();
  if (ctx.sourceElement.matches("[data-close-menu]")) ctx.sourceElement.closest("details").open = false;
  if (ctx.sourceElement !== form) return;
  note.textContent = "";
  field.value = "";
  store.set("");
  changed();
});
document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx?.request?.method === "POST") note.textContent = why(0);
});

if (!field.value) field.value = store.get();
changed();
