import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

/** Codes that code raises, by the file that does. */
function raised(): Map<string, string> {
  const codes = new Map<string, string>();
  for (const folder of ["src", "native"]) {
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      if (!/\.(ts|cc|h)$/.test(name)) continue;
      const file = join(folder, name);
      for (const [code] of readFileSync(file, "utf8").matchAll(/\bERR_VKRUN_[A-Z0-9_]*[A-Z0-9]\b/g))
        codes.set(code, file);
    }
  }
  return codes;
}

/** The first cell of each row of the tables in docs/errors.md. */
function documented(): string[] {
  const rows = readFileSync("docs/errors.md", "utf8").matchAll(/^\| `(ERR_VKRUN_[A-Z0-9_]+)` \| .+ \| .+ \|$/gm);
  return [...rows].map((row) => row[1] ?? "");
}

it("docs/errors.md explains every code that vkrun can fail with", () => {
  const known = new Set(documented());
  const missing = [...raised()].filter(([code]) => !known.has(code)).map(([code, file]) => `${code} (${file})`);
  expect(missing).toEqual([]);
});

it("docs/errors.md explains each code once, and none that no longer exists", () => {
  const codes = documented();
  expect(codes).toEqual([...new Set(codes)]);
  const known = raised();
  expect(codes.filter((code) => !known.has(code))).toEqual([]);
});
