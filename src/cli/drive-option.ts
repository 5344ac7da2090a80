/** `--drive`, in QEMU's words: `file=disk.qcow2,format=qcow2,cache=none`. Also short: `disk.img,snapshot`. */
import { InvalidArgumentError } from "commander";
import type { DriveOptions } from "../index.js";

type Setter = (drive: DriveOptions, value: string) => void;

const SETTERS: Readonly<Record<string, Setter>> = {
  file: (drive, value) => {
    drive.path = value;
  },
  format: (drive, value) => {
    drive.format = oneOf("format", value, ["raw", "qcow2"]);
  },
  cache: (drive, value) => {
    drive.cache = oneOf("cache", value, ["writeback", "none", "unsafe"]);
  },
  discard: (drive, value) => {
    const choice = oneOf("discard", value, ["unmap", "on", "ignore", "off"]);
    drive.discard = choice === "unmap" || choice === "on" ? "unmap" : "ignore";
  },
  readonly: (drive, value) => {
    drive.readOnly = isOn("readonly", value);
  },
  snapshot: (drive, value) => {
    drive.snapshot = isOn("snapshot", value);
  },
  serial: (drive, value) => {
    drive.serial = value;
  },
  "num-queues": (drive, value) => {
    if (!/^\d+$/.test(value)) throw new InvalidArgumentError(`num-queues wants a number, not "${value}".`);
    drive.queues = Number(value);
  },
};

export function parseDrive(value: string): DriveOptions {
  const drive = /(^|,)file=/.test(value) ? parsePairs(value) : parseShort(value);
  if (drive.path === "") throw new InvalidArgumentError("It names no file.");
  return drive;
}

/** As QEMU: a comma in a value is written twice, and a key alone is on. */
function parsePairs(value: string): DriveOptions {
  const drive: DriveOptions = { path: "" };
  for (const [, pair = ""] of value.matchAll(/((?:[^,]|,,)+)(?:,|$)/g)) {
    const equals = pair.indexOf("=");
    const key = equals === -1 ? pair : pair.slice(0, equals);
    const set = Object.hasOwn(SETTERS, key) ? SETTERS[key] : undefined;
    if (set === undefined) {
      throw new InvalidArgumentError(`There is no "${key}". Known: ${Object.keys(SETTERS).join(", ")}.`);
    }
    set(drive, equals === -1 ? "on" : pair.slice(equals + 1).replaceAll(",,", ","));
  }
  return drive;
}

/** FILE[,snapshot][,ro]: only these words are taken off the end, so a file's name may hold commas. */
function parseShort(value: string): DriveOptions {
  const parts = value.split(",");
  const drive: DriveOptions = { path: value };
  for (;;) {
    const last = parts.at(-1);
    if (parts.length > 1 && last === "snapshot") drive.snapshot = true;
    else if (parts.length > 1 && last === "ro") drive.readOnly = true;
    else break;
    parts.pop();
  }
  drive.path = parts.join(",");
  return drive;
}

function oneOf<Choice extends string>(key: string, value: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((each) => each === value);
  if (choice !== undefined) return choice;
  throw new InvalidArgumentError(`${key} is ${choices.join(", ")}, not "${value}".`);
}

function isOn(key: string, value: string): boolean {
  return oneOf(key, value, ["on", "off"]) === "on";
}
