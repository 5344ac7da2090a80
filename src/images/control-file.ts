/**
 * Debian control data (deb-control(5), deb822(5)): paragraphs of `Field: value` lines, where a line that
 * begins with white space continues the value above it. Used by Packages indexes, apt's .sources files and
 * the control file of a .deb alike.
 */

/** One paragraph. Field names compare without regard to case (deb822(5)), so the keys are in lower case. */
export type Paragraph = ReadonlyMap<string, string>;

/** Yields the paragraphs of `text`; comments (`#` in column one) and blank paragraphs are left out. */
export function* paragraphs(text: string): Generator<Paragraph> {
  let fields = new Map<string, string>();
  let last = "";
  let start = 0;
  while (start <= text.length) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    const line = text.slice(start, text[end - 1] === "\r" ? end - 1 : end);
    start = end + 1;
    if (line.startsWith("#")) continue;
    if (line.trim() === "") {
      if (fields.size > 0) yield fields;
      fields = new Map();
      last = "";
    } else if (line[0] === " " || line[0] === "\t") {
      if (last !== "") fields.set(last, `${fields.get(last)}\n${line}`);
    } else {
      const colon = line.indexOf(":");
      if (colon <= 0) continue;
      last = line.slice(0, colon).toLowerCase();
      fields.set(last, line.slice(colon + 1).trim());
    }
  }
  if (fields.size > 0) yield fields;
}
