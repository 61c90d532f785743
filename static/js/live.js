// Answers as they are written. htmx holds the socket; this module decides what its frames do.
//
// What frames there are is said in chats/live.py. Those with words are written straight to elements found by id, for a
// seventieth of what htmx takes. For the same reason the finished text is no subject of a :has() in the style sheets.
//
// Nothing missing, nothing twice: a delta applies only if its seq follows that of the bubble. Older ones are dropped, a gap
// asks the server for the state ({"resume": id}). Frames for a bubble that the answer to a POST has yet to bring wait for it.

const KEPT_FRAMES = 200;
const QUIET_SECONDS = 2;
const UNMENTIONED_AFTER = 1500;
const PART_BLOCKS = 20;
const LONG_BLOCK = 20_000;
const REST = 4;

const scroll = document.getElementById("scroll");
const messages = document.getElementById("messages");
const byId = (id) => document.getElementById(id);
const bubbleOf = (id) => byId(`m-${id}`);
const lastShown = () => messages.querySelector(".message:last-of-type")?.dataset.message ?? "";
const liveBubbles = () => messages.querySelectorAll("[data-live]");

// --- Frames -------------------------------------------------------------------------------------------------------

const waiting = new Map(); // message id -> frames that came before its bubble
const behind = new Set(); // message ids whose state was asked for
const unfolded = new Set(); // message ids whose thoughts are being read while their last frame is swapped
let heldExchanges = [];
let postsUnderWay = 0;
let leaving = false; // this tab deleted the conversation and waits to be told where to go
let mentioned = new Set(); // since the socket opened

function take(frame) {
  // Returns true when htmx shall swap the frame's content.
  if (frame.kind === "gone") {
    if (!leaving) location.replace(scroll.dataset.gone || "/");
    return false;
  }
  if (!frame.m) return true;
  if (frame.kind === "exchange") return takeExchange(frame);
  if (frame.kind === "title") return true;
  if (frame.kind === "path") {
    showPath(frame.m);
    return false;
  }
  // The frames above name a message without saying how it stands.
  mentioned.add(frame.m);
  const bubble = bubbleOf(frame.m);
  if (!bubble) {
    keep(frame);
    return false;
  }
  const seq = Number(bubble.dataset.seq || 0);
  if (frame.kind === "final") {
    behind.delete(frame.m);
    if (bubble.querySelector(".steps")?.open) unfolded.add(frame.m);
    holdPlace(bubble);
    return true;
  }
  if (!bubble.hasAttribute("data-live")) {
    // Continued in another tab: this one shows how it had ended.
    if (frame.kind === "state") refetch(bubble);
    return false;
  }
  if (frame.kind === "state") {
    behind.delete(frame.m);
    if (frame.seq <= seq) return false;
  } else {
    if (frame.seq <= seq || behind.has(frame.m)) return false;
    if (frame.seq > seq + 1) {
      askFor(frame.m);
      return false;
    }
  }
  bubble.dataset.seq = frame.seq;
  if (frame.content !== undefined) return true;
  write(bubble, frame);
  return false;
}

function write(bubble, { m, kind, done, open, code, state, status, thoughts }) {
  const place = byId(`m-${m}-open`);
  const left = done != null || code ? endRest(place).html : null;
  if (left != null) place.innerHTML = left;
  if (done != null) {
    if (kind === "state") byId(`m-${m}-done`).innerHTML = done;
    else partOf(byId(`m-${m}-done`)).insertAdjacentHTML("beforeend", done);
  }
  if (open != null) writeOpen(place, open);
  if (code) byId(`m-${m}-code`)?.insertAdjacentHTML("beforeend", code);
  if (state != null) showState(byId(`m-${m}-state`), state);
  if (thoughts != null) think(byId(`m-${m}-state`), thoughts, kind);
  if (status) bubble.dataset.status = status;
  if (done || open || code) grew();
}

// A long block takes its time, and is written anew as it grows. After each time the page has REST times as long for everything
// else, and only the newest of what comes is kept. What follows the block waits for nothing.
const resting = new WeakMap(); // the place of an open block -> {html: not yet written, timer}

function writeOpen(place, html) {
  const rest = resting.get(place);
  if (rest) {
    rest.html = html;
    return;
  }
  const began = performance.now();
  place.innerHTML = html;
  if (html.length < LONG_BLOCK) return;
  place.getBoundingClientRect(); // lays it out now instead of with the next picture
  const timer = setTimeout(() => {
    const { html } = endRest(place);
    // Not if the finished answer came in its place.
    if (html && place.isConnected) writeOpen(place, html);
  }, REST * (performance.now() - began));
  resting.set(place, { timer });
}

