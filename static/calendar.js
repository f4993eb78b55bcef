// The week of a calendar as bars, by mouse, touch and keys; the text field stays the truth, both ways.
(function () {
  const DAYS = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
  const NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
  const FULL = 1440, STEP = 15;
  const clock = (minute) => `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
  const brief = (...times) => times.map((each) => (each % 60 ? clock(each) : each / 60)).join("–");
  const bound = (minute) => Math.max(0, Math.min(FULL, minute));
  const round = (minute) => bound(Math.round(minute / STEP) * STEP);

  function merged(spans) {
    const found = [];
    for (const [start, end] of spans.filter(([a, b]) => a < b).sort((a, b) => a[0] - b[0])) {
      const last = found[found.length - 1];
      if (last && start <= last[1]) last[1] = Math.max(last[1], end); else found.push([start, end]);
    }
    return found;
  }

  // Null when the text can't be read: then the bars wait, and the server says what is wrong.
  function read(text) {
    const week = DAYS.map(() => []);
    for (const rule of text.split(";").map((each) => each.trim()).filter(Boolean)) {
      const at = rule.search(/\d/);
      if (at < 1) return null;
      const days = [];
      for (const piece of rule.slice(0, at).split(",").map((each) => each.trim())) {
        const [first, last = first] = piece.split("-").map((each) => DAYS.indexOf(each.trim().replace(/^./, (c) => c.toUpperCase())));
        if (first < 0 || last < 0) return null;
        for (let day = first; ; day = (day + 1) % 7) { days.push(day); if (day === last) break; }
      }
      for (const piece of rule.slice(at).split(",")) {
        const found = piece.trim().match(/^(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})$/);
        if (!found) return null;
        const [start, end] = [found[1] * 60 + +found[2], found[3] * 60 + +found[4]];
        if (start >= end || end > FULL) return null;
        days.forEach((day) => week[day].push([start, end]));
      }
    }
    return week.map(merged);
  }

  function write(week) {
    const texts = week.map((spans) => spans.map(([start, end]) => `${clock(start)}-${clock(end)}`).join(","));
    const rules = [];
    for (let first = 0; first < 7;) {
      let last = first;
      while (last < 6 && texts[last + 1] === texts[first]) last += 1;
      if (texts[first]) rules.push(`${first === last ? DAYS[first] : `${DAYS[first]}-${DAYS[last]}`} ${texts[first]}`);
      first = last + 1;
    }
    return rules.join("; ");
  }

  class WeekEditor {
    constructor(field) {
      this.field = field;
      this.week = read(field.value) || DAYS.map(() => []);
      this.root = document.createElement("div");
      this.root.className = "week";
      this.root.setAttribute("role", "group");
      this.root.setAttribute("aria-label", "Week");
      field.insertAdjacentElement("afterend", this.root);
      field.addEventListener("input", () => { const found = read(field.value); if (found) { this.week = found; this.draw(); } });
      this.draw();
    }

    draw(focus) {
      const scale = document.createElement("div");
      scale.className = "week-scale"; scale.setAttribute("aria-hidden", "true");
      scale.append(...["0", "6", "12", "18", "24"].map((each) => Object.assign(document.createElement("span"), { textContent: each })));
      this.root.replaceChildren(scale, ...this.week.map((spans, day) => this.row(spans, day)));
      const copy = Object.assign(document.createElement("button"), { type: "button", className: "week-add week-all", textContent: "Monday's hours for Tuesday to Friday" });
      copy.addEventListener("click", () => { for (let day = 1; day < 5; day += 1) this.week[day] = this.week[0].map((each) => [...each]); this.changed(); this.root.querySelector(".week-all").focus(); });
      const help = Object.assign(document.createElement("p"), { className: "week-help", textContent: "Drag to draw, move or stretch a bar. Keys: ← → move it, Shift ← → move its end, Delete takes it away." });
      this.root.append(copy, help);
      if (focus) this.root.querySelector(`[data-bar="${focus}"]`)?.focus();
    }

    row(spans, day) {
      const row = Object.assign(document.createElement("div"), { className: "week-row" });
      const label = Object.assign(document.createElement("span"), { textContent: DAYS[day] });
      const track = Object.assign(document.createElement("div"), { className: "week-track" });
      track.append(...spans.map((span, number) => this.bar(span, day, number)));
      track.addEventListener("pointerdown", (event) => this.drag(event, day, track));
      const add = Object.assign(document.createElement("button"), { type: "button", className: "week-add", textContent: "+" });
      add.setAttribute("aria-label", `Add hours on ${NAMES[day]}`);
      add.addEventListener("click", () => this.add(day));
      row.append(label, track, add);
      return row;
    }

    bar([start, end], day, number) {
      const bar = Object.assign(document.createElement("div"), { className: "week-bar", tabIndex: 0, textContent: end - start >= 120 ? brief(start, end) : "" });
      bar.style.left = `${(start / FULL) * 100}%`;
      bar.style.width = `${((end - start) / FULL) * 100}%`;
      bar.dataset.bar = `${day}.${number}`;
      bar.setAttribute("role", "slider");
      bar.setAttribute("aria-label", `Open on ${NAMES[day]}`);
      bar.setAttribute("aria-valuemin", 0);
      bar.setAttribute("aria-valuemax", FULL);
      bar.setAttribute("aria-valuenow", start);
      bar.setAttribute("aria-valuetext", `${clock(start)} to ${clock(end)}`);
      bar.addEventListener("keydown", (event) => this.key(event, day, number));
      return bar;
    }

    add(day) {
      const spans = this.week[day];
      const last = spans.length ? spans[spans.length - 1][1] : 9 * 60 - 60;
      const start = spans.length ? Math.min(last + 60, FULL - 60) : 9 * 60;
      const found = spans.length ? [start, Math.min(start + 180, FULL)] : [start, 17 * 60];
      this.week[day] = merged([...spans, found]);
      this.changed(`${day}.${this.week[day].length - 1}`);
    }

    key(event, day, number) {
      const span = this.week[day][number];
      const by = { ArrowLeft: -STEP, ArrowDown: -STEP, ArrowRight: STEP, ArrowUp: STEP, PageDown: -60, PageUp: 60 }[event.key];
      if (event.key === "Delete" || event.key === "Backspace") {
        this.week[day].splice(number, 1);
        this.changed();
        this.root.querySelectorAll(".week-row")[day].querySelector(".week-bar, .week-add").focus();
      } else if (by && event.shiftKey) {
        span[1] = Math.max(span[0] + STEP, bound(span[1] + by));
        this.changed(`${day}.${number}`);
      } else if (by) {
        const room = by < 0 ? -span[0] : FULL - span[1];
        const shift = by < 0 ? Math.max(by, room) : Math.min(by, room);
        span[0] += shift; span[1] += shift;
        this.changed(`${day}.${number}`);
      } else return;
      event.preventDefault();
    }

    // Text and bars; while a bar is on its way it is not joined with its neighbour.
    changed(focus) {
      const before = focus ? this.week[focus[0]][focus.slice(2)] : null;
      this.week = this.week.map(merged);
      if (before) focus = `${focus[0]}.${Math.max(0, this.week[focus[0]].findIndex(([a, b]) => a <= before[0] && before[1] <= b))}`;
      this.field.value = write(this.week);
      this.draw(focus);
      this.field.dispatchEvent(new Event("change", { bubbles: true }));
    }

    drag(event, day, track) {
      if (event.button) return;
      const box = track.getBoundingClientRect();
      const minute = (x) => bound(((x - box.left) / box.width) * FULL);
      const held = event.target.closest(".week-bar");
      const begin = minute(event.clientX);
      const number = held ? +held.dataset.bar.slice(2) : -1;
      const span = held ? this.week[day][number] : [round(begin), round(begin)];
      const [start, end] = span;
      const near = held ? held.getBoundingClientRect() : null;
      const edge = near && event.clientX - near.left < 9 ? "start" : near && near.right - event.clientX < 9 ? "end" : "all";
      const ghost = held || track.appendChild(this.bar([start, start + STEP], day, 99));
      track.setPointerCapture(event.pointerId);
      const move = (moved) => {
        const at = minute(moved.clientX);
        if (!held) { span[0] = round(Math.min(begin, at)); span[1] = round(Math.max(begin, at)); }
        else if (edge === "start") span[0] = Math.min(end - STEP, round(at));
        else if (edge === "end") span[1] = Math.max(start + STEP, round(at));
        else { const by = Math.max(-start, Math.min(FULL - end, Math.round((at - begin) / STEP) * STEP)); span[0] = start + by; span[1] = end + by; }
        ghost.style.left = `${(span[0] / FULL) * 100}%`;
        ghost.style.width = `${((span[1] - span[0]) / FULL) * 100}%`;
        ghost.textContent = brief(span[0], span[1]);
      };
      const drop = () => {
        track.removeEventListener("pointermove", move);
        if (!held && span[1] - span[0] >= STEP) this.week[day].push(span);
        const where = this.week[day].indexOf(span);
        this.changed(where < 0 ? undefined : `${day}.${where}`);
      };
      track.addEventListener("pointermove", move);
      track.addEventListener("pointerup", drop, { once: true });
      track.addEventListener("pointercancel", drop, { once: true });
      event.preventDefault();
    }
  }

  function watch(place) {
    const form = place.closest("form");
    let timer = 0, asked = 0;
    async function show() {
      const own = (asked += 1);
      const body = new FormData(form);
      body.append("calendar", place.dataset.calendar);
      const answer = await fetch(place.dataset.preview, { method: "POST", body, headers: { "X-CSRFToken": form.querySelector("[name=csrfmiddlewaretoken]").value } });
      if (answer.ok && own === asked) place.innerHTML = await answer.text();
    }
    const soon = () => { clearTimeout(timer); timer = setTimeout(() => show().catch(() => {}), 300); };
    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("#id_hours, [data-week]").forEach((field) => { if (field.tagName === "INPUT" && document.querySelector("[data-preview]")) new WeekEditor(field); });
    document.querySelectorAll("[data-preview]").forEach(watch);
  });
})();
