// @ts-check
// Results as JSON, and as an SVG that a README can show.
import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

const OUTPUT = "build/bench";

/**
 * @param {string} name
 * @param {object} results
 */
export function writeJson(name, results) {
  mkdirSync(OUTPUT, { recursive: true });
  const path = `${OUTPUT}/${name}.json`;
  const host = { node: process.version, cpu: os.cpus()[0]?.model, cpus: os.cpus().length, kernel: os.release() };
  writeFileSync(path, `${JSON.stringify({ host, ...results }, null, 2)}\n`);
  console.log(`wrote ${path}`);
}

/**
 * One bar a row, grouped by machine.
 * @param {string} name
 * @param {{ title: string, unit: string, rows: { label: string, machine: string, value: number }[] }} chart
 */
export function writeBars(name, { title, unit, rows }) {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const svg = Plot.plot({
    document,
    width: 760,
    marginLeft: 110,
    marginRight: 70,
    // Plot's own title would wrap the SVG in a figure.
    x: { label: `${title} (${unit})`, grid: true },
    y: { label: null, axis: null },
    fy: { label: null },
    color: { domain: ["QEMU", "vkrun"], range: ["#b8b8b8", "#2f6f9f"] },
    marks: [
      Plot.barX(rows, { x: "value", y: "machine", fy: "label", fill: "machine", insetTop: 1 }),
      Plot.text(rows, {
        x: "value",
        y: "machine",
        fy: "label",
        text: (row) => `${row.machine} ${row.value.toPrecision(3)}`,
        textAnchor: "start",
        dx: 4,
        fontSize: 9,
      }),
      Plot.ruleX([0]),
    ],
    style: { background: "white", color: "black" },
  });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  mkdirSync(OUTPUT, { recursive: true });
  const path = `${OUTPUT}/${name}.svg`;
  writeFileSync(path, `${svg.outerHTML}\n`);
  console.log(`wrote ${path}`);
}
