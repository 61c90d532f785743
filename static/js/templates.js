// A slash at the beginning of the question, or the button, brings the list of templates, which comes with the first use.

const field = document.getElementById("question");
const button = document.querySelector("[data-templates]");
let coming = null;

async function open() {
  try {
    coming ??= import(button.dataset.module);
    return (await coming).open();
  } catch {
    coming = null;
    document.getElementById("composer-note").textContent = "The templates could not be fetched. Your text is kept: try again in a moment.";
    return undefined;
  }
}

field.addEventListener("input", () => {
  if (field.value === "/") open();
});

// In an empty field the button writes the slash; with words in it, it leads to the page of templates.
button.addEventListener("click", async (event) => {
  if (field.value || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  field.focus();
  field.value = "/";
  if ((await open()) === 0) location.assign(button.href);
});
