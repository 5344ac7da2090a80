/** The report as one HTML file: words first, then plots, then all numbers. */
import { groupResults } from "../groups.js";
import { HISTORY } from "../history.js";
import type { Results } from "../results.js";
import { summary } from "../summary.js";
import { conditions, type Table, tables } from "../text-report.js";
import { times } from "../units.js";
import { COLORS, endToEnd, type Named, overview, scans, speeds, warmUp } from "./plots.js";

const STYLE = `
  body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid #ddd; } h3 { font-size: 1rem; }
  figure { margin: 0; } svg { max-width: 100%; height: auto; } .pair { display: flex; flex-wrap: wrap; gap: 10px; }
  dt { font-weight: 600; margin-top: .6rem; } dd { margin: 0; }
  table { border-collapse: collapse; font-size: .85rem; } th, td { padding: .15rem .7rem; text-align: right; white-space: nowrap; }
  th { border-bottom: 1px solid #999; } tr:nth-child(even) td { background: #f6f7f9; }
  th:first-child, td:first-child, th:last-child, td:last-child { text-align: left; }
  .wasm { color: ${COLORS.wasm}; } .ts { color: ${COLORS.ts}; } .older { color: ${COLORS.older}; } .bar { color: ${COLORS.bar}; }
  .note { color: #555; font-size: .9rem; } details { margin: .5rem 0; }
`;

/** `older` are results that are shown beside the new ones. */
export function htmlReport(results: Results, older?: Results): string {
  const all = named(results, older);
  const title = `vkrun bench: WebAssembly against TypeScript, Node ${results.host.node}`;
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><link rel="icon" href="data:,"><style>${STYLE}</style></head>
<body>
<h1>${escaped(title)}</h1>
<p class="note">${all.map(({ name, results }) => `${older === undefined ? "" : `<b>${escaped(name)}</b>: `}${escaped(conditions(results))}`).join("<br>")}</p>
${section("summary", "What the numbers say", words(results))}
${section("overview", "At a glance", `${figure(overview(all))}${legendOfRuns(all)}`)}
${section("cases", "Case by case", caseByCase(results, all))}
${section("sizes", "By the size of RAM", `${LEGEND}${bySize(results)}`)}
${results.cold.length === 0 ? "" : section("cold", "Cold start", `<p>What a call costs in a process that has made few.</p>${LEGEND}<div class="pair">${results.cold.map((one) => figure(warmUp(one))).join("")}</div>`)}
${results.endToEnd.length === 0 ? "" : section("machines", "Whole machines", results.endToEnd.map((one) => figure(endToEnd(one))).join(""))}
${section("history", "What made the AssemblyScript faster", history())}
${section("numbers", "All numbers", tables(results, older).map(table).join(""))}
</body>
</html>
`;
}

const LEGEND = `<p class="note"><span class="wasm">&#9644; WASM</span> <span class="ts">&#9644; TypeScript</span></p>`;

function named(results: Results, older: Results | undefined): Named[] {
  if (older === undefined) return [{ name: `Node ${results.host.node}`, results }];
  const same = older.host.node === results.host.node;
  const name = (one: Results): string => `Node ${one.host.node}${same ? `, ${one.started.slice(0, 16)}` : ""}`;
  return [
    { name: name(results), results },
    { name: name(older), results: older },
  ];
}

function history(): string {
  const head = ["change", "case", "without", "with"];
  const rows = HISTORY.map(({ what, of, before, after }) => [what, of, times(before), times(after)]);
  const note =
    "Measured when it was made, not in this run: speed relative to TypeScript without the change, and with it.";
  return `<p class="note">${note}</p>${table({ title: "Changes", head, rows })}`;
}

function section(id: string, title: string, body: string): string {
  return `<section id="${id}"><h2>${escaped(title)}</h2>${body}</section>`;
}

function figure(svg: string): string {
  return `<figure>${svg}</figure>`;
}

function words(results: Results): string {
  const list = summary(results).map(({ title, text }) => `<dt>${escaped(title)}</dt><dd>${escaped(text)}</dd>`);
  const left = results.left.map((what) => `<dt>Not measured</dt><dd>${escaped(what)}</dd>`);
  return `<dl>${[...list, ...left].join("")}</dl>`;
}

function legendOfRuns(all: readonly Named[]): string {
  const runs = all.map(
    ({ name }, index) => `<span class="${index === 0 ? "wasm" : "older"}">&#9679; ${escaped(name)}</span>`,
  );
  return `<p class="note">${runs.join(" ")} <span class="bar">&#8942; what is to be reached</span></p>`;
}

function caseByCase(results: Results, all: readonly Named[]): string {
  const groups = groupResults(results).map(
    (one) => `<h3>${escaped(one.group.title)}</h3><p>${escaped(one.group.about)}</p>${figure(speeds(one, all))}`,
  );
  return `${legendOfRuns(all)}${groups.join("")}`;
}

function bySize(results: Results): string {
  const has = (operation: string): boolean => results.cases.some(({ title }) => title.startsWith(`${operation}: `));
  return (["runs", "count"] as const)
    .filter(has)
    .map(
      (operation) =>
        `<h3>${operation === "runs" ? "All runs of set pages" : "How many pages are set"}</h3>${figure(scans(results, operation))}`,
    )
    .join("");
}

function table({ title, head, rows }: Table): string {
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("")}</tr>`;
  const body = rows.map((row) => line(row, "td")).join("");
  return `<details open><summary>${escaped(title)}</summary><table><thead>${line(head, "th")}</thead><tbody>${body}</tbody></table></details>`;
}

/** Titles come from a file, where older results do. */
function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (character) => entities[character] as string);
}
