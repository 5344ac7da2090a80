// @ts-check
// Terminal output with its times, as an animated SVG: a film strip of frames that CSS moves past a window, one frame
// at a time. A line that looks the same in many frames is written once.

import xterm from "@xterm/headless";

/** Frames closer together than this are one. */
const FRAME_MS = 100;
/** Nothing to see for longer than this is cut short. */
const MAX_GAP_MS = 1500;
/** The last frame stays for so long before the film starts over. */
const END_MS = 4000;

const FONT_SIZE = 14;
const CELL_WIDTH = 8.43;
const CELL_HEIGHT = 18;
const PADDING = 12;
const BAR_HEIGHT = 28;

const BACKGROUND = "#1b1f27";
const FOREGROUND = "#d7dae0";
/** The sixteen colours of ANSI X3.64, as the One Dark theme has them. */
const PALETTE = [
  ...["#3f4451", "#e05561", "#8cc265", "#d18f52", "#4aa5f0", "#c162de", "#42b3c2", "#d7dae0"],
  ...["#4f5666", "#ff616e", "#a5e075", "#f0a45d", "#4dc4ff", "#de73ff", "#4cd1e0", "#e6e6e6"],
];

/** @param {string} text */
const escapeXml = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/**
 * One row of the screen as SVG, without its position: a tspan for each run of cells that look alike.
 * @param {import("@xterm/headless").IBufferLine} line
 * @param {number} columns
 */
function renderLine(line, columns) {
  const spans = [];
  let run = { text: "", style: "", at: 0 };
  for (let x = 0; x < columns; x++) {
    const cell = line.getCell(x);
    if (cell === undefined || cell.getWidth() === 0) continue;
    const color = cell.isFgPalette() ? (PALETTE[cell.getFgColor()] ?? FOREGROUND) : FOREGROUND;
    const style = `${color === FOREGROUND ? "" : ` fill="${color}"`}${cell.isBold() ? ' font-weight="bold"' : ""}`;
    if (style !== run.style) {
      spans.push(run);
      run = { text: "", style, at: x };
    }
    run.text += cell.getChars() || " ";
  }
  spans.push(run);
  return spans
    .map((span) => ({ ...span, text: span.text.trimEnd() }))
    .filter((span) => span.text !== "")
    .map(({ text, style, at }) => `<tspan x="${(at * CELL_WIDTH).toFixed(1)}"${style}>${escapeXml(text)}</tspan>`)
    .join("");
}

/**
 * Shortens silences, and gathers what appears close together.
 * @param {readonly { ms: number, data: string }[]} chunks
 */
function gather(chunks) {
  /** @type {{ ms: number, data: string }[]} */
  const frames = [];
  let shownAt = 0;
  let before = 0;
  for (const { ms, data } of chunks) {
    shownAt += Math.min(ms - before, MAX_GAP_MS);
    before = ms;
    const last = frames.at(-1);
    if (last !== undefined && shownAt - last.ms < FRAME_MS) last.data += data;
    else frames.push({ ms: shownAt, data });
  }
  return frames;
}

/**
 * @param {readonly { ms: number, data: string }[]} chunks what appeared, and when
 * @param {{ columns: number, rows: number, title: string }} terminal
 */
export async function renderFrames(chunks, { columns, rows, title }) {
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
  const frames = gather(chunks);
  /** @type {Map<string, number>} */
  const lines = new Map();
  const pictures = [];
  const width = Math.ceil(columns * CELL_WIDTH) + 2 * PADDING;
  for (const [index, { data }] of frames.entries()) {
    await new Promise((resolve) => terminal.write(data, () => resolve(undefined)));
    const { active } = terminal.buffer;
    const uses = [];
    for (let y = 0; y < rows; y++) {
      const line = active.getLine(active.baseY + y);
      const markup = line === undefined ? "" : renderLine(line, columns);
      if (markup === "") continue;
      if (!lines.has(markup)) lines.set(markup, lines.size);
      uses.push(`<use href="#l${lines.get(markup)}" y="${y * CELL_HEIGHT}"/>`);
    }
    const cursor = `<rect class="c" x="${(active.cursorX * CELL_WIDTH).toFixed(1)}" y="${active.cursorY * CELL_HEIGHT - FONT_SIZE}"/>`;
    pictures.push(`<g transform="translate(${index * width})">${uses.join("")}${cursor}</g>`);
  }
  terminal.dispose();

  const total = (frames.at(-1)?.ms ?? 0) + END_MS;
  const steps = frames.map(
    ({ ms }, index) => `${((ms / total) * 100).toFixed(3)}%{transform:translateX(${-index * width}px)}`,
  );
  const last = `100%{transform:translateX(${-(frames.length - 1) * width}px)}`;
  const height = rows * CELL_HEIGHT + 2 * PADDING + BAR_HEIGHT;
  const definitions = [...lines].map(([markup, id]) => `<text id="l${id}" xml:space="preserve">${markup}</text>`);
  const buttons = ["#e05561", "#d18f52", "#8cc265"].map(
    (color, index) => `<circle cx="${18 + index * 18}" cy="${BAR_HEIGHT / 2 + 2}" r="5.5" fill="${color}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escapeXml(title)}</title>
<style>
text{font:${FONT_SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:${FOREGROUND};white-space:pre}
.c{width:${CELL_WIDTH}px;height:${CELL_HEIGHT}px;fill:${FOREGROUND};opacity:.6}
.film{animation:film ${(total / 1000).toFixed(2)}s step-end infinite}
@keyframes film{${steps.join("")}${last}}
</style>
<defs>${definitions.join("\n")}</defs>
<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>
${buttons.join("")}
<svg x="${PADDING}" y="${BAR_HEIGHT}" width="${width - 2 * PADDING}" height="${height - BAR_HEIGHT}" viewBox="0 ${-CELL_HEIGHT} ${width - 2 * PADDING} ${height - BAR_HEIGHT}">
<g class="film">
${pictures.join("\n")}
</g>
</svg>
</svg>
`;
}
