import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { InputRecorder, InputReplay, type LogEntry } from "../../src/machine/input-log.js";

const RAM_BYTES = 16 << 20;
let path: string;

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "vkrun-log-"));
  path = join(folder, "run.vkrec");
  return () => rmSync(folder, { recursive: true });
});

function record(entries: readonly LogEntry[]): void {
  using recorder = new InputRecorder(path, { ramBytes: RAM_BYTES });
  for (const entry of entries) {
    if (entry.kind === "reset") recorder.reset(entry.wallNs, entry.seed);
    else if (entry.kind === "input") recorder.input(BigInt(entry.icount), entry.label, entry.payload);
    else if (entry.kind === "clock") recorder.clock(BigInt(entry.icount), entry.ticks, entry.rate);
    else recorder.end(BigInt(entry.icount), entry.byGuest);
  }
}

function replay(): LogEntry[] {
  using reader = new InputReplay(path, RAM_BYTES);
  const entries: LogEntry[] = [];
  for (let entry = reader.next(); entry !== undefined; entry = reader.next()) {
    const payload = entry.kind === "input" && entry.payload !== undefined ? new Uint8Array(entry.payload) : undefined;
    if (entry.kind === "reset") entries.push({ ...entry, seed: new Uint8Array(entry.seed) });
    else entries.push(payload === undefined ? entry : ({ ...entry, payload } as LogEntry));
  }
  return entries;
}

const count = fc.maxSafeNat();
const bytes = fc.uint8Array({ maxLength: 300 });
const entry: fc.Arbitrary<LogEntry> = fc.oneof(
  fc.record({ kind: fc.constant("reset" as const), wallNs: fc.bigInt(0n, 2n ** 63n), seed: bytes }),
  fc.record({
    kind: fc.constant("input" as const),
    icount: count,
    label: fc.string({ unit: "grapheme-ascii", maxLength: 40 }),
    payload: fc.option(bytes, { nil: undefined }),
  }),
  fc.record({
    kind: fc.constant("clock" as const),
    icount: count,
    ticks: fc.bigInt(0n, 2n ** 53n - 1n),
    rate: fc.nat(2 ** 32 - 1),
  }),
  fc.record({ kind: fc.constant("end" as const), icount: count, byGuest: fc.boolean() }),
);

describe("a recording", () => {
  it("gives back every entry, in order and whole", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 60 }), (entries) => {
        record(entries);
        expect(replay()).toEqual(entries);
      }),
      { numRuns: 100 },
    );
  });

  it("may be longer than any buffer", () => {
    const entries: LogEntry[] = Array.from({ length: 20_000 }, (_, icount) => ({
      kind: "input",
      icount,
      label: `vda:${icount}`,
      payload: icount % 5000 === 0 ? new Uint8Array(100_000).fill(icount) : undefined,
    }));
    record(entries);
    // Compared as text: a matcher takes its time over so many.
    const shown = (all: readonly LogEntry[]) =>
      all.map((one) =>
        one.kind === "input" ? [one.icount, one.label, one.payload && Buffer.from(one.payload).toString("hex")] : one,
      );
    expect(JSON.stringify(shown(replay()))).toBe(JSON.stringify(shown(entries)));
  });

  it("shows the next entry without taking it", () => {
    record([{ kind: "end", icount: 7, byGuest: true }]);
    using reader = new InputReplay(path, RAM_BYTES);
    expect(reader.peek()).toEqual(reader.peek());
    expect(reader.next()).toMatchObject({ icount: 7 });
    expect(reader.peek()).toBeUndefined();
    expect(reader.next()).toBeUndefined();
  });

  it("ends where its writer died in the middle of a line", () => {
    record([{ kind: "clock", icount: 1, ticks: 2n, rate: 3 }]);
    appendFileSync(path, '["input",5,"uart0');
    expect(replay()).toEqual([{ kind: "clock", icount: 1, ticks: 2n, rate: 3 }]);
  });
});

describe("a file that is no recording", () => {
  const open = (): unknown => {
    using reader = new InputReplay(path, RAM_BYTES);
    while (reader.next() !== undefined);
    return undefined;
  };
  const header = () => readFileSync(path, "utf8").split("\n")[0];

  it.each([
    ["is empty", ""],
    ["is text", "Hello\nworld\n"],
    ["is JSON of another kind", '{"name":"vkrun"}\n'],
    ["is a recording of a later version", '{"vkrun":"recording","version":3,"ramBytes":16777216}\n'],
  ])("is refused when it %s", (_what, text) => {
    writeFileSync(path, text);
    expect(open).toThrow(expect.objectContaining({ code: "ERR_VKRUN_RECORDING_INVALID" }));
  });

  it.each([
    ["a count below zero", '["input",-1,"x"]'],
    ["a count that is no number", '["clock","1",2,3]'],
    ["a count beyond what a number holds", '["end",1e300,true]'],
    ["an unknown kind", '["exec",1,"rm"]'],
    ["an object", '{"kind":"end"}'],
    ["no JSON", "end"],
  ])("is refused at an entry with %s", (_what, line) => {
    record([]);
    writeFileSync(path, `${header()}\n${line}\n`);
    expect(open).toThrow(expect.objectContaining({ code: "ERR_VKRUN_RECORDING_INVALID" }));
  });

  it("is refused when it is not there, or belongs to a machine with other memory", () => {
    expect(open).toThrow(expect.objectContaining({ code: "ERR_VKRUN_RECORDING_READ" }));
    record([]);
    expect(() => new InputReplay(path, 2 * RAM_BYTES)).toThrow(
      expect.objectContaining({ code: "ERR_VKRUN_REPLAY_MISMATCH" }),
    );
  });
});
