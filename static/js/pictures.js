// A picture opened large, over the page: arrows lead to the others beside it, Esc closes, and the focus comes back.

let dialog = null;
let places = [];
let at = 0;

function made() {
  const box = document.createElement("dialog");
  box.className = "viewer";
  const image = document.createElement("img");
  const caption = document.createElement("p");
  caption.className = "viewer-caption clip";
  const control = (name, label, icon) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = `viewer-button viewer-${name}`;
    button.setAttribute("aria-label", label);
    button.title = label;
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `${sprite()}#${icon}`);
    svg.append(use);
    button.append(svg);
    return button;
  };
  const close = control("close", "Close", "close");
  const previous = control("previous", "Previous picture", "left");
  const following = control("next", "Next picture", "right");
  close.addEventListener("click", () => box.close());
  previous.addEventListener("click", () => show(at - 1));
  following.addEventListener("click", () => show(at + 1));
  image.addEventListener("error", () => box.classList.add("broken"));
  image.addEventListener("load", () => box.classList.remove("broken"));
  box.addEventListener("click", (event) => event.target === box && box.close());
  box.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(at + step);
  });
  // Not kept in the page: a picture of somebody is gone when it is closed.
  box.addEventListener("close", () => {
    image.removeAttribute("src");
    places[at]?.isConnected && places[at].focus({ preventScroll: true });
  });
  box.append(image, caption, previous, following, close);
  document.body.append(box);
  return box;
}

const sprite = () => document.querySelector("use").getAttribute("href").split("#")[0];

function show(place) {
  if (place < 0 || place >= places.length) return;
  at = place;
  const link = places[at];
  const name = link.querySelector("img").alt;
  const words = places.length > 1 ? `${name}, ${at + 1} of ${places.length}` : name;
  const image = dialog.querySelector("img");
  dialog.classList.remove("broken");
  image.alt = name;
  image.src = link.href;
  dialog.querySelector(".viewer-caption").textContent = words;
  dialog.setAttribute("aria-label", `Picture ${words}`);
  dialog.querySelector(".viewer-previous").hidden = at === 0;
  dialog.querySelector(".viewer-next").hidden = at === places.length - 1;
  if (dialog.open && document.activeElement?.hidden) dialog.querySelector(".viewer-close").focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-open-picture]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  dialog ??= made();
  places = [...link.closest("ul").querySelectorAll("[data-open-picture]")];
  show(places.indexOf(link));
  dialog.showModal();
  dialog.querySelector(".viewer-close").focus();
});

// A picture that does not come says what it would be.
const mark = (image, isBroken) => image.closest("[data-open-picture]")?.classList.toggle("broken", isBroken);
document.addEventListener("error", (event) => event.target.matches?.("img") && mark(event.target, true), true);
document.addEventListener("load", (event) => event.target.matches?.("img") && mark(event.target, false), true);
for (const image of document.querySelectorAll("[data-open-picture] img")) {
  if (image.complete && !image.naturalWidth) mark(image, true);
}
