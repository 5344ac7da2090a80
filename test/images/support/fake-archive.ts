/** A Debian archive in miniature: packages made on the spot, served over HTTP with ranges, and a recipe for them. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { Header } from "tar";
import type { LockFile } from "../../../src/images/lock-file.js";
import type { Recipe } from "../../../src/images/recipe.js";

export interface TarFile {
  path: string;
  type?: "File" | "Directory" | "SymbolicLink" | "Link" | "CharacterDevice";
  content?: string | Buffer;
  linkpath?: string;
  mode?: number;
  uid?: number;
  gid?: number;
}

export function tarball(files: readonly TarFile[]): Buffer {
  const blocks: Uint8Array[] = [];
  for (const { path, type = "File", content = "", linkpath = "", mode = 0o644, uid = 0, gid = 0 } of files) {
    const body = Buffer.from(content);
    const header = new Header({ path, type, linkpath, mode, uid, gid, size: body.length, mtime: new Date(1e12) });
    header.encode();
    blocks.push(header.block ?? Buffer.alloc(512), body, Buffer.alloc(-body.length & 511));
  }
  blocks.push(Buffer.alloc(1024));
  return Buffer.concat(blocks);
}

export function arArchive(members: readonly (readonly [name: string, content: Buffer])[]): Buffer {
  const chunks: Buffer[] = [Buffer.from("!<arch>\n")];
  for (const [name, content] of members) {
    const header = `${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}`;
    chunks.push(Buffer.from(`${header}${String(content.length).padEnd(10)}\`\n`), content);
    chunks.push(Buffer.alloc(content.length & 1, "\n"));
  }
  return Buffer.concat(chunks);
}

export interface FakePackage {
  name: string;
  files: readonly TarFile[];
  control?: readonly TarFile[];
}

export function deb({ name, files, control = [] }: FakePackage): Buffer {
  const fields = `Package: ${name}\nVersion: 1.0\nArchitecture: riscv64\nMaintainer: nobody\nDescription: a test\n`;
  return arArchive([
    ["debian-binary", Buffer.from("2.0\n")],
    ["control.tar.gz", gzipSync(tarball([{ path: "./control", content: fields }, ...control]))],
    ["data.tar.gz", gzipSync(tarball(files))],
  ]);
}

export const KERNEL_PACKAGE: FakePackage = {
  name: "linux-image-1-test",
  files: [
    { path: "./boot/", type: "Directory", mode: 0o755 },
    { path: "./boot/vmlinux-1-test", content: "kernel of the test" },
  ],
};

export const BUSYBOX_PACKAGE: FakePackage = {
  name: "busybox-static",
  files: [
    { path: "./usr/bin/", type: "Directory", mode: 0o755 },
    { path: "./usr/bin/busybox", content: "busybox of the test", mode: 0o4755, uid: 3, gid: 4 },
  ],
};

export const RECIPE: Recipe = {
  name: "sample",
  summary: "a sample",
  suite: "test",
  component: "main",
  architecture: "riscv64",
  sizeMiB: 64,
  kernelPackage: "linux-image-1-test",
  packages: ["busybox-static"],
  dependencies: false,
  firstBoot: false,
  standIns: [],
  configureFirst: [],
  exclude: [],
  initramfsModules: [],
  rootModules: [],
  symlinks: {},
  directories: [],
  busyboxApplets: false,
  append: "console=ttyS0",
};

export interface ServedRequest {
  readonly url: string;
  readonly range: string | undefined;
}

/** Answers a request itself and returns true, or leaves it to the server. */
export type Interceptor = (request: IncomingMessage, response: ServerResponse, body: Buffer | undefined) => boolean;

export class FakeArchive implements AsyncDisposable {
  readonly requests: ServedRequest[] = [];
  intercept: Interceptor = () => false;
  readonly #bodies = new Map<string, Buffer>();
  readonly #server = createServer((request, response) => this.#answer(request, response));

  private constructor(readonly directory: string) {}

  /** With a directory of its own that is removed at the end. */
  static async start(): Promise<FakeArchive> {
    const archive = new FakeArchive(await mkdtemp(join(tmpdir(), "vkrun-images-")));
    await new Promise<void>((resolve) => archive.#server.listen(0, "127.0.0.1", resolve));
    return archive;
  }

  get mirror(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/debian`;
  }

  get cache(): string {
    return join(this.directory, "cache");
  }

  get guestDirectory(): string {
    return join(this.directory, "guest");
  }

  serve(path: string, body: Buffer): void {
    this.#bodies.set(`/debian/${path}`, body);
  }

  /** Serves `packages`, and writes recipe and lock file for an image made of them. */
  async publish(packages: readonly FakePackage[], recipe: Partial<Recipe> = {}): Promise<LockFile> {
    const lock: LockFile = {
      lockVersion: 1,
      suite: "test",
      architecture: "riscv64",
      index: { sha256: "0".repeat(64), signed: true },
      kernel: KERNEL_PACKAGE.name,
      packages: packages.map((fake) => {
        const body = deb(fake);
        const path = `pool/${fake.name}.deb`;
        this.serve(path, body);
        const sha256 = createHash("sha256").update(body).digest("hex");
        return { package: fake.name, version: "1.0", path, size: body.length, sha256 };
      }),
    };
    const whole = { ...RECIPE, ...recipe };
    await this.writeGuest(`${whole.name}.json`, JSON.stringify(whole));
    await this.writeGuest(`${whole.name}.lock.json`, JSON.stringify(lock));
    return lock;
  }

  async writeGuest(path: string, content: string, mode = 0o644): Promise<void> {
    const file = join(this.guestDirectory, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content, { mode });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.directory, { recursive: true, force: true });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? "";
    const { range } = request.headers;
    this.requests.push({ url, range });
    const body = this.#bodies.get(url);
    if (this.intercept(request, response, body)) return;
    if (body === undefined) {
      response.writeHead(404).end();
      return;
    }
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    if (from >= body.length && from > 0) {
      response.writeHead(416).end();
    } else {
      response.writeHead(range === undefined ? 200 : 206, { "content-length": body.length - from });
      response.end(body.subarray(from));
    }
  }
}
