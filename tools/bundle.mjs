// Usage: node tools/bundle.mjs DIST
//
// Puts what a vkernel needs to start into a few files: the two hundred modules of the command and of the guest's thread take Node
// three times as long to find, one by one, as to run. Each of the two entries is replaced by a bundle; what is imported with import()
// becomes a chunk of its own. The modules stay beside them, for `import "vkrun"`, types and tests.
import { join, relative, resolve } from "node:path";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: node tools/bundle.mjs DIST");
const dist = resolve(folder);

/** Loaded at each start, and made of many modules themselves. All other packages are loaded from where they are. */
const BUNDLED = ["commander", "cborg"];
const ENTRIES = ["cli/main", "machine/worker"];

const [major, minor] = process.versions.node.split(".").map(Number);
if (major === 20 && minor < 19) {
  console.error("dist/ is not bundled, so that vkrun starts slower than it could: that takes Node 20.19 or newer");
  process.exit();
}

const { rolldown } = await import("rolldown");

/** Every file of a bundle lies in a folder of dist/, wherever the modules were that are in it now. */
const moduleUrl = {
  name: "module-url",
  /** @param {string} code @param {string} id */
  transform(code, id) {
    const url = `new URL(${JSON.stringify(`../${relative(dist, id)}`)}, import.meta.url).href`;
    return code.includes("import.meta.url") ? code.replaceAll("import.meta.url", url) : undefined;
  },
};

// Each by itself: what they have in common would become files of its own.
for (const entry of ENTRIES) {
  const build = await rolldown({
    input: { [entry]: join(dist, `${entry}.js`) },
    platform: "node",
    external: (id) => /^[\w@]/.test(id) && !BUNDLED.includes(id),
    plugins: [moduleUrl],
  });
  await build.write({
    dir: dist,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js",
  });
}
