/**
 * Kernel modules for an image: picked by name together with what they depend on, decompressed, and indexed in the
 * two text files that modprobe reads. Done here because depmod(8) is no program of every host.
 */
import { Readable } from "node:stream";
import { VkrunError } from "../errors.js";
import { xzDecompress } from "./host-tools.js";
import type { RootTree } from "./root-tree.js";

export interface KernelModule {
  /** With underscores, as in /proc/modules. */
  readonly name: string;
  /** Below /lib/modules/VERSION, without the compression's suffix. */
  readonly path: string;
  readonly content: Buffer;
  readonly depends: readonly string[];
  readonly aliases: readonly string[];
}

/** A module file in the tree, not yet read. */
interface ModuleFile {
  readonly treePath: string;
  readonly relativePath: string;
}

export class ModuleCatalogue {
  readonly #files = new Map<string, ModuleFile>();
  readonly #loaded = new Map<string, KernelModule>();

  constructor(
    readonly tree: RootTree,
    readonly kernelVersion: string,
  ) {
    const prefix = `${tree.resolve(`/lib/modules/${kernelVersion}`)}/`;
    for (const [path] of tree.entries()) {
      if (!path.startsWith(prefix)) continue;
      const match = /([^/]+)\.ko(?:\.xz)?$/.exec(path);
      if (match?.[1] === undefined) continue;
      const relativePath = path.slice(prefix.length).replace(/\.xz$/, "");
      this.#files.set(moduleName(match[1]), { treePath: path, relativePath });
    }
  }

  /** The named modules and all that they need, each after what it needs. */
  async closure(names: readonly string[], signal?: AbortSignal): Promise<KernelModule[]> {
    const ordered = new Map<string, KernelModule>();
    const visit = async (name: string, trail: readonly string[]): Promise<void> => {
      if (ordered.has(name) || trail.includes(name)) return;
      const module = await this.#load(name, signal);
      for (const dependency of module.depends) await visit(dependency, [...trail, name]);
      ordered.set(name, module);
    };
    for (const name of names) await visit(moduleName(name), []);
    return [...ordered.values()];
  }

  async #load(name: string, signal?: AbortSignal): Promise<KernelModule> {
    const loaded = this.#loaded.get(name);
    if (loaded !== undefined) return loaded;
    const file = this.#files.get(name);
    const raw = file && this.tree.read(file.treePath);
    if (file === undefined || raw === undefined) {
      throw new VkrunError("ERR_VKRUN_IMAGE_BUILD_FAILED", `kernel ${this.kernelVersion} has no module ${name}`);
    }
    const content = file.treePath.endsWith(".xz") ? await unxz(raw, signal) : raw;
    const info = moduleInfo(content);
    const module: KernelModule = {
      name,
      path: file.relativePath,
      content,
      depends: info.flatMap(([key, value]) => (key === "depends" ? value.split(",") : [])).filter((n) => n !== ""),
      aliases: info.flatMap(([key, value]) => (key === "alias" ? [value] : [])),
    };
    this.#loaded.set(name, module);
    return module;
  }
}

/** `modules.dep`: each path, then the paths of all that it needs. */
export function modulesDep(modules: readonly KernelModule[]): string {
  const byName = new Map(modules.map((module) => [module.name, module]));
  const needs = (module: KernelModule, seen: Set<string>): Set<string> => {
    for (const name of module.depends) {
      const dependency = byName.get(name);
      if (dependency === undefined || seen.has(dependency.path)) continue;
      seen.add(dependency.path);
      needs(dependency, seen);
    }
    return seen;
  };
  return modules.map((module) => `${[`${module.path}:`, ...needs(module, new Set())].join(" ")}\n`).join("");
}

export function modulesAlias(modules: readonly KernelModule[]): string {
  return modules.flatMap(({ name, aliases }) => aliases.map((alias) => `alias ${alias} ${name}\n`)).join("");
}

const ELF_MAGIC = 0x7f454c46;
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const SECTION_HEADER_BYTES = 64;

/** The `key=value` strings of section `.modinfo`. */
export function moduleInfo(elf: Buffer): [key: string, value: string][] {
  const section = elfSection(elf, ".modinfo");
  return section
    .toString("latin1")
    .split("\0")
    .flatMap((text): [string, string][] => {
      const equals = text.indexOf("=");
      return equals > 0 ? [[text.slice(0, equals), text.slice(equals + 1)]] : [];
    });
}

/** A section's bytes, by name: System V ABI, "Sections". */
function elfSection(elf: Buffer, wanted: string): Buffer {
  try {
    if (elf.readUInt32BE(0) !== ELF_MAGIC || elf[4] !== ELFCLASS64 || elf[5] !== ELFDATA2LSB) throw new Error();
    const headers = Number(elf.readBigUInt64LE(0x28));
    const count = elf.readUInt16LE(0x3c);
    const header = (index: number) => headers + index * SECTION_HEADER_BYTES;
    const bytes = (at: number) => {
      const offset = Number(elf.readBigUInt64LE(at + 0x18));
      return elf.subarray(offset, offset + Number(elf.readBigUInt64LE(at + 0x20)));
    };
    const names = bytes(header(elf.readUInt16LE(0x3e)));
    for (let i = 0; i < count; i++) {
      const start = elf.readUInt32LE(header(i));
      if (names.toString("latin1", start, names.indexOf(0, start)) === wanted) return bytes(header(i));
    }
  } catch {
    throw new VkrunError("ERR_VKRUN_IMAGE_BUILD_FAILED", "a kernel module is not a 64-bit little-endian ELF file");
  }
  return Buffer.alloc(0);
}

async function unxz(raw: Buffer, signal?: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of xzDecompress(Readable.from([raw]), signal)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function moduleName(name: string): string {
  return name.replaceAll("-", "_");
}
