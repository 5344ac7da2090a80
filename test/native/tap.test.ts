import { describe, expect, it } from "vitest";
import { nativeUnavailable } from "../../src/native.js";
import { NetworkNamespace } from "../support/network-namespace.js";

describe.runIf(nativeUnavailable() === undefined)("a tap of the addon", () => {
  it("carries packets out of and into shared memory, in pieces, and can be configured", async () => {
    await using network = await NetworkNamespace.create();
    const seen = JSON.parse(await network.run([process.execPath, "test/native/tap-probe.mjs"]));
    expect(seen).toMatchObject({
      name: "probe0",
      down: { up: false, mtu: 1500 },
      up: { up: true, mtu: 1400 },
      none: null,
      // Nothing was there yet; the answer to the request came later.
      before: 0,
      told: "readable",
      // struct virtio_net_hdr and 60 bytes, then an errno for what is none: EINVAL.
      wrote: [72, -22],
      read: 1,
      length: 12 + 42,
      noRoom: 0,
      outside: "a segment is not in memory",
      ports: expect.stringContaining("probe0"),
      owner: expect.stringMatching(/tun type tap pi off vnet_hdr on persist on user 1234/),
    });
    // An ARP reply to 02:00:00:00:00:01 from 10.9.0.1.
    const answer = Buffer.from(seen.answer, "hex").subarray(12);
    expect(answer.subarray(0, 6).toString("hex")).toBe("020000000001");
    expect(answer.subarray(12, 22).toString("hex")).toBe("08060001080006040002");
    expect([...answer.subarray(28, 32)]).toEqual([10, 9, 0, 1]);
  });
});
