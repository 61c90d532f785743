// Lists with marks (chats, documents): how many are marked, and marking all or a run of them.

const form = () => document.querySelector("[data-several]");
const marks = () => [...document.querySelectorAll("input[data-mark]")];

function count() {
  if (!form()) return;
  const all = marks();
  const marked = all.filter((mark) => mark.checked).length;
  const said = form().querySelector("[data-marked]");
  const box = form().querySelector("[data-mark-all]");
  if (!said) return;
  said.textContent = marked ? `${marked} marked` : "";
  box.hidden = false;
  form().toggleAttribute("data-any", marked > 0);
  box.firstElementChild.checked = marked === all.length && marked > 0;
  box.firstElementChild.indeterminate = marked > 0 && marked < all.length;
}

document.addEventListener("change", ({ target }) => {
  if (target.closest("[data-mark-all]")) marks().forEach((mark) => (mark.checked = target.checked));
  if (target.closest("[data-several], [data-mark]")) count();
});
// With Shift, all between this and the last.
let last = null;
document.addEventListener("click", (event) => {
  if (!event.target.matches?.("input[data-mark]")) return;
  const all = marks();
  const [from, to] = [all.indexOf(last), all.indexOf(event.target)].sort((a, b) => a - b);
  if (event.shiftKey && from >= 0) all.slice(from, to + 1).forEach((mark) => (mark.checked = event.target.checked));
  last = event.target;
  count();
});
document.addEventListener("htmx:after:settle", count);
addEventListener("pageshow", count);
count();
