{# `kept_json`: version, page (shown when there is no connection), files (what that page shows). #}
// Shows a page when there is no connection. It keeps that page and its files, and nothing that anybody wrote, read or was
// answered: requests other than for a page, and every answer of the server, go past this worker as if it were not here.

const kept = JSON.parse("{{ kept_json|escapejs }}");
const name = `offline-${kept.version}`;

addEventListener("install", (event) => {
  const get = async (url) => {
    // Without cookies: the page as nobody in particular sees it.
    const response = await fetch(url, { credentials: "omit", cache: "reload" });
    if (!response.ok || response.redirected) throw new Error(`${url}: ${response.status}`);
    await (await caches.open(name)).put(url, response);
  };
  event.waitUntil(Promise.all([kept.page, ...kept.files].map(get)).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  const old = async () => {
    for (const other of await caches.keys()) if (other !== name) await caches.delete(other);
  };
  event.waitUntil(old().then(() => clients.claim()));
});

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const { origin, pathname } = new URL(request.url);
  if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => caches.match(kept.page)));
  } else if (origin === location.origin && kept.files.includes(pathname)) {
    event.respondWith(fetch(request).catch(async () => (await caches.match(pathname)) ?? Response.error()));
  }
});