function endRest(place) {
  const rest = resting.get(place) ?? {};
  clearTimeout(rest.timer);
  resting.delete(place);
  return rest;
}

// The line above an answer changes, and what was thought stays in it, open if it was opened.
function showState(line, html) {
  const before = line.querySelector(".steps");
  line.innerHTML = html;
  const now = line.querySelector(".steps");
  if (!before || !now) return;
  now.open = before.open;
  now.querySelector(".thinking").replaceWith(before.querySelector(".thinking"));
}

function think(line, thoughts, kind) {
  const place = line.querySelector(".thinking");
  if (kind === "state" && place) place.innerHTML = thoughts;
  else place?.insertAdjacentHTML("beforeend", thoughts);
}

// Finished blocks come in parts, so that the browser can leave out those that are out of sight. A part ends with a
// paragraph: its margins do not collapse with those of the next one, and for a paragraph the style sheet makes up for it.
function partOf(done) {
  let part = done.lastElementChild;
  if (!part?.matches(".part") || (part.childElementCount >= PART_BLOCKS && part.lastElementChild.matches("p"))) {
    part = document.createElement("div");
    part.className = "part";
    done.append(part);
  }
  return part;
}

function keep(frame) {
  const frames = waiting.get(frame.m) || [];
  if (frames.length < KEPT_FRAMES) frames.push(frame);
  waiting.set(frame.m, frames);
}

function takeExchange(frame) {
  if (postsUnderWay) {
    heldExchanges.push(frame);
    return false;
  }
  if (bubbleOf(frame.m)) return false;
  if (frame.after === undefined || frame.after === lastShown()) return true;
  // It was asked below what another version ends with.
  showPath(frame.m);
  return false;
}

// The conversation ends with another message than this page: it slept while a question was asked elsewhere, or another
// tab chose another version.
let missedPath = null;

async function showPath(leaf) {
  // What is being typed into a question outlives what others do: the page follows when it was sent or given up.
  missedPath = messages.querySelector(".editing") && leaf;
  if (postsUnderWay || leaving || missedPath) return;
  if (lastShown() === leaf) return;
  await htmx.ajax("GET", scroll.dataset.latest, { source: scroll, target: messages, swap: "innerHTML" });
  settle();
}

function swapContent(frame) {
  if (frame.content === undefined) return;
  htmx.swap({ sourceElement: scroll, target: scroll, swap: "none", text: frame.content, transition: false });
}

// Bubbles have come: give them what came before them, and see what is still missing.
function settle() {
  if (!postsUnderWay && heldExchanges.length) {
    const frames = heldExchanges;
    heldExchanges = [];
    frames.filter(takeExchange).forEach(swapContent);
  }
  if (missedPath) showPath(missedPath);
  for (const id of unfolded) byId(`m-${id}-state`)?.querySelector(".steps")?.setAttribute("open", "");
  unfolded.clear();
  for (const [id, frames] of waiting) {
    if (!bubbleOf(id)) continue;
    waiting.delete(id);
    for (const frame of frames) if (take(frame)) swapContent(frame);
  }
  restorePlace();
  showBusy();
}

function askFor(id) {
  if (behind.has(id)) return;
  behind.add(id);
  send({ resume: id });
}

function send(data) {
  const socket = connection()?.socket;
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(data));
}

// For each message htmx searches the whole document, which would make a long page slow. So our listener stands before its
// own on every socket, and what is dealt with here it never sees. The order is that of adding, so the page loads this
// module before htmx: a socket opened earlier would cost more with every word.
let intercepted = null;

document.addEventListener("htmx:before:ws:connection", ({ detail: { connection: opening } }) => {
  if (opening === intercepted) return;
  intercepted = opening;
  let socket = opening.socket;
  Object.defineProperty(opening, "socket", {
    get: () => socket,
    set(next) {
      socket = next;
      socket?.addEventListener("message", (event) => {
        if (!take(JSON.parse(event.data))) event.stopImmediatePropagation();
      });
    },
  });
});
document.addEventListener("htmx:after:ws:message", ({ detail: { message } }) => {
  if (message.json?.content !== undefined) settle();
});

// Replies that bring bubbles: while one is under way, the same exchange may come through the socket as well.
const bringsBubbles = (ctx) => ctx.request?.method === "POST" && messages.isConnected && ctx.target?.id === "messages";
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (ctx.request.action.endsWith("/delete")) leaving = true;
  if (!bringsBubbles(ctx)) return;
  ctx.bringsBubbles = true;
  postsUnderWay += 1;
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  if (ctx.bringsBubbles) postsUnderWay -= 1;
  settle();
});

