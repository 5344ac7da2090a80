import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { STREAM_WINDOW, type StreamKey, type VsockGuest } from "../../src/backends/vsock-backend.js";
import { VsockSockets } from "../../src/backends/vsock-sockets.js";

/** Notes what the host does, and lets a test wait for it. */
class Guest implements VsockGuest {
  readonly heard: string[] = [];
  key: StreamKey = { hostPort: 0, guestPort: 0 };
  bytes = 0;
  #waiting: (() => void) | undefined;

  connect(key: StreamKey): void {
    this.key = key;
    this.#hear(`connect ${key.guestPort}`);
  }

  accept = () => this.#hear("accept");
  refuse = () => this.#hear("refuse");
  end = () => this.#hear("end");
  close = () => this.#hear("close");
  consumed = (_: StreamKey, length: number) => this.#hear(`consumed ${length}`);

  data(_: StreamKey, bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.#hear(bytes.length < 100 ? `data ${Buffer.from(bytes).toString()}` : "data");
  }

  async until(what: string | (() => boolean)): Promise<void> {
    const met = typeof what === "string" ? () => this.heard.includes(what) : what;
    while (!met()) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  #hear(what: string): void {
    this.heard.push(what);
    this.#waiting?.();
  }
}

let folder: string;
let path: string;
let sockets: VsockSockets;
let guest: Guest;
const opened: (Socket | Server)[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "vkrun-vsock-"));
  path = join(folder, "v");
  sockets = await VsockSockets.listen(path);
  guest = new Guest();
  sockets.attach(guest);
});
afterEach(async () => {
  for (const each of opened.splice(0)) "destroy" in each ? each.destroy() : each.close();
  await sockets[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function dial(greeting: string): Socket {
  const socket = createConnection({ path, allowHalfOpen: true });
  opened.push(socket);
  socket.on("error", () => undefined);
  socket.write(greeting);
  return socket;
}

it("connects who asks for a port of the guest, and confirms it when the guest does", async () => {
  const socket = dial("CONNECT 52\nfirst words");
  await guest.until("connect 52");
  expect(guest.heard).toEqual(["connect 52"]);
  sockets.accepted(guest.key);
  await guest.until("data first words");
  sockets.write(guest.key, Buffer.from("answer"));
  await guest.until("consumed 6");
  sockets.end(guest.key);
  expect(await text(socket)).toBe(`OK ${guest.key.hostPort}\nanswer`);
  socket.end();
  await guest.until("end");
});

it.each(["GET / HTTP/1.1\n", "CONNECT\n", "CONNECT x\n", "CONNECT 4294967295\n", `CONNECT ${"1".repeat(50)}`, "\n"])(
  "hangs up on who says %j",
  async (greeting) => {
    expect(await text(dial(greeting))).toBe("");
    expect(guest.heard).toEqual([]);
  },
);

it("hangs up where the guest does not answer", async () => {
  const socket = dial("CONNECT 52\n");
  await guest.until("connect 52");
  sockets.close(guest.key);
  expect(await text(socket)).toBe("");
});

it("connects the guest to who listens on a port of the host, and refuses where nobody does", async () => {
  const key = { hostPort: 99, guestPort: 1 };
  sockets.request(key);
  await guest.until("refuse");
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.end("welcome")).listen({
    path: `${path}_99`,
  });
  opened.push(server);
  sockets.request(key);
  await guest.until("data welcome");
  expect(guest.heard).toEqual(["refuse", "accept", "data welcome"]);
  sockets.taken(key, 7);
  await guest.until("end");
});

it("gives the guest no more than a window ahead of what it takes", async () => {
  const socket = dial("CONNECT 1\n");
  socket.write(new Uint8Array(STREAM_WINDOW * 3));
  await guest.until("connect 1");
  sockets.accepted(guest.key);
  await guest.until(() => guest.bytes === STREAM_WINDOW);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(guest.bytes).toBe(STREAM_WINDOW);
  sockets.taken(guest.key, 1000);
  await guest.until(() => guest.bytes === STREAM_WINDOW + 1000);
  sockets.taken(guest.key, STREAM_WINDOW);
  await guest.until(() => guest.bytes === STREAM_WINDOW * 2 + 1000);
  sockets.taken(guest.key, STREAM_WINDOW);
  await guest.until(() => guest.bytes === STREAM_WINDOW * 3);
});

it("tells of bytes as consumed when the program on the host has taken them", async () => {
  const socket = dial("CONNECT 1\n");
  await guest.until("connect 1");
  sockets.accepted(guest.key);
  // More than the socket's buffers hold, of a program that does not read.
  for (let i = 0; i < 20; i++) sockets.write(guest.key, new Uint8Array(STREAM_WINDOW));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(guest.heard.filter((what) => what.startsWith("consumed")).length).toBeLessThan(20);
  socket.resume();
  await guest.until(() => guest.heard.filter((what) => what.startsWith("consumed")).length === 20);
});

it("tells the guest when its peer is gone, and lets go of all with a new guest", async () => {
  dial("CONNECT 1\n");
  await guest.until("connect 1");
  sockets.accepted(guest.key);
  const socket = dial("CONNECT 2\n");
  await guest.until("connect 2");
  sockets.accepted(guest.key);
  socket.destroy();
  await guest.until("close");
  const last = dial("CONNECT 3\n");
  await guest.until("connect 3");
  sockets.attach(new Guest());
  expect(await text(last).catch(() => "")).toBe("");
});

it("takes the place of a socket that was left behind, but not of one in use, nor of a file", async () => {
  await expect(VsockSockets.listen(path)).rejects.toMatchObject({ code: "ERR_VKRUN_VSOCK_PATH" });
  const stale = join(folder, "stale");
  const script = "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])";
  execFileSync("python3", ["-c", script, stale]);
  expect(existsSync(stale)).toBe(true);
  await (await VsockSockets.listen(stale))[Symbol.asyncDispose]();
  writeFileSync(join(folder, "file"), "kept");
  await expect(VsockSockets.listen(join(folder, "no", "v"))).rejects.toMatchObject({ code: "ERR_VKRUN_VSOCK_PATH" });
  await expect(VsockSockets.listen(join(folder, "x".repeat(100)))).rejects.toMatchObject({
    code: "ERR_VKRUN_VSOCK_PATH",
  });
  await expect(VsockSockets.listen(join(folder, "file"))).rejects.toMatchObject({ code: "ERR_VKRUN_VSOCK_PATH" });
  expect(readdirSync(folder).sort()).toEqual(["file", "v"]);
});
