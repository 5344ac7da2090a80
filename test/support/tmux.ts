// A real terminal: a shell in tmux, driven by keys and read off its screen.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";

const POLL_MS = 100;

export class Tmux implements AsyncDisposable {
  readonly #socket: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#socket = join(folder, "tmux");
  }

  /** A terminal of this size with a shell at its prompt, "$ ". */
  static async open(columns = 100, rows = 30): Promise<Tmux> {
    const tmux = new Tmux(mkdtempSync(join(tmpdir(), "vkrun-tmux-")));
    const shell = ["env", "PS1=$ ", "ENV=", "sh", "-i"];
    await tmux.#tmux("new-session", "-d", "-s", "test", "-x", String(columns), "-y", String(rows), ...shell);
    await tmux.waitFor(/^\$ /m);
    return tmux;
  }

  /** Types text, or presses keys by tmux's names ("C-a", "Enter"). */
  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-t", "test", "-l", text);
  }

  async press(...keys: string[]): Promise<void> {
    await this.#tmux("send-keys", "-t", "test", ...keys);
  }

  async enter(line: string): Promise<void> {
    await this.type(line);
    await this.press("Enter");
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux("resize-window", "-t", "test", "-x", String(columns), "-y", String(rows));
  }

  /** The screen with what has scrolled off it. */
  async screen(): Promise<string> {
    return (await this.#tmux("capture-pane", "-p", "-J", "-t", "test", "-S", "-1000")).stdout;
  }

  /** Resolves when the screen shows `pattern`. */
  async waitFor(pattern: RegExp, timeoutMs = 60_000): Promise<RegExpMatchArray> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const screen = await this.screen();
      const match = screen.match(pattern);
      if (match !== null) return match;
      if (performance.now() > end) throw new Error(`${pattern} did not appear; the screen shows:\n${screen}`);
      await delay(POLL_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tmux("kill-server").catch(() => undefined);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #tmux(...args: string[]): Promise<{ stdout: string }> {
    return execa("tmux", ["-S", this.#socket, "-f", "/dev/null", ...args], { timeout: 20_000 });
  }
}
