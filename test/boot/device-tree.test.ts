import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  buildDeviceTree,
  type Chosen,
  HART_EXTENSIONS,
  type MachineDescription,
  setChosen,
} from "../../src/boot/device-tree.js";
import { type Fdt, FdtNode, readFdt, writeFdt } from "../../src/boot/fdt.js";
import { isaString } from "../../src/boot/hart-isa.js";
import { testMachine } from "./support/machine.js";

/** Source text of a tree, from the reference compiler; warnings and errors in `stderr`. */
function dtc(dtb: Uint8Array): { source: string; stderr: string; status: number | null } {
  const { stdout, stderr, status } = spawnSync("dtc", ["-I", "dtb", "-O", "dts"], { input: dtb });
  return { source: stdout.toString(), stderr: stderr.toString(), status };
}

const chosen: Chosen = {
  commandLine: "root=/dev/vda rw",
  initrd: { start: 0x8800_0000, end: 0x8900_0000 },
  rngSeed: new Uint8Array(32).fill(0xab),
};

const build = (machine: MachineDescription = testMachine(), given: Chosen = chosen): Uint8Array =>
  writeFdt(buildDeviceTree(machine, given));

describe("the generated device tree", () => {
  it("is accepted by dtc without a warning", () => {
    const { stderr, status, source } = dtc(build());
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(source).toContain("/dts-v1/");
  });

  it.each([
    ["two harts", { ...testMachine(), harts: [{ extensions: HART_EXTENSIONS }, { extensions: HART_EXTENSIONS }] }],
    ["3.5 GiB of memory", testMachine(3584)],
  ])("is accepted with %s", (_, machine) => {
    expect(dtc(build(machine)).stderr).toBe("");
  });

  it("is accepted for a machine with nothing but a hart and memory", () => {
    const { ram, timebaseFrequency, harts } = testMachine();
    const { stderr } = dtc(build({ ram, timebaseFrequency, harts, devices: [] }, { commandLine: "" }));
    expect(stderr).toBe("");
  });

  const { source } = dtc(build());

  it("describes the hart in both bindings", () => {
    expect(source).toContain(
      'riscv,isa = "rv64imafdc_zicbom_zicbop_zicboz_zicntr_zicond_zicsr_zifencei_zihintpause_zihpm_zawrs_zba_zbb_zbc_zbs_sstc_svadu_svinval_svnapot_svpbmt"',
    );
    expect(source).toContain('riscv,isa-base = "rv64i"');
    expect(source).toMatch(/riscv,isa-extensions = "i\\0m\\0a\\0f\\0d\\0c\\0zicbom/);
    expect(source).toContain('mmu-type = "riscv,sv57"');
    for (const block of ["cbom", "cbop", "cboz"]) expect(source).toContain(`riscv,${block}-block-size = <0x40>`);
    expect(source).toContain("timebase-frequency = <0x989680>");
  });

  it("places the devices of the virt machine with their interrupts", () => {
    expect(source).toMatch(/plic@c000000 \{[^}]*riscv,ndev = <0x5f>/);
    expect(source).toMatch(/plic@c000000 \{[^}]*interrupts-extended = <0x01 0x0b 0x01 0x09>/);
    expect(source).toMatch(/clint@2000000 \{[^}]*interrupts-extended = <0x01 0x03 0x01 0x07>/);
    expect(source).toMatch(/serial@10000000 \{[^}]*interrupts = <0x0a>/);
    expect(source.match(/virtio_mmio@/g)).toHaveLength(8);
    expect(source).toMatch(/virtio_mmio@10008000 \{[^}]*interrupts = <0x08>/);
    expect(source).toMatch(/memory@80000000 \{[^}]*reg = <0x00 0x80000000 0x00 0x8000000>/);
  });

  it("can power off and reset through the test finisher", () => {
    expect(source).toMatch(
      /poweroff \{[^}]*value = <0x5555>[^}]*regmap = <0x03>|poweroff \{[^}]*regmap = <0x03>[^}]*value = <0x5555>/,
    );
    expect(source).toMatch(/reboot \{[^}]*value = <0x7777>/);
    expect(source).toMatch(/test@100000 \{[^}]*phandle = <0x03>/);
  });

  it("tells the kernel its command line, console, initrd and seed", () => {
    expect(source).toContain('bootargs = "root=/dev/vda rw"');
    expect(source).toContain('stdout-path = "/soc/serial@10000000"');
    expect(source).toContain("linux,initrd-start = <0x00 0x88000000>");
    expect(source).toContain("linux,initrd-end = <0x00 0x89000000>");
    expect(source).toMatch(/rng-seed = <0xabababab/);
    expect(source).toContain('serial0 = "/soc/serial@10000000"');
  });

  it("refuses a stdout that is no device", () => {
    expect(() => build({ ...testMachine(), stdout: "serial7" })).toThrow(
      expect.objectContaining({ code: "ERR_VKRUN_MACHINE_INVALID" }),
    );
  });
});

