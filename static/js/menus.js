// The menu of a chat, a folder or a tag, at the link that opens it; and the list of chats, which the server draws anew after
// each change, with the focus where it was. Loaded by organising.js when the first menu opens or something can be undone.

const menu = document.getElementById("chat-menu");
const list = document.getElementById("chat-list");
const narrow = matchMedia("(max-width: 820px)");
let opener = null;
let leaving = false; // to sign in again, and back to this page

export async function open(link) {
  opener = link;
  if (menu.matches(":popover-open")) menu.hidePopover();
  menu.replaceChildren();
  // Inside the drawer of a phone, which would else close.
  (link.closest("#sidebar") ?? document.body).append(menu);
  await htmx.ajax("GET", link.href, { target: menu, swap: "innerHTML" }).catch(() => {});
  if (opener?.href !== link.href) return; // another was pressed meanwhile
  if (leaving) return;
  if (!menu.firstElementChild) return location.assign(link.href);
  if (!menu.matches(":popover-open")) menu.showPopover();
  place();
  (menu.querySelector("[data-focus]") ?? menu.querySelector("input:not([type=hidden], details *), form button, a"))?.focus();
}

// What the menu belongs to, as it stands now: a change draws the list anew, and with it the link that was pressed. The page
// may have another link to the same menu outside of the sidebar. Null when none is left or seen.
const standsAt = (link) => link.closest("details.menu")?.querySelector("summary") ?? link;

function anchor() {
  if (opener && !opener.isConnected) {
    const again = [...document.querySelectorAll(`a[data-menu][href="${CSS.escape(opener.getAttribute("href"))}"]`)];
    const seen = again.filter((link) => standsAt(link).checkVisibility());
    opener = seen.find((link) => link.closest("#sidebar") === menu.closest("#sidebar")) ?? seen[0] ?? opener;
  }
  return opener?.isConnected ? standsAt(opener) : null;
}

// Below what opened it, as far as there is room; at the foot of a phone.
function place() {
  const at = anchor()?.getBoundingClientRect();
  if (!at) return;
  const { width, height } = menu.getBoundingClientRect();
  menu.style.left = narrow.matches ? "" : `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  menu.style.top = narrow.matches ? "" : `${Math.max(8, Math.min(at.bottom + 4, innerHeight - height - 8))}px`;
}

// A part that opens shows its field, and the focus goes there. Inside the drawer the browser does not give it back by itself.
menu.addEventListener("toggle", ({ target, newState }) => {
  if (target === menu && newState === "closed" && (document.activeElement === document.body || menu.contains(document.activeElement))) anchor()?.focus();
  if (target !== menu) place();
  if (target !== menu && target.open && document.activeElement?.parentElement === target) {
    const field = target.querySelector("input:not([type=hidden])");
    if (field?.value) field.select();
    else (target.querySelector(".menu-choices button") ?? field)?.focus();
  }
}, true);

// Up and down between what can be pressed.
menu.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.target.matches("input")) return;
  const items = [...menu.querySelectorAll("summary, button, a, input:not([type=hidden])")].filter((item) => item.checkVisibility());
  items.at((items.indexOf(document.activeElement) + step) % items.length)?.focus();
  event.preventDefault();
});

const isOurs = (element) => element?.closest?.("#chat-menu, [data-undo]");

document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  const loaded = list.querySelectorAll("[data-loose] > li").length;
  if (isOurs(ctx.sourceElement) && ctx.request.method === "POST") ctx.request.body.set("shown", loaded);
});

document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  const source = ctx.sourceElement;
  leaving ||= Boolean(ctx.hx?.redirect);
  if (ctx.request.method !== "POST" || !isOurs(source)) return;
  if (ctx.response.status >= 400) return problem(source, ctx.response.status);
  source.closest(".toast")?.remove();
});

function problem(source, status) {
  const note = source.closest(".toast")?.querySelector("p") ?? document.getElementById("menu-note");
  if (note) note.textContent = status === 404 ? "This is gone. Reload the page to see what there is."
    : status === 429 ? "That was a lot in a short time. Nothing was changed; try again in a minute."
    : "The server could not take this. Nothing was changed; try again in a moment.";
}
document.addEventListener("htmx:error", ({ detail: { ctx } }) => isOurs(ctx?.sourceElement) && problem(ctx.sourceElement, 0));

document.addEventListener("htmx:finally:swap", ({ detail: { ctx } }) => {
  // What comes through the socket is swapped without a request.
  if (ctx.request?.method !== "POST" || !(isOurs(ctx.sourceElement) || ctx.target === menu)) return;
  if (menu.firstElementChild) (menu.querySelector("[aria-invalid], [data-focus]") ?? menu.querySelector("details[open] input:not([type=hidden])"))?.focus();
  else {
    if (menu.matches(":popover-open")) menu.hidePopover();
    refocus();
  }
  if (document.getElementById("chats")) htmx.ajax("GET", location.href, { target: "#chats", select: "#chats", swap: "outerHTML" });
});

// To the same menu where it is now, to a neighbour where it is gone.
function refocus() {
  const pressed = opener;
  const target = anchor() ?? list.querySelector("a");
  target?.focus({ preventScroll: opener === pressed });
}
