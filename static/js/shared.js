// A page that somebody shares: it leaves as soon as it may not be open any more. The socket usually says so (live.js); when
// it is closed without a word, because an account was closed or one was signed out elsewhere, the server is asked.

const scroll = document.getElementById("scroll");
let asking = false;

async function ask() {
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch(scroll.dataset.latest, { redirect: "manual", headers: { "HX-Request": "true" } });
    const isElsewhere = answer.type === "opaqueredirect" || answer.headers.has("HX-Redirect");
    if (isElsewhere || [401, 403, 404, 410].includes(answer.status)) location.replace(scroll.dataset.gone);
  } catch {
    // No connection: the page stays, and asks again with the next attempt to connect.
  } finally {
    asking = false;
  }
}

document.addEventListener("htmx:ws:close", ask);
// The browser may show a page again as it was when it was left.
addEventListener("pageshow", (event) => event.persisted && ask());