// --- The socket -----------------------------------------------------------------------------------------------------

const connection = () => htmx.ext?.ws?.getRegistry().get(scroll.getAttribute("hx-ws:connect"));
let closedSince = 0;
let pollTimer = 0;

document.addEventListener("htmx:after:ws:connection", () => {
  closedSince = 0;
  clearInterval(pollTimer);
  pollTimer = 0;
  say("");
  behind.clear();
  mentioned = new Set();
  setTimeout(() => {
    for (const bubble of liveBubbles()) if (!mentioned.has(bubble.dataset.message)) refetch(bubble);
  }, UNMENTIONED_AFTER);
});
document.addEventListener("htmx:ws:close", startPolling);

function startPolling() {
  closedSince ||= Date.now();
  pollTimer ||= setInterval(poll, QUIET_SECONDS * 1000);
}

function poll() {
  if (document.hidden || connection()?.socket?.readyState === WebSocket.OPEN) return;
  if (Date.now() - closedSince < QUIET_SECONDS * 900) return;
  say("Reconnecting…");
  liveBubbles().forEach(refetch);
}

function say(text) {
  const line = byId("connection");
  if (line.textContent !== text) line.textContent = text;
}

async function refetch(bubble) {
  if (bubble.dataset.fetching) return;
  bubble.dataset.fetching = "1";
  try {
    await htmx.ajax("GET", bubble.dataset.url, { source: bubble, target: bubble, swap: "outerHTML" });
  } finally {
    delete bubble.dataset.fetching;
  }
  settle();
}

// What is swapped may hold the focus, or text that is being marked. Both go on in what comes: to the same control of the
// same bubble, or of the version that was chosen, which stands where the other stood. An answer that is only being written
// has no controls: there the focus goes to the field, though not after a tap, which would open the keyboard of a phone.
let held = null;

const controls = (bubble) => [...(bubble?.querySelectorAll("a[href], button:enabled, summary, [tabindex='0']") ?? [])];
const labelOf = (control) => control.ariaLabel || control.textContent.trim();
const proseOf = (bubble) => bubble?.querySelector(".prose");

function holdPlace(within, path = "") {
  const control = document.activeElement;
  const isHeld = control !== within && within.contains(control);
  const bubble = (isHeld ? control : within).closest(".message");
  const marked = bubble && markedIn(proseOf(bubble));
  if (!isHeld && !marked) return;
  const chosen = /messages\/([^/]+)\/switch/.exec(path)?.[1];
  held = { id: chosen ? `m-${chosen}` : bubble?.id, chosen, marked };
  if (!isHeld) return;
  const at = controls(bubble).indexOf(control);
  held.control = { label: labelOf(control), at, top: control.getBoundingClientRect().top, byKey: control.matches(":focus-visible") };
}

function restorePlace() {
  if (!held) return;
  const { id, chosen, control, marked } = held;
  held = null;
  const bubble = byId(id) ?? messages.querySelector(".message:last-of-type");
  if (marked && bubble?.id === id) mark(proseOf(bubble), marked);
  if (!control || messages.contains(document.activeElement)) return;
  const there = controls(bubble);
  const same = there.find((one) => labelOf(one) === control.label);
  const next = same ?? there.find((one) => one.closest(".siblings")) ?? there[control.at] ?? there[0];
  if (next) next.focus({ preventScroll: true });
  else if (control.byKey) byId("question")?.focus({ preventScroll: true });
  if (!chosen || !next) return;
  scroll.scrollTop += next.getBoundingClientRect().top - control.top;
  following = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight <= 8;
}

// What is marked in this text, as two places in its characters: the text that comes has the same ones.
function markedIn(prose) {
  const selection = getSelection();
  if (!prose || selection.isCollapsed || !prose.contains(selection.anchorNode) || !prose.contains(selection.focusNode)) return null;
  const before = (node, offset) => {
    const range = document.createRange();
    range.selectNodeContents(prose);
    range.setEnd(node, offset);
    return range.toString().length;
  };
  return [before(selection.anchorNode, selection.anchorOffset), before(selection.focusNode, selection.focusOffset), selection.toString()];
}

