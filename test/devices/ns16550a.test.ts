import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Ns16550a } from "../../src/devices/ns16550a.js";
import { FakeTerminal, ManualClock, ManualGate, Wire } from "./support.js";

const RBR = 0;
const THR = 0;
const IER = 1;
const IIR = 2;
const FCR = 2;
const LCR = 3;
const MCR = 4;
const LSR = 5;
const MSR = 6;
const SCR = 7;

const IER_RDA = 1;
const IER_THRE = 2;
const IER_LINE = 4;
const IER_MODEM = 8;
const LSR_DR = 1;
const LSR_OE = 2;
const LSR_EMPTY = 0x60;
const MCR_LOOP = 0x10;
/** DTR, RTS and OUT2, as a driver that has come up sets them. */
const MCR_READY = 0x0b;
/** Four characters of ten bits at 115200 baud, in ticks, rounded up. */
const TIMEOUT_115200 = 3473n;

let gate: ManualGate;
let clock: ManualClock;
let terminal: FakeTerminal;
let wire: Wire;
let uart: Ns16550a;

beforeEach(() => {
  gate = new ManualGate();
  clock = new ManualClock();
  build();
});

function build(): void {
  terminal = new FakeTerminal();
  wire = new Wire();
  const memory = { base: 0, size: 0, view: () => new Uint8Array(0), wrote: () => {}, discard: () => {} };
  uart = new Ns16550a({
    name: "uart0",
    context: { memory, clock, input: gate },
    interrupt: wire,
    backend: terminal,
  });
  write(MCR, MCR_READY);
}

const read = (offset: number) => uart.read(offset, 1);
const write = (offset: number, value: number) => uart.write(offset, 1, value);

function type(text: string): void {
  terminal.type(text);
  gate.open();
}

/** Reads as a polling driver does. */
function readAll(): string {
  let text = "";
  while ((read(LSR) & LSR_DR) !== 0) text += String.fromCharCode(read(RBR));
  return text;
}

/** FIFOs on with a trigger level of 8, 115200 baud, receive interrupts. */
function enableFifo(): void {
  write(LCR, 0x83);
  write(0, 2);
  write(1, 0);
  write(LCR, 0x03);
  write(FCR, 0x81);
  write(IER, IER_RDA);
}

describe("transmission", () => {
  it("passes bytes on and is always ready for more", () => {
    for (const byte of Buffer.from("hello")) {
      expect(read(LSR)).toBe(LSR_EMPTY);
      write(THR, byte);
    }
    expect(terminal.text).toBe("hello");
  });

  it("takes the low byte of a wider store", () => {
    uart.write(THR, 4, 0x1234_5641);
    expect(terminal.text).toBe("A");
  });

  it("raises THRE when the interrupt is enabled, until IIR has told, and after each byte", () => {
    write(IER, IER_THRE);
    expect(wire.level).toBe(true);
    expect(read(IIR)).toBe(0x02);
    expect(wire.level).toBe(false);
    expect(read(IIR)).toBe(0x01);
    write(THR, 65);
    expect(wire.level).toBe(true);
    write(IER, 0);
    expect(wire.level).toBe(false);
    write(IER, IER_THRE);
    expect(wire.level).toBe(true);
  });

  it("holds bytes in the FIFO while the terminal is congested, and drops what does not fit", () => {
    write(FCR, 0x01);
    write(IER, IER_THRE);
    read(IIR);
    terminal.congested = true;
    write(THR, 0x30);
    gate.open();
    read(IIR);
    for (let byte = 0; byte < 20; byte++) write(THR, 0x41 + byte);
    expect(terminal.text).toBe("0");
    expect(read(LSR) & LSR_EMPTY).toBe(0);
    expect(wire.level).toBe(false);
    terminal.drain();
    gate.open();
    expect(terminal.text).toBe("0ABCDEFGHIJKLMNOP");
    expect(read(LSR) & LSR_EMPTY).toBe(LSR_EMPTY);
    expect(read(IIR)).toBe(0xc2);
  });
});

