// Taking recovery codes along: as a file, on the clipboard, on paper. Without scripts they can be written down.

const text = () => [...document.querySelectorAll("#codes li")].map((item) => item.textContent).join("\n") + "\n";
const say = (words) => { document.getElementById("codes-said").textContent = words; };

const ways = {
  download(button) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text()], { type: "text/plain" }));
    link.download = button.dataset.name;
    link.click();
    URL.revokeObjectURL(link.href);
    say("Downloaded");
  },
  async copy(button) {
    if (navigator.clipboard && isSecureContext) await navigator.clipboard.writeText(text());
    else {
      getSelection().selectAllChildren(document.getElementById("codes"));
      document.execCommand("copy");
      getSelection().removeAllRanges();
    }
    button.lastChild.textContent = "Copied";
    say("Copied");
  },
  print() { window.print(); },
};

for (const button of document.querySelectorAll("[data-codes]")) {
  button.hidden = false;
  button.addEventListener("click", () => ways[button.dataset.codes](button));
}