function mark(prose, [anchor, focus, text]) {
  const texts = document.createTreeWalker(prose, NodeFilter.SHOW_TEXT);
  const places = [];
  for (let passed = 0, node; (node = texts.nextNode()); passed += node.length) {
    for (const [one, at] of [anchor, focus].entries()) if (!places[one] && at <= passed + node.length) places[one] = [node, at - passed];
  }
  if (!places[0] || !places[1]) return;
  const selection = getSelection();
  selection.setBaseAndExtent(...places[0], ...places[1]);
  if (selection.toString() !== text) selection.removeAllRanges();
}

document.addEventListener("htmx:before:swap", ({ detail: { ctx } }) => {
  if (messages.contains(ctx.target)) holdPlace(ctx.target, ctx.request?.action);
});

// --- Send or stop, and what is said aloud ------------------------------------------------------------------------------

let written = null; // the answer being written that was seen last

// How an answer ended, for those who do not see it.
function ending(bubble) {
  const { status } = bubble?.dataset ?? {};
  if (status === "stopped") return "The answer was stopped.";
  if (status === "failed" || status === "interrupted") return bubble.querySelector(".outcome p")?.textContent ?? "The answer failed.";
  return "The answer is complete.";
}

function showBusy() {
  const composer = byId("composer");
  const live = [...liveBubbles()];
  const bubble = live.at(-1);
  composer?.toggleAttribute("data-busy", Boolean(bubble));
  if (bubble && composer) {
    const stop = composer.querySelector("[data-stop-answer]");
    stop.setAttribute("formaction", live.length > 1 ? composer.dataset.stopAll : bubble.dataset.stop);
  }
  pill.querySelector("span").textContent = bubble ? "New text" : "To the end";
  if (Boolean(bubble) !== Boolean(written)) byId("announcer").textContent = bubble ? "The answer begins." : ending(byId(written));
  written = bubble?.id ?? null;
}

// --- Scrolling: follow only while the reader is at the end -----------------------------------------------------------------

const pill = byId("follow");
let following = true;

// After layout, so that nothing here makes the browser lay out twice: a long answer would cost more with every word.
function toEnd() {
  scroll.scrollTop = scroll.scrollHeight;
  following = true;
  pill.hidden = true;
}

function grew() {
  if (!following) pill.hidden = false;
}

// Growth is followed before this is looked at, so an end out of sight is one that the reader scrolled away from.
const end = document.createElement("div");
messages.after(end);
new IntersectionObserver((seen) => {
  following = seen.at(-1).isIntersecting;
  if (following) pill.hidden = true;
}, { root: scroll, rootMargin: "8px" }).observe(end);

// That comes a frame too late while the text grows with every frame: each growth would take a slow wheel back to the end.
// So the first step up ends the following. Becoming shorter is no step up: that ends at the end.
let top = 0;
scroll.addEventListener("scroll", () => {
  const now = scroll.scrollTop;
  const isAtEnd = scroll.scrollHeight - now - scroll.clientHeight <= 1;
  if (now < top && !isAtEnd) following = false;
  else if (now > top && isAtEnd) following = true;
  top = now;
}, { passive: true });

// Runs between layout and paint, so the page never shows a wrong place first.
new ResizeObserver(() => following && toEnd()).observe(messages);
new ResizeObserver(() => following && toEnd()).observe(scroll);
pill.addEventListener("click", toEnd);

// A reader who asks, or has something answered again, wants to see it; one who loads older messages wants to stay.
let keepFromEnd = null;
document.addEventListener("htmx:before:swap", ({ detail: { ctx } }) => {
  const loader = ctx.sourceElement?.closest?.("[data-earlier], [data-later]");
  // What comes below the reader moves nothing.
  const isAbove = loader && loader.getBoundingClientRect().top < scroll.getBoundingClientRect().top;
  if (loader?.matches("[data-earlier]") || isAbove) keepFromEnd = scroll.scrollHeight - scroll.scrollTop;
  if (ctx.bringsBubbles && !ctx.request.action.endsWith("/switch")) following = true;
});
document.addEventListener("htmx:after:swap", () => {
  if (keepFromEnd === null) return;
  scroll.scrollTop = scroll.scrollHeight - keepFromEnd;
  keepFromEnd = null;
});

// A link may lead to a message: then the reader is there, and not at the end.
const wanted = location.hash.startsWith("#m-") && byId(location.hash.slice(1));
const toWanted = () => wanted?.scrollIntoView({ block: "start" });

toEnd();
if (wanted) {
  following = false;
  toWanted();
  addEventListener("load", toWanted);
}
showBusy();
// In case htmx looked at the page before its ws extension had arrived. Doing it twice does nothing.
addEventListener("load", () => {
  htmx.process(scroll);
  if (connection()?.socket?.readyState !== WebSocket.OPEN) startPolling();
});
