import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ControlClient } from "../../src/cli/control-client.js";
import { ClaimedName, controlFolder, listEntries, socketOf } from "../../src/cli/control-folder.js";
import { linesOf, REQUEST_MAX } from "../../src/cli/control-protocol.js";
import { type ControlHandlers, ControlServer } from "../../src/cli/control-server.js";
import { VkrunError } from "../../src/errors.js";

let base: string;
let folder: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "vkrun-control-"));
  folder = join(base, "run");
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const HANDLERS: ControlHandlers = {
  echo: async (request) => request,
  fail: async () => {
    throw new VkrunError("ERR_VKRUN_MEMORY_SIZE", "too little", { hint: "Give more." });
  },
  count: async (_request, { onProgress }) => {
    for (let i = 0; i < 3; i++) onProgress(i);
    return "done";
  },
  forever: (_request, { signal, onProgress }) =>
    new Promise((_resolve, reject) => {
      const timer = setInterval(() => onProgress("still"), 5);
      signal.addEventListener("abort", () => {
        clearInterval(timer);
        aborted?.();
        reject(signal.reason);
      });
    }),
};
let aborted: (() => void) | undefined;

async function serve(name = "a", handlers = HANDLERS): Promise<ControlServer> {
  return ControlServer.listen(await ClaimedName.take(name, folder), handlers);
}

const reach = (name = "a"): Promise<ControlClient> => ControlClient.connect(name, socketOf(name, folder));

