// Words that stand in this browser alone, as their draft has left or is a colleague's: what becomes of them.
import { bring } from "./dom.js";
import { keep, keyOf, throwAway, unsaved } from "./keeping.js";
import { showKept } from "./kept.js";
import { plainText } from "./writing.js";

/** Put what the server has in the place of an editor, or of the page that is one. */
export function showInstead(form, url) {
  const place = form.closest("#composer, #conversation");
  if (place?.isConnected) bring(url, `#${place.id}`);
}

/**
 * Ask in `place`, with the panel `name`; `forget` is called when the words don't stay there, `anew` when they do.
 * `leave` shows something else when they are thrown away; if not given, the buttons below the conversation.
 */
export function askForStranded(place, name, { conversation, kind, says, forget, anew, leave }) {
  const words = () => unsaved(kind, conversation);
  const drop = () => {
    forget();
    throwAway(keyOf(kind, conversation));
  };
  const show = (part) => bring(`/conversations/${conversation}/${part}`, "#composer");
  const acts = {
    anew,
    drop: () => {
      drop();
      if (leave) leave();
      else show("bar");
    },
    note: async () => {
      const kept = words(); // now: there may be more of them than when it was asked
      const text = kept?.html ? await plainText(kept.html) : kept?.text ?? "";
      const begun = unsaved("note", conversation);
      drop();
      // Below what is begun: in this browser it stands beside this, else the editor has it from the server.
      const more = begun?.text.trim() ? { ...begun, text: `${begun.text.trim()}\n\n${text}`, savedAt: undefined } : { text, isMore: true };
      keep(keyOf("note", conversation), { ...more, number: kept?.number });
      show("notes");
    },
  };
  const kept = words();
  showKept(place, name, { says, other: kept?.html || (kept?.text ?? ""), acts });
}
