import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CharBackend } from "../../src/backends/char-backend.js";
import { DescriptorChar } from "../../src/backends/descriptor-char.js";
import { SocketChar } from "../../src/backends/socket-char.js";
import { native, nativeUnavailable } from "../../src/native.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vkrun-ports-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Another program's end of a terminal, which never waits: the other end is this thread's. */
const openEnd = (path: string): number => openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);

function readEnd(fd: number): string {
  const bytes = Buffer.alloc(4096);
  try {
    return bytes.toString("latin1", 0, readSync(fd, bytes));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return "";
    throw error;
  }
}

/** What a device would see. */
function watch(backend: CharBackend): { text: string; drained: number; connected: boolean[] } {
  const seen = { text: "", drained: 0, connected: [] as boolean[] };
  backend.attach(
    (bytes) => {
      seen.text += Buffer.from(bytes).toString("latin1");
    },
    () => seen.drained++,
    (connected) => seen.connected.push(connected),
  );
  return seen;
}

const soon = expect.poll;
const cannotOpen = expect.objectContaining({ code: "ERR_VKRUN_PORT_OPEN" });

describe("a socket that vkrun listens on", () => {
  async function client(path: string): Promise<Socket & { text: string }> {
    const socket = Object.assign(connect(path), { text: "" });
    socket.on("data", (bytes) => {
      socket.text += bytes.toString("latin1");
    });
    socket.on("error", () => undefined);
    await new Promise((connected) => socket.once("connect", connected));
    return socket;
  }

  it("serves one program after the other, and says when there is one", async () => {
    const path = join(folder, "port");
    await using port = await SocketChar.listen(path);
    const seen = watch(port);
    port.write(Buffer.from("to nobody"));
    expect(port.connected).toBe(false);
    const first = await client(path);
    await soon(() => seen.connected).toEqual([true]);
    const second = await client(path);
    await new Promise((closed) => second.once("close", closed));
    first.write("from the first");
    port.write(Buffer.from("to the first"));
    await soon(() => [seen.text, first.text]).toEqual(["from the first", "to the first"]);
    first.end();
    await soon(() => seen.connected).toEqual([true, false]);
    const third = await client(path);
    await soon(() => seen.connected).toEqual([true, false, true]);
    third.destroy();
  });

  it("is congested while its program does not read, and no longer when that is gone", async () => {
    const path = join(folder, "port");
    await using port = await SocketChar.listen(path);
    const seen = watch(port);
    const socket = connect(path).pause();
    await soon(() => port.connected).toBe(true);
    while (!port.congested) port.write(new Uint8Array(1 << 16));
    expect(seen.drained).toBe(0);
    socket.destroy();
    await soon(() => seen.drained).toBe(1);
    expect(port.congested).toBe(false);
  });

  it("does not read while it is paused", async () => {
    const path = join(folder, "port");
    await using port = await SocketChar.listen(path);
    const seen = watch(port);
    port.pause();
    const socket = await client(path);
    socket.write("wait");
    await soon(() => seen.connected).toEqual([true]);
    await new Promise((later) => setTimeout(later, 50));
    expect(seen.text).toBe("");
    port.resume();
    await soon(() => seen.text).toBe("wait");
    socket.destroy();
  });

  it("replaces a socket that nobody listens on any more, and nothing else", async () => {
    const path = join(folder, "port");
    execFileSync(process.execPath, [
      "-e",
      `require("net").createServer().listen(${JSON.stringify(path)},()=>process.exit())`,
    ]);
    if (!existsSync(path)) {
      // Node cleaned up after itself: leave one behind by force.
      const child = `require("net").createServer().listen(${JSON.stringify(path)},()=>process.kill(process.pid,"SIGKILL"))`;
      expect(() => execFileSync(process.execPath, ["-e", child], { stdio: "ignore" })).toThrow();
    }
    expect(lstatSync(path).isSocket()).toBe(true);
    {
      await using port = await SocketChar.listen(path);
      expect(port.connected).toBe(false);
      await expect(SocketChar.listen(path)).rejects.toThrow(cannotOpen);
    }
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, "precious");
    await expect(SocketChar.listen(path)).rejects.toThrow(cannotOpen);
    expect(existsSync(path)).toBe(true);
    await expect(SocketChar.listen(join(folder, "no", "port"))).rejects.toThrow(cannotOpen);
    const server = createServer();
    rmSync(path);
    await new Promise<void>((listening) => server.listen(path, () => listening()));
    await expect(SocketChar.listen(path)).rejects.toThrow(cannotOpen);
    server.close();
  });
});

