// Lists of the administration: choose all rows, say how many are chosen; copy a link that is shown once.

const boxes = () => [...document.querySelectorAll("#result_list tbody input.action-select")];
const all = document.getElementById("action-toggle");
const bar = document.querySelector(".list-actions");
const words = document.querySelector("[data-chosen]");

function tell() {
  if (!words) return;
  const chosen = boxes().filter((box) => box.checked).length;
  words.textContent = chosen ? `${chosen} of ${boxes().length} chosen` : "";
  bar.toggleAttribute("data-idle", !chosen);
  all.checked = chosen > 0 && chosen === boxes().length;
  all.indeterminate = chosen > 0 && chosen < boxes().length;
}

if (all && bar) {
  all.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    tell();
  });
  document.addEventListener("change", (event) => event.target.matches("input.action-select") && tell());
  tell();
}

for (const button of document.querySelectorAll("[data-copy-text]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    button.textContent = "Copied";
  });
}
