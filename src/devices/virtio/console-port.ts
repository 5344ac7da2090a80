import type { CharBackend } from "../../backends/char-backend.js";
import { CharPort, type CharPortState } from "../char-port.js";
import type { InputGate } from "../device.js";
import type { VirtqRequest } from "./virtq-request.js";

export interface ConsoleSize {
  readonly columns: number;
  readonly rows: number;
}

export interface ConsolePortOptions {
  readonly id: number;
  /** What programs of the guest find it by; port 0 needs none. */
  readonly name: string | undefined;
  /** Whether the guest makes a terminal of it (hvcN), or a plain device (vportNpM). */
  readonly isConsole: boolean;
  readonly backend: CharBackend;
  readonly size: ConsoleSize;
  readonly input: InputGate;
  readonly label: (kind: string) => string;
  readonly onInput: () => void;
  readonly onUnblocked: () => void;
  /** `hostOpen` is another now. */
  readonly onHostOpen: () => void;
}

/** What the device has to tell the driver of a port, in the order in which it does (5.3.6.2). */
export const enum PortNews {
  ADD = 1,
  CONSOLE = 2,
  NAME = 4,
  SIZE = 8,
  OPEN = 16,
}

export interface ConsolePortState {
  readonly size: ConsoleSize;
  readonly hostOpen: boolean;
  readonly guestOpen: boolean;
  readonly news: number;
  readonly sent: number;
  readonly char: CharPortState;
}

/** A port of a virtio console: its backend, and how far either side is with it. */
export class VirtioConsolePort {
  readonly id: number;
  readonly name: string | undefined;
  readonly isConsole: boolean;
  readonly char: CharPort;
  size: ConsoleSize;
  /** There is somebody at the host's end. */
  hostOpen: boolean;
  /** A program of the guest has it open. */
  guestOpen = false;
  /** PortNews that the driver has not been told. */
  news = 0;
  /** The transmit request that is partly written. */
  sending: { request: VirtqRequest; done: number } | undefined;

  constructor({ id, name, isConsole, backend, size, input, label, ...events }: ConsolePortOptions) {
    this.id = id;
    this.name = name;
    this.isConsole = isConsole;
    this.size = size;
    // That somebody is there already is an input like any other.
    this.hostOpen = backend.connected === undefined;
    this.char = new CharPort({
      backend,
      input,
      label,
      onInput: events.onInput,
      onUnblocked: events.onUnblocked,
      onConnected: (connected) => {
        this.hostOpen = connected;
        events.onHostOpen();
      },
    });
  }

  /** Another driver, or none: what it had under way is void, and it knows nothing of the port. */
  reset(): void {
    this.sending = undefined;
    this.guestOpen = false;
    this.news = 0;
  }

  save(): ConsolePortState {
    const { size, hostOpen, guestOpen, news } = this;
    return { size, hostOpen, guestOpen, news, sent: this.sending?.done ?? 0, char: this.char.save() };
  }

  /** `underWay`: the transmit request that was partly written. */
  restore(state: ConsolePortState, underWay: VirtqRequest | undefined): void {
    this.size = state.size;
    this.hostOpen = state.hostOpen;
    this.guestOpen = state.guestOpen;
    this.news = state.news;
    this.sending = underWay && { request: underWay, done: state.sent };
    this.char.restore(state.char);
  }
}
