// Run by tap.test.ts in a network namespace: what a tap of the addon does there, as one line of JSON.
import { writeFileSync } from "node:fs";
import { native } from "../../dist/native.js";

const HEADER = 12;
const addon = native();
const { fd, name } = addon.openTap({ name: "probe%d", multiQueue: false, headerLength: HEADER });
addon.setTapOffloads({ fd, offloads: 0 });
const down = addon.interfaceState({ name });
addon.setInterfaceMtu({ name, mtu: 1400 });
writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, "1");
addon.setInterfaceUp({ name });
const up = addon.interfaceState({ name });

const memory = new Uint8Array(new SharedArrayBuffer(65_536));
/** An ARP request for an address that the interface does not have yet. */
const request = Buffer.from(
  `ffffffffffff020000000001080600010800060400010200000000010a0900020000000000000a090001${"00".repeat(18)}`,
  "hex",
);
const results = new Int32Array(4);

/** Whether there is something to read within a second. */
function readable() {
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish("nothing"), 1000);
    const watch = new addon.DescriptorWatch({
      fd,
      onReady: (read, write) => finish(read && !write ? "readable" : "odd"),
    });
    const finish = (/** @type {string} */ what) => {
      clearTimeout(timer);
      watch.close();
      resolve(what);
    };
    watch.arm({ readable: true, writable: false });
  });
}

const before = addon.readPackets({
  ...{ fd, memory, vectors: Uint32Array.of(1, 0, 2048), buffers: 1, maximum: 1526, mergeable: false, results },
});
const { execFileSync } = await import("node:child_process");
execFileSync("ip", ["addr", "add", "10.9.0.1/24", "dev", name]);
// Two packets, each in two segments; the second one is cut off in the middle of its header.
memory.set(request, 100 + HEADER);
const written = addon.writePackets({
  ...{
    fd,
    memory,
    vectors: Uint32Array.of(2, 100, HEADER, 100 + HEADER, request.length, 1, 0, 5),
    packets: 2,
    results,
  },
});
const wrote = [...results.subarray(0, written)];
const told = await readable();
// Buffers of 26 and then of 30 bytes: the answer lies in two of them.
const vectors = Uint32Array.of(1, 1000, 26, 2, 2000, 20, 3000, 10, 1, 4000, 30);
const read = addon.readPackets({ fd, memory, vectors, buffers: 3, maximum: 56, mergeable: true, results });
const answer = Buffer.concat([memory.subarray(1000, 1026), memory.subarray(2000, 2020), memory.subarray(3000, 3010)]);
const noRoom = addon.readPackets({ fd, memory, vectors, buffers: 3, maximum: 87, mergeable: true, results });
let outside = "";
try {
  addon.writePackets({ fd, memory, vectors: Uint32Array.of(1, 65_530, 7), packets: 1, results });
} catch (error) {
  outside = /** @type {Error} */ (error).message;
}
addon.setTapPersistent({ fd, persistent: true });
addon.setTapOwner({ fd, owner: 1234 });
const owner = execFileSync("ip", ["-d", "link", "show", name], { encoding: "utf8" });
addon.setTapPersistent({ fd, persistent: false });
execFileSync("ip", ["link", "add", "bridge0", "type", "bridge"]);
addon.addToBridge({ bridge: "bridge0", name });
const ports = execFileSync("ip", ["-br", "link", "show", "master", "bridge0"], { encoding: "utf8" });
console.log(
  JSON.stringify({
    ...{ name, down, up, before, wrote, told, read, length: results[0], answer: answer.toString("hex"), noRoom },
    ...{ outside, owner, ports, none: addon.interfaceState({ name: "none0" }) ?? null },
  }),
);
