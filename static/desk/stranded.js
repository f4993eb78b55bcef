// Words that stand in this browser alone, as their draft has left or is a colleague's: what becomes of them.
import { keep, keyOf, throwAway, unsaved } from "./keeping.js";
import { showKept } from "./kept.js";
import { plainText } from "./writing.js";

/**
 * Ask in `place`, with the panel `name`; `forget` is called when the words don't stay there, `anew` when they do.
 */
export function askForStranded(place, name, { conversation, kind, says, forget, anew }) {
  const words = () => unsaved(kind, conversation);
  const drop = () => {
    forget();
    throwAway(keyOf(kind, conversation));
  };
  const show = (part) => htmx.ajax("GET", `/conversations/${conversation}/${part}`, { target: "#composer", swap: "innerHTML" });
  const acts = {
    anew,
    drop: () => {
      drop();
      show("bar");
    },
    note: async () => {
      const kept = words(); // now: there may be more of them than when it was asked
      const text = kept?.html ? await plainText(kept.html) : kept?.text ?? "";
      const begun = unsaved("note", conversation)?.text.trim();
      drop();
      keep(keyOf("note", conversation), { text: begun ? `${begun}\n\n${text}` : text, number: kept?.number });
      show("notes");
    },
  };
  const kept = words();
  showKept(place, name, { says, other: kept?.html || (kept?.text ?? ""), acts });
}
