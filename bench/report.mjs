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
  const host = {
    ...{ node: process.version, cpu: os.cpus()[0]?.model, cpus: os.cpus().length, kernel: os.release() },
    // Beyond one, something else was running too.
    loadAverage: os.loadavg(),
  };
  writeFileSync(path, `${JSON.stringify({ host, ...results }, null, 2)}\n`);
  console.log(`wrote ${path}`);
}

/**
 * A bar a row: vkrun's speed relative to QEMU's, with a line where they are equal.
 * @param {string} name
 * @param {{ rows: import("./comparison.mjs").Row[], geometricMeanSpeed: number }} results
 */
export function writeSpeeds(name, { rows, geometricMeanSpeed }) {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const bars = rows.map(({ name, speed, qemu, vkrun }) => ({
    label: name,
    speed,
    text: `${speed.toFixed(2)}  (QEMU ${qemu.median.toPrecision(3)} s, vkrun ${vkrun.median.toPrecision(3)} s)`,
  }));
  const mean = "geometric mean";
  if (rows.length > 1) {
    bars.push({ label: mean, speed: geometricMeanSpeed, text: geometricMeanSpeed.toFixed(2) });
  }
  const svg = Plot.plot({
    document,
    width: 760,
    height: 50 + 24 * bars.length,
    marginLeft: 120,
    marginRight: 190,
    // Plot's own title would wrap the SVG in a figure.
    x: { label: "Speed of vkrun, QEMU TCG = 1; more is better", grid: true, zero: true },
    y: { label: null, domain: bars.map(({ label }) => label) },
    marks: [
      Plot.barX(bars, { x: "speed", y: "label", fill: ({ label }) => (label === mean ? "#1d4566" : "#2f6f9f") }),
      Plot.text(bars, { x: "speed", y: "label", text: "text", textAnchor: "start", dx: 4, fontSize: 9 }),
      Plot.ruleX([0]),
      Plot.ruleX([1], { stroke: "#b33", strokeDasharray: "4 3" }),
    ],
    style: { background: "white", color: "black" },
  });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  mkdirSync(OUTPUT, { recursive: true });
  const path = `${OUTPUT}/${name}.svg`;
  writeFileSync(path, `${svg.outerHTML}\n`);
  console.log(`wrote ${path}`);
}
