/** What `vkrun inspect` prints. All of it comes out of files: text goes through `printable`. */
import type { CheckpointDifference, CheckpointInspection, PlainValue } from "../index.js";
import { duration, mebibytes, printable, textTable } from "./text-table.js";
import { vmspacesTable } from "./vmspaces-table.js";

/** Lines of a list that people still read. */
const SHOWN = 40;
const PAGE_BYTES = 4096;
const DRIVER_OK = 4;
const NEEDS_RESET = 64;

export function inspectionReport(found: CheckpointInspection): string {
  const { name, created, vkrun, format, id, ramBytes, pages, presentPages, zeroPages, chain, guest } = found;
  const { console, network, compressed, storedBytes } = found;
  const size = console.columns === 0 ? "" : `, ${console.columns} x ${console.rows}`;
  const waiting = console.waitingBytes === 0 ? "" : `, ${console.waitingBytes} bytes typed that it has not taken`;
  const summary: [string, string][] = [
    ["name", name],
    ["created", `${created} by vkrun ${vkrun}`],
    ["id", id],
    ["file", `${mebibytes(storedBytes)} MiB, format ${format}${compressed ? ", compressed" : ""}`],
    ["memory", `${mebibytes(ramBytes)} MiB, of which ${mebibytes(pages * PAGE_BYTES)} MiB are not zero`],
    ["pages", `${presentPages} in this file, ${zeroPages} zero since ${chain.length > 1 ? "its parent" : "the start"}`],
    ["guest", `${duration(guest.seconds)} and ${guest.instructions} instructions since its reset, at ${guest.pc}`],
    ["console", `${console.port}${size}${waiting}`],
    ["network", network === undefined ? "none" : `${network.type}, ${network.mac}`],
  ];
  const parts = [summary.map(([key, value]) => `${`${key}:`.padEnd(10)}${printable(value)}\n`).join("")];
  if (chain.length > 1) parts.push(chainTable(found));
  if (found.disks.length > 0) parts.push(diskTable(found));
  parts.push(deviceTable(found));
  if (found.vmspaces !== undefined) parts.push(vmspacesTable(found.vmspaces));
  return parts.join("\n");
}

function chainTable({ chain }: CheckpointInspection): string {
  return textTable({
    head: ["CHAIN", "CREATED", "SIZE", "PAGES", "ZERO"],
    align: ["left", "left", "right", "right", "right"],
    rows: chain.map(({ path, created, storedBytes, presentPages, zeroPages, compressed }) => [
      compressed ? `${path} (compressed)` : path,
      created,
      `${mebibytes(storedBytes)}M`,
      String(presentPages),
      String(zeroPages),
    ]),
  });
}

function diskTable({ disks }: CheckpointInspection): string {
  return textTable({
    head: ["DISK", "SIZE", "WRITTEN", "IN FILE", "STANDS ON"],
    align: ["left", "right", "left", "right", "left"],
    rows: disks.map(({ name, size, method, savedBytes, files }) => [
      ...[name, `${mebibytes(size)}M`, method, `${mebibytes(savedBytes)}M`],
      files.map(({ path, format }) => `${path} (${format})`).join(", "),
    ]),
  });
}

function deviceTable({ devices }: CheckpointInspection): string {
  return textTable({
    head: ["DEVICE", "STATE", "FEATURES", "QUEUES"],
    align: ["left", "left", "left", "left"],
    rows: devices.map(({ name, virtio }) => {
      if (virtio === undefined) return [name, "", "", ""];
      return [name, deviceState(virtio.status), virtio.features, virtio.queues.join(" ")];
    }),
  });
}

/** Virtio 1.2, 2.1 "Device Status Field". */
function deviceState(status: number): string {
  if ((status & NEEDS_RESET) !== 0) return "needs reset";
  return (status & DRIVER_OK) !== 0 ? "driver" : "no driver";
}

export function differenceReport({ pages, runs, fields }: CheckpointDifference): string {
  const lines = [`${pages} pages differ (${(pages * PAGE_BYTES) / 1024} KiB)`];
  for (const { first, count } of runs.slice(0, SHOWN)) {
    lines.push(count === 1 ? `  page ${first}` : `  pages ${first} to ${first + count - 1}`);
  }
  if (runs.length > SHOWN) lines.push(`  and ${runs.length - SHOWN} further runs of pages; --json has all`);
  lines.push(`${fields.length} fields differ`);
  for (const { field, one, other } of fields) lines.push(`  ${printable(field)}: ${said(one)} -> ${said(other)}`);
  return `${lines.join("\n")}\n`;
}

function said(value: PlainValue | undefined): string {
  if (value === undefined) return "nothing";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return printable(text.length > SHOWN * 2 ? `${text.slice(0, SHOWN * 2)}...` : text);
}
