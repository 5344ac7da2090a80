import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { parsePortForward, requireFree } from "../../src/backends/port-forward.js";

const TCP = { protocol: "tcp", address: "127.0.0.1", hostPort: 8080, guestPort: 80 } as const;

describe("a published port", () => {
  it.each([
    ["8080:80", TCP],
    ["8080:80/tcp", TCP],
    ["5353:53/udp", { protocol: "udp", address: "127.0.0.1", hostPort: 5353, guestPort: 53 }],
    ["0.0.0.0:1:65535", { protocol: "tcp", address: "0.0.0.0", hostPort: 1, guestPort: 65_535 }],
    ["[::1]:8080:80/udp", { protocol: "udp", address: "::1", hostPort: 8080, guestPort: 80 }],
    ["::1:8080:80", undefined],
    ["[127.0.0.1]:8080:80", { ...TCP }],
    ["localhost:8080:80", undefined],
    ["8080", undefined],
    ["8080:", undefined],
    ["0:80", undefined],
    ["80:0", undefined],
    ["65536:80", undefined],
    ["80:65536", undefined],
    ["80:80/sctp", undefined],
    ["-1:80", undefined],
    [" 80:80", undefined],
    ["80:80 ", undefined],
    ["", undefined],
    [`${"9".repeat(400)}:80`, undefined],
  ])("is read from %j", (text, expected) => {
    if (expected !== undefined) expect(parsePortForward(text)).toEqual(expected);
    else expect(() => parsePortForward(text)).toThrow(expect.objectContaining({ code: "ERR_VKRUN_BOOT_OPTIONS" }));
  });

  it("is refused while another program listens there, and free when that has ended", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const forward = { ...TCP, hostPort: port };
    await expect(requireFree([forward])).rejects.toThrow(expect.objectContaining({ code: "ERR_VKRUN_PORT_IN_USE" }));
    // Another protocol has ports of its own.
    await requireFree([{ ...forward, protocol: "udp" }]);
    server.close();
    await once(server, "close");
    await requireFree([forward]);
    // And looking leaves nothing behind.
    await requireFree([forward]);
  });

  it("is refused while another program takes datagrams there", async () => {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await once(socket, "listening");
    const forward = { ...TCP, protocol: "udp" as const, hostPort: socket.address().port };
    await expect(requireFree([forward])).rejects.toThrow(/udp port \d+ of 127\.0\.0\.1.*another program has it/);
    socket.close();
    await once(socket, "close");
    await requireFree([forward]);
  });

  it("is refused at an address that is not the host's", async () => {
    for (const protocol of ["tcp", "udp"] as const) {
      // TEST-NET-1 (RFC 5737): nobody's.
      await expect(requireFree([{ ...TCP, protocol, address: "192.0.2.1" }])).rejects.toThrow(
        expect.objectContaining({ code: "ERR_VKRUN_PORT_ACCESS", hint: expect.stringContaining("one of this host") }),
      );
    }
  });
});
