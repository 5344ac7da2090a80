/**
 * dpkg's own records (/var/lib/dpkg) for packages that were unpacked without dpkg: each is left in the state
 * "unpacked", so that `dpkg --configure` in the guest does the rest. Formats: deb-control(5), deb-triggers(5),
 * and dpkg's doc/triggers.txt for the trigger interests.
 */
import { createHash } from "node:crypto";
import { type Paragraph, paragraphs } from "./control-file.js";
import { visitDeb } from "./deb-archive.js";
import type { StandIn } from "./recipe.js";
import type { RootTree } from "./root-tree.js";

const DATABASE = "/var/lib/dpkg";

/** Control members that dpkg keeps as they are, and whether they are programs. */
const KEPT_MEMBERS: Readonly<Record<string, boolean>> = {
  conffiles: false,
  config: true,
  md5sums: false,
  postinst: true,
  postrm: true,
  preinst: true,
  prerm: true,
  shlibs: false,
  symbols: false,
  templates: false,
  triggers: false,
};

export interface DpkgOptions {
  readonly architecture: string;
  readonly standIns: readonly StandIn[];
  /** Asked for by name: `apt autoremove` leaves these alone, and removes others once nothing needs them. */
  readonly manual: ReadonlySet<string>;
}

export class DpkgDatabase {
  readonly #stanzas: string[] = [];
  readonly #automatic: string[] = [];
  readonly #fileTriggers: string[] = [];
  readonly #namedTriggers = new Map<string, string[]>();

  constructor(
    readonly tree: RootTree,
    readonly options: DpkgOptions,
  ) {}

  /** Records the package at `path`, whose files (`files`: paths as the package names them) are in the tree. */
  async addPackage(path: string, files: readonly string[], signal?: AbortSignal): Promise<void> {
    const members = await controlMembers(path, signal);
    const text = (members.get("control") ?? Buffer.alloc(0)).toString("utf8").trim();
    const [fields = new Map<string, string>()] = [...paragraphs(text)] as Paragraph[];
    const name = fields.get("package") ?? "";
    const foreignable = fields.get("multi-arch") === "same";
    const qualified = foreignable ? `${name}:${this.options.architecture}` : name;

    const info = `${DATABASE}/info/${qualified}`;
    this.tree.addFile(`${info}.list`, `${["/.", ...files.filter((file) => file !== "/")].join("\n")}\n`);
    for (const [member, content] of members) {
      const program = KEPT_MEMBERS[member];
      if (program !== undefined) this.tree.addFile(`${info}.${member}`, content, program ? 0o755 : 0o644);
    }
    this.#addTriggers(members.get("triggers")?.toString("utf8") ?? "", qualified);
    this.#stanzas.push(
      `${text}\nStatus: install ok unpacked\n${this.#conffiles(members.get("conffiles")?.toString("utf8") ?? "")}`,
    );
    const required = fields.get("essential") === "yes" || fields.get("priority") === "required";
    if (!required && !this.options.manual.has(name)) this.#automatic.push(name);
  }

  /** Writes what is about all packages together. */
  finish(): void {
    const { architecture, standIns } = this.options;
    for (const { name, provides, description } of standIns) {
      this.#stanzas.push(
        `Package: ${name}\nStatus: install ok installed\nPriority: optional\nSection: kernel\nMaintainer: vkrun\n` +
          `Architecture: all\nVersion: 1\nProvides: ${provides}\nDescription: ${description}\n`,
      );
      this.tree.addFile(`${DATABASE}/info/${name}.list`, "/.\n");
      this.tree.addFile(`${DATABASE}/info/${name}.md5sums`, "");
    }
    for (const directory of ["alternatives", "info", "parts", "triggers", "updates"]) {
      this.tree.addDirectory(`${DATABASE}/${directory}`);
    }
    this.tree.addFile(`${DATABASE}/status`, `${this.#stanzas.join("\n")}\n`);
    this.tree.addFile(`${DATABASE}/available`, "");
    this.tree.addFile(`${DATABASE}/diversions`, "");
    this.tree.addFile(`${DATABASE}/statoverride`, "");
    this.tree.addFile(`${DATABASE}/arch`, `${architecture}\n`);
    this.tree.addFile(`${DATABASE}/info/format`, "1\n");
    this.tree.addFile(`${DATABASE}/triggers/File`, this.#fileTriggers.map((line) => `${line}\n`).join(""));
    for (const [trigger, packages] of this.#namedTriggers) {
      this.tree.addFile(`${DATABASE}/triggers/${trigger}`, packages.map((line) => `${line}\n`).join(""));
    }
    this.tree.addFile(
      "/var/lib/apt/extended_states",
      this.#automatic.map((name) => `Package: ${name}\nArchitecture: ${architecture}\nAuto-Installed: 1\n\n`).join(""),
    );
  }

  /** The status file's list of configuration files with the hash that each was shipped with. */
  #conffiles(list: string): string {
    const lines = list.split("\n").flatMap((line) => {
      const [path = "", ...flags] = line.trim().split(/\s+/).reverse();
      const content = path === "" || flags.length > 0 ? undefined : this.tree.read(path);
      return content === undefined ? [] : [` ${path} ${createHash("md5").update(content).digest("hex")}`];
    });
    return lines.length === 0 ? "" : `Conffiles:\n${lines.join("\n")}\n`;
  }

  #addTriggers(text: string, qualified: string): void {
    for (const line of text.split("\n")) {
      const match = /^\s*interest(-await|-noawait)?\s+(\S+)/.exec(line);
      if (match?.[2] === undefined) continue;
      const entry = match[1] === "-noawait" ? `${qualified}/noawait` : qualified;
      const trigger = match[2];
      if (trigger.startsWith("/")) this.#fileTriggers.push(`${trigger} ${entry}`);
      else this.#namedTriggers.set(trigger, [...(this.#namedTriggers.get(trigger) ?? []), entry]);
    }
  }
}

async function controlMembers(path: string, signal?: AbortSignal): Promise<Map<string, Buffer>> {
  const members = new Map<string, Buffer>();
  await visitDeb(
    path,
    "control",
    (entry) => {
      if (entry.type !== "file") return undefined;
      const chunks: Uint8Array[] = [];
      return {
        write: (chunk) => chunks.push(Buffer.from(chunk)),
        end: () => members.set(entry.path.slice(1), Buffer.concat(chunks)),
      };
    },
    signal,
  );
  return members;
}