describe("reception", () => {
  it("lets input in through the gate", () => {
    terminal.type("x");
    expect(read(LSR) & LSR_DR).toBe(0);
    expect(gate.open().map(({ label, payload }) => [label, payload])).toEqual([["uart0:input:0", Uint8Array.of(0x78)]]);
    expect(read(LSR) & LSR_DR).toBe(1);
    expect(read(RBR)).toBe(0x78);
    expect(read(LSR) & LSR_DR).toBe(0);
    expect(read(RBR)).toBe(0);
  });

  it("interrupts for every byte without FIFOs", () => {
    write(IER, IER_RDA);
    type("ab");
    expect(read(IIR)).toBe(0x04);
    expect(read(RBR)).toBe(0x61);
    expect(wire.level).toBe(true);
    expect(read(RBR)).toBe(0x62);
    expect(wire.level).toBe(false);
  });

  it("interrupts at the trigger level with FIFOs", () => {
    enableFifo();
    type("1234567");
    expect(wire.level).toBe(false);
    type("8");
    expect(read(IIR)).toBe(0xc4);
    read(RBR);
    expect(wire.level).toBe(false);
  });

  it("reports fewer bytes after four character times of silence", () => {
    enableFifo();
    type("ab");
    expect(uart.nextDeadlineTicks()).toBe(TIMEOUT_115200);
    clock.now = TIMEOUT_115200 - 1n;
    uart.tick();
    expect(wire.level).toBe(false);
    clock.now = TIMEOUT_115200;
    uart.tick();
    expect(read(IIR)).toBe(0xcc);
    expect(uart.nextDeadlineTicks()).toBeUndefined();
    // Reading clears it; what is left waits for another timeout.
    read(RBR);
    expect(wire.level).toBe(false);
    expect(uart.nextDeadlineTicks()).toBe(2n * TIMEOUT_115200);
    read(RBR);
    expect(uart.nextDeadlineTicks()).toBeUndefined();
  });

  it("loses nothing of an input larger than the FIFO, through resets as well", () => {
    enableFifo();
    const sent = Array.from({ length: 1000 }, (_, index) => `${index},`).join("");
    type(sent);
    let got = "";
    while (got.length < 100) got += String.fromCharCode(read(RBR));
    uart.reset();
    write(MCR, MCR_READY);
    got += readAll();
    expect(got).toBe(sent);
  });

  it("has what the driver clears out of the FIFO sent again", () => {
    enableFifo();
    type("0123456789abcdefREST");
    expect(read(RBR)).toBe(0x30);
    write(FCR, 0x83);
    expect(readAll()).toBe("123456789abcdefREST");
  });

  it("leaves input with the sender until a driver listens", () => {
    write(MCR, 0);
    type("typed early");
    // What Linux does while it probes the port and starts it up.
    write(FCR, 1);
    write(FCR, 7);
    write(FCR, 0);
    for (const offset of [LSR, RBR, IIR, MSR, LSR, RBR]) read(offset);
    expect(read(LSR) & LSR_DR).toBe(0);
    write(IER, IER_RDA);
    write(FCR, 1);
    write(FCR, 0x81);
    write(MCR, MCR_READY);
    expect(readAll()).toBe("typed early");
  });

  it("takes the receive interrupt alone for a driver that listens", () => {
    write(MCR, 0);
    type("x");
    expect(read(LSR) & LSR_DR).toBe(0);
    write(IER, IER_RDA);
    expect(wire.level).toBe(true);
    expect(read(RBR)).toBe(0x78);
  });

  it("gives input to a reader that does nothing but poll", () => {
    write(MCR, 0);
    type("polled");
    for (let reads = 0; reads < 100 && (read(LSR) & LSR_DR) === 0; reads++);
    expect(readAll()).toBe("polled");
  });

  it("takes printing for no polling", () => {
    write(MCR, 0);
    type("x");
    for (let printed = 0; printed < 100; printed++) {
      expect(read(LSR) & LSR_DR).toBe(0);
      write(THR, 0x2e);
    }
  });

  it("pauses a terminal that is not read, and resumes it", () => {
    for (let index = 0; index < 17; index++) type("x".repeat(4096));
    expect(terminal.paused).toBe(true);
    let count = 0;
    while ((read(LSR) & LSR_DR) !== 0) {
      read(RBR);
      count++;
    }
    expect(count).toBe(17 * 4096);
    expect(terminal.paused).toBe(false);
  });
});