describe.runIf(nativeUnavailable() === undefined)("a pseudoterminal", () => {
  it("is linked to by its path, passes every byte on, and knows whether somebody has it open", async () => {
    const path = join(folder, "tty");
    const pty = DescriptorChar.openPty(path);
    const seen = watch(pty);
    pty.write(Buffer.from("to nobody"));
    const fd = openEnd(path);
    await soon(() => seen.connected, { timeout: 5000 }).toEqual([true]);
    pty.write(Buffer.from("a\nb\x03"));
    await soon(() => readEnd(fd)).toBe("a\nb\x03");
    writeSync(fd, "c\nd\x03");
    await soon(() => seen.text).toBe("c\nd\x03");
    closeSync(fd);
    await soon(() => seen.connected).toEqual([true, false]);
    pty.write(Buffer.from("to nobody"));
    expect(pty.congested).toBe(false);
    const again = openEnd(path);
    await soon(() => seen.connected, { timeout: 5000 }).toEqual([true, false, true]);
    closeSync(again);
    pty[Symbol.dispose]();
    pty[Symbol.dispose]();
    expect(existsSync(path)).toBe(false);
  });

  it("is congested while nobody reads, and drains into the reader without a loss", async () => {
    const path = join(folder, "tty");
    using pty = DescriptorChar.openPty(path);
    const seen = watch(pty);
    const fd = openEnd(path);
    await soon(() => seen.connected, { timeout: 5000 }).toEqual([true]);
    let written = 0;
    // The system keeps some of it; then nothing moves.
    for (let quiet = 0; quiet < 10; quiet++) {
      while (!pty.congested) {
        pty.write(new Uint8Array(4096).fill(0x61));
        written += 4096;
        quiet = 0;
      }
      await new Promise((later) => setTimeout(later, 10));
    }
    const drained = seen.drained;
    let read = 0;
    for (let turns = 0; read < written && turns < 5000; turns++) {
      read += readEnd(fd).length;
      await new Promise((turn) => setTimeout(turn, 1));
    }
    expect(read).toBe(written);
    expect(seen.drained).toBe(drained + 1);
    closeSync(fd);
  });

  it("says where its link cannot be made", () => {
    writeFileSync(join(folder, "there"), "");
    expect(() => DescriptorChar.openPty(join(folder, "there"))).toThrow(cannotOpen);
    expect(() => DescriptorChar.openPty(join(folder, "no", "tty"))).toThrow(cannotOpen);
  });
});

describe.runIf(nativeUnavailable() === undefined)("a terminal of the host", () => {
  it("is used raw, and put back as it was", async () => {
    const { master, slave, path } = native().openPty({ columns: 80, rows: 24 });
    const tty = DescriptorChar.openTty(path);
    const seen = watch(tty);
    expect(tty.connected).toBe(true);
    tty.write(Buffer.from("x\n"));
    native().setNonBlocking({ fd: master });
    await soon(() => readEnd(master)).toBe("x\n");
    writeSync(master, "y\r");
    await soon(() => seen.text).toBe("y\r");
    tty[Symbol.dispose]();
    writeSync(slave, "z\n");
    await soon(() => readEnd(master)).toBe("z\r\n");
    native().closeDescriptor({ fd: master });
    native().closeDescriptor({ fd: slave });
  });

  it("says what cannot be opened, or is none", () => {
    expect(() => DescriptorChar.openTty(join(folder, "none"))).toThrow(cannotOpen);
    writeFileSync(join(folder, "file"), "");
    expect(() => DescriptorChar.openTty(join(folder, "file"))).toThrow(cannotOpen);
  });
});
