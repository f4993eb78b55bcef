// The live board: brought up to date by hints, walked through by keys.
import { throttled } from "../desk/live.js";
import { onHint, onKey } from "./main.js";

const THROTTLE = 1500; // a busy morning has a change each second: nobody reads faster
const IDLE = 30_000; // what only time changes: who is late by now
const board = document.getElementById("board");
let isStale = false;

/* Live */

const LONGEST = 10_000; // not for as long as the tab itself stood still
let asked = 0, pause = 0; // a server that is slow is asked less often
const ask_ = () => {
  asked = performance.now();
  htmx.trigger("#refresh", "board:refresh");
};
const refresh = throttled(() => (pause > THROTTLE ? setTimeout(ask_, pause) : ask_()), THROTTLE);
document.body.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.id === "refresh") pause = Math.min(4 * (performance.now() - asked), LONGEST);
});

function changed() {
  if (document.hidden) isStale = true;
  else refresh();
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && isStale) refresh();
  isStale = false;
});
document.body.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt.id === "refresh") event.detail.parameters.people = String(board.querySelectorAll(".agent").length);
});
document.body.addEventListener("board:acted", () => {
  document.getElementById("act").close();
  refresh();
});
onHint(changed);
setInterval(changed, IDLE);

/* Keys: lines can be walked through with j and k, and every line knows what can be done with it. */

const lines = () => [...board.querySelectorAll("[data-line]")].filter((line) => line.checkVisibility());
const current = () => document.activeElement?.closest?.("[data-line]");

function move(step) {
  const all = lines();
  if (!all.length) return;
  const at = all.indexOf(current());
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function jump(selector) {
  const line = board.querySelector(`${selector} [data-line]`);
  line?.focus({ preventScroll: true });
  line?.scrollIntoView({ block: "center" });
}

const ask = (url) => htmx.ajax("GET", url, { target: "#act-body", swap: "innerHTML" });

function open() {
  const line = current();
  if (!line) return;
  if (line.dataset.openAgent) ask(line.dataset.openAgent);
  else if (line.dataset.open) location.assign(line.dataset.open);
}

function withWork(act) {
  const work = current()?.dataset.work;
  if (work) act(work);
}

onKey("j", () => move(1));
onKey("k", () => move(-1));
onKey("ArrowDown", () => move(1));
onKey("ArrowUp", () => move(-1));
onKey("o", open);
onKey("1", () => jump("#queues-now"));
onKey("2", () => jump("#people-now"));
onKey("3", () => jump("#decided"));
onKey("/", () => document.getElementById("scope-q").focus());
onKey("r", () => withWork((work) => ask(`/board/conversations/${work}/assign`)));
onKey("b", () => withWork((work) => htmx.ajax("POST", `/board/conversations/${work}/release`, { target: "#toasts", swap: "beforeend" })));
onKey("a", () => {
  const agent = current()?.dataset.agentLine;
  if (agent) ask(`/board/agents/${agent}/`);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches?.("[data-line]")) open();
});
