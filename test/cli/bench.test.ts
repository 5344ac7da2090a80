import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CASES } from "../../src/bench/cases/index.js";
import type { Results } from "../../src/bench/results.js";
import { COMMAND, vkrun } from "../support/command.js";
import { node24 } from "../support/node-24.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "vkrun-bench-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const resultsOf = (path: string): Results => JSON.parse(readFileSync(path, "utf8"));

/** `vkrun bench --quick`, interrupted when some cases have been measured. */
async function interrupted(node: string, ...args: string[]): Promise<{ status: number | null; output: string }> {
  const child = spawn(node, [COMMAND, "bench", "--quick", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let parts = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    parts += text;
  });
  const exit = once(child, "exit");
  while (!parts.includes("hot paths")) await Promise.race([delay(20), exit]);
  await delay(1500);
  child.kill("SIGINT");
  const [status] = await exit;
  return { status, output };
}

describe("vkrun bench", { timeout: 180_000 }, () => {
  it("reports what has been measured when it is interrupted, on Node 20 and 24, and puts one beside the other", async () => {
    const [older, newer, html] = ["older.json", "newer.json", "report.html"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const first = await interrupted(process.execPath, "--json", older);
    expect(first).toMatchObject({ status: 130, output: expect.stringContaining("interrupted, so parts are missing") });
    const measured = resultsOf(older);
    expect(measured).toMatchObject({ complete: false, host: { node: process.version } });
    expect(measured.cases.length).toBeGreaterThan(0);
    expect(measured.cases.length).toBeLessThan(CASES.length);

    const second = await interrupted(await node24(), "--json", newer, "--compare", older, "--html", html);
    expect(second.status).toBe(130);
    const { host, cases } = resultsOf(newer);
    expect(host.node).toMatch(/^v24\./);
    expect(cases.length).toBeGreaterThan(0);
    for (const node of [process.version, host.node]) {
      expect(second.output).toContain(`speed ${node}`);
      expect(readFileSync(html, "utf8")).toContain(`Node ${node}`);
    }
  });

  it.each(["--json", "--html"])("refuses a file for %s that cannot be written, before it measures", async (option) => {
    const path = join(folder, "missing", "results");
    const { status, stderr, stdout } = await vkrun(["bench", option, path]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toContain("ERR_VKRUN_REPORT_WRITE");
    expect((await vkrun(["bench", option, folder])).stderr).toContain("it is a folder");
    expect(existsSync(path)).toBe(false);
  });

  it("names the suites beside QEMU when it is asked for another one", async () => {
    const { status, stderr } = await vkrun(["bench", "gpu"]);
    expect(status).toBe(1);
    expect(stderr).toContain("cpu, system, programs, boot, io, checkpoint and all");
  });
});
