import { describe, expect, it } from "vitest";
import { type BootOptions, resolveOptions } from "../../src/api/boot-options.js";
import { formatMac } from "../../src/api/mac-address.js";

const macOf = (options: BootOptions): string => formatMac(resolveOptions(options).network?.mac ?? new Uint8Array());
const drives = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i}.img`);
const refused = (hint: RegExp) =>
  expect.objectContaining({ code: "ERR_VKRUN_BOOT_OPTIONS", hint: expect.stringMatching(hint) });

describe("the option network", () => {
  it.each([{}, { network: false }])("%o gives a guest no network device", (options) => {
    expect(resolveOptions(options).network).toBeUndefined();
  });

  it("takes an address in either case", () => {
    expect(macOf({ network: { mac: "02:00:5E:ab:cD:0f" } })).toBe("02:00:5e:ab:cd:0f");
  });

  it("without an address gives one that is the name's own, and locally administered", () => {
    const mac = macOf({ network: true, name: "a" });
    expect(mac).toMatch(/^52:54:00(:[0-9a-f]{2}){3}$/);
    expect(macOf({ network: {}, name: "a" })).toBe(mac);
    expect(macOf({ network: true, name: "b" })).not.toBe(mac);
    expect(macOf({ network: true })).toBe(macOf({ network: true, name: "vkernel" }));
  });

  it.each([
    "",
    "52:54:00:12:34",
    "52:54:00:12:34:56:78",
    "52-54-00-12-34-56",
    "525400123456",
    "52:54:00:12:34:5g",
    " 52:54:00:12:34:56",
    "52:54:00:12:34:56\n",
    "01:00:5e:00:00:01",
    "ff:ff:ff:ff:ff:ff",
    "00:00:00:00:00:00",
  ])("refuses %j as an address", (mac) => {
    expect(() => resolveOptions({ network: { mac } })).toThrow(refused(/52:54:00:12:34:56/));
  });

  it.each(["user", null, 1])("refuses %j", (network) => {
    expect(() => resolveOptions({ network } as unknown as BootOptions)).toThrow(refused(/mac/));
  });

  it("takes one of the slots for drives", () => {
    expect(resolveOptions({ drives: drives(13) }).drives).toHaveLength(13);
    expect(resolveOptions({ drives: drives(13), network: true, balloon: false }).drives).toHaveLength(13);
    expect(() => resolveOptions({ drives: drives(13), network: true })).toThrow(
      refused(/1 balloon, 13 drives, 1 network device\.$/),
    );
    expect(() => resolveOptions({ drives: drives(14) })).toThrow(
      refused(/1 console, 1 entropy source, 1 balloon, 14 drives\.$/),
    );
  });
});