it("orders extensions of the isa string canonically", () => {
  expect(isaString(["svpbmt", "zbb", "c", "zicsr", "d", "zawrs", "i", "a", "sstc", "f", "m", "zba", "zifencei"])).toBe(
    "rv64imafdc_zicsr_zifencei_zawrs_zba_zbb_sstc_svpbmt",
  );
});

describe("a flattened device tree", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9,._+-]{0,20}$/);
  const node: fc.Memo<FdtNode> = fc.memo((depth) =>
    fc
      .record({
        properties: fc.dictionary(name, fc.uint8Array({ maxLength: 40 }), { maxKeys: 4 }),
        children: depth > 1 ? fc.dictionary(name, node(depth - 1), { maxKeys: 3 }) : fc.constant({}),
      })
      .map(({ properties, children }) => {
        const made = new FdtNode("");
        for (const [key, value] of Object.entries(properties)) made.set(key, value);
        for (const [key, child] of Object.entries(children as Record<string, FdtNode>))
          made.children.push(renamed(child, key));
        return made;
      }),
  );
  const renamed = (original: FdtNode, to: string): FdtNode => {
    const made = new FdtNode(to);
    for (const [key, value] of original.properties) made.set(key, value);
    made.children.push(...original.children);
    return made;
  };
  const plain = (tree: FdtNode): unknown => ({
    name: tree.name,
    properties: [...tree.properties].map(([key, value]) => [key, [...value]]),
    children: tree.children.map(plain),
  });

  it("reads back as it was written", () => {
    fc.assert(
      fc.property(node(4), (root) => {
        const reservations = [{ address: 0x8000_0000n, size: 0x1000n }];
        const back = readFdt("x", writeFdt({ root, reservations }));
        expect(plain(back.root)).toEqual(plain(root));
        expect(back.reservations).toEqual(reservations);
      }),
    );
  });

  it("reads what dtc writes, and takes the boot's parameters", () => {
    const text = '/dts-v1/; / { model = "mine"; chosen { bootargs = "old"; keep; }; a@1 { b { }; }; };';
    const { stdout } = spawnSync("dtc", ["-q", "-I", "dts", "-O", "dtb"], { input: text });
    const fdt = readFdt("mine.dtb", stdout);
    setChosen(fdt.root, { commandLine: "new", initrd: { start: 1, end: 2 } });
    const { source } = dtc(writeFdt(fdt));
    expect(source).toContain('bootargs = "new"');
    expect(source).toContain("keep;");
    expect(source).toContain('model = "mine"');
    expect(source).toContain("linux,initrd-end = <0x00 0x02>");
  });

  it("leaves room for what boot loaders add where it lies", () => {
    const bytes = build();
    const header = new DataView(bytes.buffer, bytes.byteOffset);
    const [total, stringsAt, stringsSize] = [4, 12, 32].map((at) => header.getUint32(at)) as [number, number, number];
    expect(bytes.length).toBe(total);
    expect(total - stringsAt - stringsSize).toBeGreaterThan(12 * 1024);
  });

  it.each([
    ["no tree", new Uint8Array(100)],
    ["an empty file", new Uint8Array(0)],
    ["a tree that is cut short", build().subarray(0, 500)],
  ])("is refused when it is %s", (_, bytes) => {
    expect(() => readFdt("bad.dtb", bytes)).toThrow(expect.objectContaining({ code: "ERR_VKRUN_DTB_INVALID" }));
  });

  it("survives any change of its bytes with a tree or an error of ours", () => {
    const original = build();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(original.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const bytes = original.slice();
          for (const [at, value] of changes) bytes[at] = value;
          let fdt: Fdt | undefined;
          try {
            fdt = readFdt("x", bytes);
          } catch (error) {
            expect(error).toMatchObject({ code: "ERR_VKRUN_DTB_INVALID" });
          }
          if (fdt) expect(writeFdt(fdt).length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 500 },
    );
  });
});
