import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { bootGuest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const BOOT_MS = 400_000;

/** In the guest: /dev/vport0pN of the port with this name. */
const DEVICE =
  'dev() { for port in /sys/class/virtio-ports/*; do [ "$(cat $port/name)" = "$1" ] && ' +
  "echo /dev/$(basename $port); done 2>/dev/null; }";

it("a Linux guest talks through a stream, a socket, a file and a terminal of its own, and a replay does the same", {
  timeout: 900_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "vkrun-ports-"));
  try {
    const record = join(folder, "ports.vkrec");
    const machine = {
      disk: await tinyImage(),
      memory: "256M",
      snapshot: true,
      consoleSize: { columns: 70, rows: 20 },
      console: "virtio",
      ports: [
        { name: "extra", backend: "pty", path: join(folder, "tty"), console: true },
        { name: "stream" },
        { name: "socket", backend: "socket", path: join(folder, "socket") },
        { name: "file", backend: "file", path: join(folder, "file") },
      ],
    } as const;
    let printed: string;
    let hash: string | undefined;
    {
      await using guest = await bootGuest({ ...machine, record });
      const { vkernel } = guest;
      await guest.waitFor(TINY_PROMPT, BOOT_MS);
      guest.sendLine(DEVICE);
      // With ports the console's size comes by a message.
      guest.sendLine("stty size");
      await guest.waitFor(/20 70\r?\n/);
      vkernel.console.resize(71, 21);
      guest.sendLine("until stty size | grep 71; do sleep 0.1; done");
      await guest.waitFor(/21 71\r?\n/);

      const stream = vkernel.ports.get("stream");
      if (stream === undefined) throw new Error("the port is missing");
      let heard = "";
      stream.setEncoding("utf8").on("data", (text: string) => {
        heard += text;
      });
      stream.write("from the host\n");
      guest.sendLine("head -n 1 < $(dev stream); seq 3000 > $(dev stream); echo done-$((6*7))");
      await guest.waitFor(/from the host\r?\n/);
      await guest.waitFor(/done-42/);
      await expect.poll(() => heard.length).toBe(13_893);

      guest.sendLine("echo written > $(dev file); echo done-$((6*7))");
      await guest.waitFor(/done-42/);
      await expect.poll(() => readFileSync(join(folder, "file"), "utf8")).toBe("written\n");

      // A guest that reads finds the end of the stream when the program at the other end leaves.
      guest.sendLine("while ! echo hello > $(dev socket); do sleep 0.2; done; cat < $(dev socket); echo left-$((6*7))");
      const socket = connect(join(folder, "socket"));
      await once(socket, "connect");
      const [hello] = (await once(socket, "data")) as [Buffer];
      expect(hello.toString()).toBe("hello\n");
      socket.write("from the socket\n");
      await guest.waitFor(/from the socket\r?\n/);
      socket.destroy();
      await guest.waitFor(/left-42/);

      const tty = openSync(join(folder, "tty"), constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
      const bytes = Buffer.alloc(64);
      const screen = (): string => {
        try {
          return bytes.toString("latin1", 0, readSync(tty, bytes));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === "EAGAIN") return "";
          throw error;
        }
      };
      // vkrun looks twice a second whether somebody has the terminal open; what is written until then goes nowhere.
      guest.sendLine("exec 3<> /dev/hvc1; stty raw -echo <&3; (while sleep 0.2; do echo ready >&3; done) &");
      guest.sendLine("head -c 3 <&3; echo -$((6*7))");
      await expect.poll(screen, { timeout: 20_000 }).toContain("ready");
      writeSync(tty, "abc");
      await guest.waitFor(/abc-42/);
      closeSync(tty);
      const exit = await vkernel.stop();
      hash = exit.memoryHash;
      printed = guest.output;
    }
    await using again = await bootGuest({ ...machine, replay: record });
    expect((await again.vkernel.wait()).memoryHash).toBe(hash);
    await expect.poll(() => again.output).toBe(printed);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
