// "Tomorrow" and the like, by the reader's own clock.
import { within } from "./dom.js";
import { now } from "./times.js";
import { locale } from "../words.js";

const shown = new Intl.DateTimeFormat(locale, { weekday: "short", hour: "2-digit", minute: "2-digit" });
const EVENING = 18, MORNING = 8;

const at = (days, hour) => {
  const day = new Date();
  day.setDate(day.getDate() + days);
  day.setHours(hour, 0, 0, 0);
  return day;
};

const RULES = {
  hour: () => new Date(now() + 3600_000),
  evening: () => at(0, EVENING),
  tomorrow: () => at(1, MORNING),
  monday: () => at(8 - (new Date().getDay() || 7), MORNING),
};

// "In an hour" is so from the moment in which one chooses, not from that in which the menu was loaded.
document.addEventListener("toggle", ({ target }) => target.matches?.("details[open]") && setSnoozeTimes(target), true);

/** Give the choices below `root` their times; what is over already is hidden. */
export function setSnoozeTimes(root) {
  for (const button of within(root, "[data-snooze]")) {
    const time = RULES[button.dataset.snooze]();
    const isTwice = button.dataset.snooze === "monday" && time.getTime() === RULES.tomorrow().getTime();
    button.hidden = time <= Date.now() || isTwice;
    button.value = time.toISOString();
    button.querySelector("small").textContent = shown.format(time);
  }
}
