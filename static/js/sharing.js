// The link of a share that was just made: selected with a touch, copied with a click.

document.addEventListener("click", async (event) => {
  if (event.target.matches("[data-select]")) event.target.select();
  if (!event.target.matches("[data-copy-link]")) return;
  const field = document.getElementById("new-link");
  field.select();
  let done = true;
  if (navigator.clipboard && isSecureContext) await navigator.clipboard.writeText(field.value).catch(() => (done = false));
  else done = document.execCommand("copy");
  event.target.textContent = done ? "Copied" : "Press Ctrl+C";
  document.getElementById("announcer").textContent = done ? "The link was copied." : "Copy the selected link.";
});
