// The frame: theme, sidebar, panel, toasts, menus, confirmation, the shortcut for a new chat.
// Everything listens on the document, so that swapped-in parts need no wiring.

const root = document.documentElement;
const year = 60 * 60 * 24 * 365;
const remember = (name, value) => {
  const secure = location.protocol === "https:" ? ";secure" : "";
  document.cookie = `${name}=${value};path=/;max-age=${year};samesite=lax${secure}`;
};

function setTheme(name) {
  root.dataset.theme = name;
  remember("theme", name);
  markTheme();
}

function markTheme() {
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === (root.dataset.theme || "system")));
  }
}

function toggleSidebar() {
  const sidebar = document.getElementById("sidebar");
  if (sidebar.matches(":popover-open")) return sidebar.hidePopover();
  const closed = root.dataset.sidebar === "closed";
  if (closed) delete root.dataset.sidebar;
  else root.dataset.sidebar = "closed";
  remember("sidebar", closed ? "open" : "closed");
}

// The side panel: focus goes in when it opens and back to what opened it when it closes.
let opener = null;

function closePanel() {
  const panel = document.getElementById("panel");
  if (!panel?.firstElementChild) return false;
  panel.replaceChildren();
  markOpen(null);
  if (opener?.isConnected) opener.focus({ preventScroll: true });
  opener = null;
  return true;
}

// Which source is the one beside the answer.
function markOpen(link) {
  for (const other of document.querySelectorAll(".source[aria-current]")) other.removeAttribute("aria-current");
  const number = link?.dataset.source ?? link?.dataset.citation;
  if (number) link.closest(".message")?.querySelector(`.source[data-source="${number}"]`)?.setAttribute("aria-current", "true");
}

function showMark(panel) {
  const mark = panel.querySelector("mark, .sheet-marks rect");
  if (!mark) return;
  const at = mark.getBoundingClientRect();
  const view = panel.getBoundingClientRect();
  const top = panel.querySelector(".panel-head")?.getBoundingClientRect().bottom ?? view.top;
  if (at.top >= top && at.bottom <= view.bottom) return;
  mark.scrollIntoView({ block: at.height > view.bottom - top ? "start" : "center" });
}

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (ctx.target?.id === "panel" && !ctx.sourceElement.closest("#panel")) opener = ctx.sourceElement;
});
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx.target?.id !== "panel") return;
  const panel = document.getElementById("panel");
  panel.scrollTop = 0;
  const heading = panel.querySelector("h2");
  if (heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  showMark(panel);
  // What brings its own style moves when that has come.
  panel.querySelector("link")?.addEventListener("load", () => showMark(panel));
  if (!ctx.sourceElement.closest("#panel")) markOpen(ctx.sourceElement);
});

document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest?.(selector);
  const choice = at("[data-theme-choice]");
  if (choice) setTheme(choice.dataset.themeChoice);
  if (at("[data-toggle-sidebar]")) toggleSidebar();
  if (at("[data-close-panel]")) closePanel();
  const dismissed = at("[data-dismiss]");
  (dismissed?.closest("[data-group]") ?? dismissed?.parentElement)?.remove();
  // An open menu closes when the pointer goes elsewhere, and when something in it is chosen. Choosing colours and filling
  // in a form go on.
  const chosen = at(".menu-list :is(a, button):not([data-theme-choice], [data-close-menu] *)");
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (chosen || !menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  // A dialog has its own way to close; what lies behind it stays as it is.
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
    const menu = document.querySelector("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
      event.preventDefault();
    } else if (closePanel()) {
      event.preventDefault();
    }
  }
  if (event.key.toLowerCase() === "n" && event.ctrlKey && event.shiftKey) {
    const link = document.querySelector("[data-new-chat]");
    if (link) {
      event.preventDefault();
      location.href = link.href;
    }
  }
});

// hx-confirm asks in our own dialog. Its button says what will be done: data-confirm-label, or what was pressed.
document.addEventListener("htmx:confirm", (event) => {
  const { ctx, issueRequest, dropRequest } = event.detail;
  const dialog = document.getElementById("confirm");
  if (!ctx.confirm || !dialog) return;
  event.preventDefault();
  const source = ctx.sourceElement;
  const pressed = source.matches("form") ? source.querySelector("button:not([type='button'])") : source;
  dialog.querySelector("p").textContent = ctx.confirm;
  dialog.querySelector("[value='yes']").textContent = source.dataset.confirmLabel || pressed?.textContent.trim() || "Continue";
  dialog.returnValue = "no";
  dialog.addEventListener("close", () => {
    (source.closest("details.menu")?.querySelector("summary") ?? pressed)?.focus();
    if (dialog.returnValue === "yes") issueRequest();
    else dropRequest();
  }, { once: true });
  dialog.showModal();
});

// Good news leaves by itself, later if it can be undone, and never under the pointer or the focus. A problem stays until
// it is dismissed.
const toasts = document.getElementById("toasts");
const leave = (toast, after) =>
  setTimeout(() => (toast.matches(":hover, :focus-within") ? leave(toast, 3000) : toast.remove()), after);
const fade = (toast) => {
  if (toast.matches?.(".toast:not(.error, .warning)")) leave(toast, toast.querySelector("form") ? 20_000 : 7000);
};
if (toasts) {
  [...toasts.children].forEach(fade);
  new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach(fade))).observe(toasts, { childList: true });
}

markTheme();

// The page that is shown without a connection. Browsers offer to install a site that has one.
if ("serviceWorker" in navigator) {
  addEventListener("load", () => navigator.serviceWorker.register("/service-worker.js", { updateViaCache: "none" }).catch(() => {}));
}
