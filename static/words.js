// What pages say that scripts write, in the language of the page: from the catalogue that it loads first
// (templates/base/words.html; an English page needs none), made of locale/*/LC_MESSAGES/djangojs.po.
const catalogue = globalThis.django;
const { lang } = document.documentElement;

/** For Intl; English pages write dates as this browser does, as there are many Englishes. */
export const locale = lang === "en" ? undefined : lang;

export const gettext = (text) => catalogue?.gettext(text) ?? text;

export const ngettext = (one, many, count) => catalogue?.ngettext(one, many, count) ?? (count === 1 ? one : many);

/** Put values in their places: "%(name)s". */
export const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => String(values[name]));
