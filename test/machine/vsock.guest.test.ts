import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { execa } from "execa";
import { expect, it } from "vitest";
import type { Exit } from "vkrun";
import { bootGuest } from "../support/guest.js";
import { TINY_PROMPT, tinyImage } from "../support/tiny-image.js";

const BOOT_MS = 400_000;
const BYTES = 3_000_000;

/** What vsock-program.c sends. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1n;
  for (let i = 0; i < length; i++) {
    state = (state * 1103515245n + 12345n) & 0x7fff_ffffn;
    bytes[i] = Number((state >> 16n) & 0xffn);
  }
  return bytes;
}

it("host and guest exchange streams both ways, held up by whoever is slow, and a replay needs no host", {
  timeout: 1_800_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "vkrun-vsock-test-"));
  try {
    const programs = join(folder, "programs");
    mkdirSync(programs);
    const compiled = ["-static", "-O1", "-o", join(programs, "vs"), "test/support/vsock-program.c"];
    await execa("riscv64-linux-gnu-gcc", compiled);
    const record = join(folder, "vsock.vkrec");
    const path = join(folder, "vsock");
    const shares = [{ path: programs, tag: "programs", readOnly: true }];
    const machine = { disk: await tinyImage(), memory: "256M", snapshot: true, shares, vsock: { cid: 7, path } };
    let first: Exit;
    {
      await using guest = await bootGuest({ ...machine, record });
      const { vsock } = guest.vkernel;
      if (vsock === undefined) throw new Error("booted without vsock");
      await guest.waitFor(TINY_PROMPT, BOOT_MS);
      guest.sendLine("modprobe 9pnet_virtio; modprobe 9p; modprobe vmw_vsock_virtio_transport; mkdir /p");
      guest.sendLine("mount -t 9p -o trans=virtio,version=9p2000.L programs /p; cp /p/vs /vs; echo re''ady");
      await guest.waitFor(/\nready/, BOOT_MS);

      // Nobody listens yet.
      await expect(vsock.connect(52)).rejects.toThrow(expect.objectContaining({ code: "ERR_VKRUN_VSOCK_REFUSED" }));

      guest.sendLine("/vs echo 52");
      await guest.waitFor(/\nlistening/);
      const data = randomBytes(BYTES);
      const stream = await vsock.connect(52);
      // Nobody reads what comes back for a while: all windows fill up.
      stream.end(data);
      await new Promise((resolve) => setTimeout(resolve, 2000));
      const echoed = await buffer(stream);
      expect(echoed.equals(data)).toBe(true);
      await guest.waitFor(new RegExp(`\necho(?:ed) ${BYTES}`));

      // By hand, as any other program would.
      guest.sendLine("/vs echo 53");
      await guest.waitFor(/\nlistening/);
      const socket = createConnection({ path, allowHalfOpen: true });
      socket.end("CONNECT 53\nhello");
      expect(await text(socket)).toMatch(/^OK \d+\nhello$/);

      const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
      const received = new Promise<Buffer>((resolve, reject) => {
        const take = (peer: Socket): void => {
          // Not by iterating: that destroys the socket at its end, and with it the way back.
          const pieces: Buffer[] = [];
          setTimeout(() => peer.on("data", (piece: Buffer) => pieces.push(piece)), 2000);
          peer.on("error", reject).on("end", () => {
            const bytes = Buffer.concat(pieces);
            peer.end(hash(bytes));
            resolve(bytes);
          });
        };
        void vsock.listen(54, take);
      });
      guest.sendLine(`/vs send 54 ${BYTES}; /vs send 55 1`);
      const expected = pattern(BYTES);
      expect(hash(await received)).toBe(hash(expected));
      await guest.waitFor(new RegExp(`\nanswer: ${hash(expected)}`));
      await guest.waitFor(/connect: Connection reset by peer/);
      guest.sendLine("poweroff -f");
      first = await guest.vkernel.wait();
    }

    await using again = await bootGuest({ ...machine, replay: record });
    const second = await again.vkernel.wait();
    expect(second.instructions).toBe(first.instructions);
    expect(second.memoryHash).toBe(first.memoryHash);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
