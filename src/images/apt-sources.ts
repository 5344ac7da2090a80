/**
 * Where to fetch Debian packages from: what the user said, else what the host's own apt uses. There is no
 * built-in default: which mirror a machine may and should use is its administrator's choice.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { VkrunError } from "../errors.js";
import { paragraphs } from "./control-file.js";

/** One place that apt fetches from: sources.list(5). */
export interface AptSource {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/** The one-line format: `deb [ option=value ... ] uri suite component...`. */
export function parseSourcesList(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split("\n")) {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (!match) continue;
    const [, uri = "", suite = "", components = ""] = match;
    sources.push({ uri, suites: [suite], components: words(components) });
  }
  return sources;
}

/** The deb822 format: a paragraph per source, several types, URIs and suites in each. */
export function parseDeb822Sources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const fields of paragraphs(text)) {
    if (!words(fields.get("types") ?? "").includes("deb")) continue;
    if (/^(no|false|without|off|disable)$/i.test(fields.get("enabled") ?? "yes")) continue;
    for (const uri of words(fields.get("uris") ?? "")) {
      sources.push({
        uri,
        suites: words(fields.get("suites") ?? ""),
        components: words(fields.get("components") ?? ""),
      });
    }
  }
  return sources;
}

/** Every source of an apt configuration directory, in apt's order; unreadable files count as absent. */
export async function readAptSources(directory: string): Promise<AptSource[]> {
  const sources = parseSourcesList(await readOptional(join(directory, "sources.list")));
  const parts = join(directory, "sources.list.d");
  const names = await readdir(parts).catch(() => [] as string[]);
  for (const name of names.sort()) {
    const text = await readOptional(join(parts, name));
    if (name.endsWith(".list")) sources.push(...parseSourcesList(text));
    else if (name.endsWith(".sources")) sources.push(...parseDeb822Sources(text));
  }
  return sources;
}

/**
 * The address of the Debian archive among `sources`. A Debian archive has the component `main`, its path
 * ends in `/debian` on every official mirror, and its suites are neither security nor a third party's.
 */
export function debianArchive(sources: readonly AptSource[]): string | undefined {
  return sources.find(
    ({ uri, suites, components }) =>
      /^https?:\/\/.+\/debian\/?$/.test(uri) &&
      components.includes("main") &&
      suites.some((suite) => !suite.includes("security")),
  )?.uri;
}

export interface MirrorOptions {
  /** As given on the command line; wins over everything. */
  mirror?: string | undefined;
  /** Default: `process.env`; `VKRUN_MIRROR` is looked at. */
  env?: NodeJS.ProcessEnv | undefined;
  /** Default: `/etc/apt`. */
  aptDirectory?: string | undefined;
}

/** The mirror to use, without a trailing slash. Throws `ERR_VKRUN_NO_MIRROR` when none is known. */
export async function findMirror(options: MirrorOptions = {}): Promise<string> {
  const given = options.mirror ?? ((options.env ?? process.env)["VKRUN_MIRROR"] || undefined);
  const mirror = given ?? debianArchive(await readAptSources(options.aptDirectory ?? "/etc/apt"));
  if (mirror === undefined) {
    throw new VkrunError("ERR_VKRUN_NO_MIRROR", "no Debian mirror is known: this host's apt is not set up for one", {
      hint: "Name one with --mirror URL or in VKRUN_MIRROR; https://www.debian.org/mirror/list has them all.",
    });
  }
  if (!URL.canParse(mirror) || !/^https?:$/.test(new URL(mirror).protocol)) {
    throw new VkrunError("ERR_VKRUN_NO_MIRROR", `"${mirror}" is not the address of a Debian mirror`, {
      hint: "An address looks like http://HOST/debian.",
    });
  }
  return mirror.replace(/\/+$/, "");
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

async function readOptional(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
