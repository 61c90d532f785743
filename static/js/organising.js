// The sidebar's list of chats: which folders stand open, what is said inside a phone's drawer, and the menus behind links
// [data-menu], whose module (menus.js) is loaded at the first need.

const sidebar = document.getElementById("sidebar");
const toasts = document.getElementById("toasts");
const menus = () => import("./menus.js");

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-menu]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  menus().then(({ open }) => open(link), () => location.assign(link.href));
});
// Said after a change that led to another page.
if (toasts.querySelector("[data-undo]")) menus();

// The drawer lies above everything else, and pressing anything outside of it closes it. So what is said is in it.
sidebar.addEventListener("toggle", ({ target, newState }) => {
  if (target !== sidebar) return;
  toasts.popover = newState === "open" ? "manual" : null;
  (newState === "open" ? sidebar : document.body).append(toasts);
  if (newState === "open") toasts.showPopover();
});

// Asked of the browser, so that the first picture is already right.
document.addEventListener("toggle", ({ target }) => {
  if (!target.matches?.("details[data-folder]")) return;
  const names = [...document.querySelectorAll("details[data-folder][open]")].map((folder) => folder.dataset.folder);
  const secure = location.protocol === "https:" ? ";secure" : "";
  document.cookie = `folders=${names.slice(0, 20).join(".")};path=/;max-age=31536000;samesite=lax${secure}`;
}, true);