describe("registers", () => {
  it("has a divisor behind DLAB, and a scratch register", () => {
    write(LCR, 0x80);
    write(0, 0x34);
    write(1, 0x12);
    expect([read(0), read(1), read(LCR)]).toEqual([0x34, 0x12, 0x80]);
    write(LCR, 0x03);
    expect([read(RBR), read(IER)]).toEqual([0, 0]);
    write(SCR, 0xa5);
    expect(read(SCR)).toBe(0xa5);
    expect(terminal.text).toBe("");
  });

  it("looks like a 16550A to a driver that probes it", () => {
    write(IER, 0x0f);
    expect(read(IER)).toBe(0x0f);
    write(IER, 0xff);
    expect(read(IER)).toBe(0x0f);
    write(IER, 0);
    write(FCR, 0x01);
    expect(read(IIR) & 0xc0).toBe(0xc0);
    write(FCR, 0x00);
    expect(read(IIR) & 0xc0).toBe(0);
  });

  it("shows a line that is ready", () => {
    expect(read(MSR)).toBe(0xb0);
  });

  it("reports the most urgent interrupt first", () => {
    write(MCR, MCR_LOOP);
    write(THR, 1);
    write(THR, 2);
    read(MSR);
    write(MCR, MCR_LOOP | 0x02);
    write(IER, IER_RDA | IER_THRE | IER_LINE | IER_MODEM);
    expect(read(IIR)).toBe(0x06);
    expect(read(LSR) & LSR_OE).toBe(LSR_OE);
    expect(read(IIR)).toBe(0x04);
    expect(read(RBR)).toBe(1);
    expect(read(IIR)).toBe(0x02);
    expect(read(IIR)).toBe(0x00);
    read(MSR);
    expect(read(IIR)).toBe(0x01);
    expect(wire.level).toBe(false);
  });
});

describe("loopback", () => {
  beforeEach(() => {
    write(MCR, MCR_LOOP);
    read(MSR);
  });

  it("receives what it transmits, and nothing from outside", () => {
    write(FCR, 0x01);
    type("outside");
    for (const byte of Buffer.from("inside")) write(THR, byte);
    expect(readAll()).toBe("inside");
    expect(terminal.text).toBe("");
    write(MCR, MCR_READY);
    expect(readAll()).toBe("outside");
  });

  it("turns modem outputs into inputs, and remembers their changes until MSR is read", () => {
    write(MCR, MCR_LOOP | 0x0f);
    // RI counts only when it goes away.
    expect(read(MSR)).toBe(0xfb);
    expect(read(MSR)).toBe(0xf0);
    write(MCR, MCR_LOOP);
    expect(read(MSR)).toBe(0x0f);
  });
});

describe("a saved UART", () => {
  it("goes on with registers, FIFOs, waiting input and timeout", () => {
    enableFifo();
    write(IER, IER_RDA | IER_THRE);
    write(SCR, 7);
    type("0123456789abcdefREST");
    terminal.congested = true;
    write(THR, 0x21);
    gate.open();
    write(THR, 0x22);
    const state = structuredClone(uart.save());
    const deadline = uart.nextDeadlineTicks();
    build();
    uart.restore(state);
    expect(uart.nextDeadlineTicks()).toBe(deadline);
    expect(wire.level).toBe(true);
    expect(read(SCR)).toBe(7);
    gate.open();
    expect(terminal.text).toBe('"');
    expect(readAll()).toBe("0123456789abcdefREST");
  });
});

describe("a guest without manners", () => {
  it("can access anything in any width", () => {
    const access = fc.record({
      offset: fc.integer({ min: 0, max: 0xff }),
      size: fc.constantFrom(1, 2, 4),
      value: fc.option(fc.integer({ min: 0, max: 0xffff_ffff })),
      typed: fc.string({ maxLength: 3 }),
      congested: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(access, { maxLength: 100 }), (list) => {
        build();
        for (const { offset, size, value, typed, congested } of list) {
          terminal.congested = congested;
          if (typed.length > 0) terminal.type(typed);
          if (offset & 1) gate.open();
          clock.now += 1_000n;
          uart.tick();
          const low = offset < 0x80 ? offset & 7 : offset;
          if (value === null) {
            const got = uart.read(low, size);
            expect(got).toBeGreaterThanOrEqual(0);
            expect(got).toBeLessThanOrEqual(0xff);
          } else uart.write(low, size, value);
        }
      }),
      { numRuns: 300, seed: 4 },
    );
  });
});
