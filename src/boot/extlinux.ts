/**
 * extlinux.conf as U-Boot reads it (doc/develop/bootstd/extlinux.rst, boot/pxe_utils.c): one keyword a line, in any case,
 * the rest of the line is its value; "#" starts a comment line. Unknown keywords are skipped, as U-Boot does.
 */

export interface ExtlinuxEntry {
  readonly label: string;
  /** What a menu shows, if it is not the label. */
  menuLabel?: string;
  kernel?: string;
  initrd?: string;
  append?: string;
  fdt?: string;
  fdtDir?: string;
}

export interface ExtlinuxConfig {
  readonly entries: readonly ExtlinuxEntry[];
  /** The entry to start: DEFAULT's, or the first; undefined when none names a kernel. */
  readonly chosen: ExtlinuxEntry | undefined;
  /** TIMEOUT in tenths of a second. There is no menu here, so it is only reported. */
  readonly timeout: number | undefined;
  readonly warnings: readonly string[];
}

export function parseExtlinux(text: string): ExtlinuxConfig {
  const entries: ExtlinuxEntry[] = [];
  const warnings: string[] = [];
  let current: ExtlinuxEntry | undefined;
  let defaultLabel: string | undefined;
  let menuDefault: ExtlinuxEntry | undefined;
  let timeout: number | undefined;

  for (const line of text.split(/\r\n|\r|\n/)) {
    const { keyword, value } = splitLine(line);
    switch (keyword) {
      case "label":
        current = { label: value };
        entries.push(current);
        break;
      case "default":
      case "ontimeout":
        defaultLabel = value;
        break;
      case "timeout":
        timeout = Number.parseInt(value, 10) || 0;
        break;
      case "menu": {
        const menu = splitLine(value);
        if (menu.keyword === "default" && current) menuDefault = current;
        else if (menu.keyword === "default") defaultLabel = menu.value;
        else if (menu.keyword === "label" && current) current.menuLabel = menu.value.replace("^", "");
        else if (menu.keyword === "include") warnings.push(notIncluded(menu.value));
        break;
      }
      case "include":
        warnings.push(notIncluded(value));
        break;
      case "linux":
      case "kernel":
        if (current) current.kernel = value;
        break;
      case "initrd":
        if (current) current.initrd = value;
        break;
      case "append":
        if (current) current.append = value;
        break;
      case "fdt":
      case "devicetree":
        if (current) current.fdt = value;
        break;
      case "fdtdir":
      case "devicetreedir":
        if (current) current.fdtDir = value;
        break;
    }
  }

  const bootable = entries.filter((entry) => entry.kernel);
  const named = bootable.find((entry) => entry.label === defaultLabel);
  const chosen = named ?? (menuDefault?.kernel ? menuDefault : undefined) ?? bootable[0];
  if (defaultLabel !== undefined && !named && chosen) {
    warnings.push(
      `extlinux.conf: its default "${defaultLabel}" names no entry with a kernel; starting "${chosen.label}".`,
    );
  }
  return { entries, chosen, timeout, warnings };
}

const notIncluded = (path: string): string => `extlinux.conf: the included file ${path} is not read.`;

function splitLine(line: string): { keyword: string; value: string } {
  const trimmed = line.trim();
  const end = trimmed.search(/\s/);
  if (trimmed.startsWith("#")) return { keyword: "", value: "" };
  if (end < 0) return { keyword: trimmed.toLowerCase(), value: "" };
  return { keyword: trimmed.slice(0, end).toLowerCase(), value: trimmed.slice(end).trim() };
}