describe("the folder of control sockets", () => {
  it("is $XDG_RUNTIME_DIR/vkrun, /run/vkrun for root, or in the cache", () => {
    expect(controlFolder({ XDG_RUNTIME_DIR: "/run/user/7" }, 7)).toBe("/run/user/7/vkrun");
    expect(controlFolder({ XDG_RUNTIME_DIR: "relative" }, 0)).toBe("/run/vkrun");
    expect(controlFolder({ XDG_CACHE_HOME: "/c" }, 7)).toBe("/c/vkrun/run");
  });

  it("is made for its user alone", async () => {
    await using _name = await ClaimedName.take("a", folder);
    expect(readdirSync(folder)).toEqual(["a.json"]);
  });

  it("is refused when others can reach it, or when it is a link to somewhere else", async () => {
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    await expect(ClaimedName.take("a", folder)).rejects.toMatchObject({ code: "ERR_VKRUN_CONTROL_FOLDER" });
    chmodSync(folder, 0o700);
    symlinkSync(folder, join(base, "link"));
    await expect(ClaimedName.take("a", join(base, "link"))).rejects.toMatchObject({ code: "ERR_VKRUN_CONTROL_FOLDER" });
  });

  it("keeps any name in it, and finds it again", async () => {
    const names = ["plain", "with a space", "../../etc/passwd", "", ".hidden", "x".repeat(500), "zwölf"];
    const claimed = await Promise.all(names.map((name) => ClaimedName.take(name, folder)));
    expect((await listEntries(folder)).map(({ name }) => name)).toEqual([...names].sort());
    expect(readdirSync(base)).toEqual(["run"]);
    for (const name of claimed) await name[Symbol.asyncDispose]();
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("a name", () => {
  it("belongs to one vkernel at a time, however many ask for it at once", async () => {
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => ClaimedName.take("a", folder)));
    const [won, ...others] = tries.flatMap((attempt) => (attempt.status === "fulfilled" ? [attempt.value] : []));
    expect(others).toEqual([]);
    for (const attempt of tries) {
      if (attempt.status === "rejected") expect(attempt.reason).toMatchObject({ code: "ERR_VKRUN_NAME_TAKEN" });
    }
    await won?.[Symbol.asyncDispose]();
    await using _again = await ClaimedName.take("a", folder);
  });

  it("of a vkernel that was killed is free, and what that left is removed", async () => {
    mkdirSync(folder, { mode: 0o700 });
    for (const name of ["a", "b"]) {
      writeFileSync(join(folder, `${name}.json`), JSON.stringify({ name, pid: 1 }));
      // A socket that nobody listens on any more: its server went without removing it.
      const server = createServer().listen(join(base, "s"));
      await once(server, "listening");
      symlinkSync(join(base, "s"), join(folder, `${name}.sock`));
      server.close();
    }
    await using _server = await serve("a");
    expect((await listEntries(folder)).map(({ name }) => name)).toEqual(["a"]);
    expect(readdirSync(folder).sort()).toEqual(["a.json", "a.sock"]);
  });

  it("is not lost to files in the folder that are something else", async () => {
    await using _name = await ClaimedName.take("a", folder);
    writeFileSync(join(folder, "b.json"), "no JSON");
    writeFileSync(join(folder, "c.json"), JSON.stringify({ name: 7 }));
    writeFileSync(join(folder, "d.json"), Buffer.alloc(100_000, "x"));
    mkdirSync(join(folder, "e.json"));
    expect((await listEntries(folder)).map(({ name }) => name)).toEqual(["a"]);
  });
});

describe("the control socket", () => {
  it("answers one request after the other, with progress, results and errors", async () => {
    await using _server = await serve();
    using client = await reach();
    expect(await client.request("echo", { size: "256M" })).toEqual({ command: "echo", size: "256M" });
    const progress: unknown[] = [];
    expect(await client.request("count", {}, { onProgress: (step) => progress.push(step) })).toBe("done");
    expect(progress).toEqual([0, 1, 2]);
    const error = { code: "ERR_VKRUN_MEMORY_SIZE", message: "too little", hint: "Give more." };
    await expect(client.request("fail")).rejects.toMatchObject(error);
    await expect(client.request("no-such")).rejects.toMatchObject({ code: "ERR_VKRUN_CONTROL_INVALID" });
    await expect(client.request("constructor")).rejects.toMatchObject({ code: "ERR_VKRUN_CONTROL_INVALID" });
    expect(await client.request("echo")).toEqual({ command: "echo" });
  });

  it("answers who ends its side after the request, such as socat", async () => {
    await using _server = await serve();
    const socket = connect({ path: socketOf("a", folder), allowHalfOpen: true });
    socket.end('{"command":"count"}\n');
    const lines = (await text(socket)).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { progress: 0 },
      { progress: 1 },
      { progress: 2 },
      { result: "done" },
    ]);
  });

  it("gives work up when the client that wanted it is gone", async () => {
    await using _server = await serve();
    const client = await reach();
    const given = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    const request = client.request("forever", {}, { onProgress: () => client[Symbol.dispose]() });
    await expect(request).rejects.toMatchObject({ code: "ERR_VKRUN_NO_ANSWER" });
    await given;
  });

  it.each([
    ["what is no JSON", "hello\n"],
    ["what is no object", "[1]\n"],
    ["null", "null\n"],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00, 0x0a])],
    ["deep nesting", `${"[".repeat(30_000)}\n`],
  ])("says that it does not understand %s, and goes on", async (_what, bytes) => {
    await using _server = await serve();
    const socket = connect({ path: socketOf("a", folder) });
    socket.write(bytes);
    socket.write('{"command":"echo"}\n');
    const lines = linesOf(socket, 10_000);
    expect((await lines.next()).value).toContain("ERR_VKRUN_CONTROL_INVALID");
    expect((await lines.next()).value).toBe('{"result":{"command":"echo"}}');
    socket.destroy();
  });

  it("ends with who sends a line without end", async () => {
    await using _server = await serve();
    const socket = connect({ path: socketOf("a", folder), allowHalfOpen: true });
    socket.on("error", () => undefined);
    let sent = 0;
    const flood = setInterval(() => {
      if (socket.writable) socket.write(Buffer.alloc(16_384, "x"));
      sent += 16_384;
    }, 1);
    const said = await text(socket).catch(() => "");
    clearInterval(flood);
    expect(said === "" || said.includes("ERR_VKRUN_CONTROL_INVALID")).toBe(true);
    expect(sent).toBeGreaterThan(REQUEST_MAX);
    using client = await reach();
    expect(await client.request("echo")).toEqual({ command: "echo" });
  });

  it("lets in so many at once, and again when they are gone", async () => {
    await using _server = await serve();
    const crowd = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const socket = connect({ path: socketOf("a", folder) }).on("error", () => undefined);
        await once(socket, "connect");
        return socket;
      }),
    );
    await delay(50);
    const closed = crowd.filter((socket) => socket.destroyed || socket.readableEnded || socket.closed);
    for (const socket of crowd) socket.resume();
    await delay(50);
    expect(crowd.filter((socket) => socket.readableEnded).length + closed.length).toBeGreaterThan(0);
    for (const socket of crowd) socket.destroy();
    await delay(50);
    using client = await reach();
    expect(await client.request("echo")).toEqual({ command: "echo" });
  });

  it("removes its files when it ends", async () => {
    const server = await serve();
    expect(existsSync(socketOf("a", folder))).toBe(true);
    await server[Symbol.asyncDispose]();
    expect(readdirSync(folder)).toEqual([]);
    await expect(reach()).rejects.toMatchObject({ code: "ERR_VKRUN_NOT_RUNNING" });
  });
});

it("a server that answers nonsense, or nothing, is no trouble for its client", async () => {
  const answers = ["nonsense\n", "null\n", "", '{"result":'];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(answers.shift() ?? ""));
  }).listen(join(base, "s"));
  await once(server, "listening");
  const ask = async (): Promise<unknown> => {
    using client = await ControlClient.connect("a", join(base, "s"));
    return await client.request("echo");
  };
  await expect(ask()).rejects.toMatchObject({ code: "ERR_VKRUN_CONTROL_INVALID" });
  await expect(ask()).rejects.toMatchObject({ code: "ERR_VKRUN_CONTROL_INVALID" });
  await expect(ask()).rejects.toMatchObject({ code: "ERR_VKRUN_NO_ANSWER" });
  await expect(ask()).rejects.toMatchObject({ code: "ERR_VKRUN_NO_ANSWER" });
  server.close();
  const silent = createServer().listen(join(base, "t"));
  await once(silent, "listening");
  using client = await ControlClient.connect("a", join(base, "t"));
  await expect(client.request("echo", {}, { timeoutMs: 50 })).rejects.toMatchObject({ code: "ERR_VKRUN_NO_ANSWER" });
  silent.close();
});
