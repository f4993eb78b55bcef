// Where the cursor stands in a textarea: browsers don't say, so a copy of the text, laid out like it, does.
const LIKE = ["font", "letterSpacing", "lineHeight", "padding", "border", "tabSize", "wordSpacing"];

/** The cursor's place in the window, in pixels. */
export function cursorIn(area) {
  const style = getComputedStyle(area), { left, top } = area.getBoundingClientRect();
  const copy = document.createElement("div"), cursor = document.createElement("span");
  for (const name of LIKE) copy.style[name] = style[name];
  Object.assign(copy.style, {
    position: "fixed", visibility: "hidden", boxSizing: "border-box", whiteSpace: "pre-wrap", overflowWrap: "break-word",
    left: `${left}px`, top: `${top - area.scrollTop}px`, width: `${area.clientWidth + area.clientLeft * 2}px`,
  });
  cursor.textContent = "\u200b";
  copy.append(area.value.slice(0, area.selectionStart), cursor);
  document.body.append(copy);
  const place = cursor.getBoundingClientRect();
  copy.remove();
  return place;
}
