// Live updates: one stream for all tabs of this browser, as a browser opens few connections to one host.
//
// The tab that holds the lock reads the stream and tells the others. `onChange` gets the conversation's id and
// agent, or nothing when hints may have been missed: then everything is read again.
import { ask, user } from "./session.js";

const channel = new BroadcastChannel(`ucs:live:${user}`);
const RETRY = 4000;
let hear = () => {};

function tell(hint) {
  channel.postMessage(hint);
  hear(hint);
}

async function open() {
  try {
    const answer = await ask("/live/token");
    if (!answer.ok) throw new Error(`live updates: ${answer.status}`);
    listen(await answer.text());
  } catch {
    setTimeout(open, RETRY * (1 + Math.random()));
  }
}

function listen(token) {
  const stream = new EventSource(`/sse?token=${encodeURIComponent(token)}`);
  const again = (wait) => {
    stream.close();
    setTimeout(open, wait);
  };
  stream.addEventListener("changed", (event) => tell(JSON.parse(event.data)));
  stream.addEventListener("resync", () => tell({}));
  stream.addEventListener("open", () => tell({}));
  stream.addEventListener("expired", () => again(0));
  stream.addEventListener("error", () => again(RETRY));
}

/** Begin; `onChange({conversation, queue, agent})` for each hint, `{}` after a gap. */
export function startLive(onChange) {
  hear = onChange;
  channel.addEventListener("message", (event) => onChange(event.data));
  if (navigator.locks) navigator.locks.request(`ucs:live:${user}`, () => new Promise(open));
  else open();
}

/** Call `act` at once, and at most every `wait` milliseconds; the last call is never lost. */
export function throttled(act, wait) {
  let timer = 0, again = false;
  const run = () => {
    timer = setTimeout(() => {
      timer = 0;
      if (again) { again = false; run(); }
    }, wait);
    act();
  };
  return () => {
    if (timer) again = true;
    else run();
  };
}
