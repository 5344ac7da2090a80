/** Ports of a guest besides its console, as options. */
import { resolve } from "node:path";
import { VkrunError } from "../errors.js";
import { MAX_PORTS, PORT_NAME_MAX, type PortConfig } from "../machine/machine-config.js";

export interface PortOptions {
  /** What the guest's programs find it by, in /dev/virtio-ports: 1 to 63 bytes. */
  name: string;
  /**
   * What it is bound to: a stream in `VKernel.ports` (the default), a pseudoterminal that `path` becomes a link to, a terminal of the
   * host, a UNIX socket that vkrun listens on for one program at a time, or a file that takes what the guest writes.
   */
  backend?: "stream" | "pty" | "tty" | "socket" | "file";
  /** For all backends but "stream". */
  path?: string;
  /** The guest makes a terminal of it: hvc1 and on. Default false. */
  console?: boolean;
}

const PORT_BACKENDS: readonly string[] = ["stream", "pty", "tty", "socket", "file"];

export function resolvePorts(ports: readonly PortOptions[]): PortConfig[] {
  if (ports.length > MAX_PORTS) {
    throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `${ports.length} ports are more than a guest can have`, {
      hint: `At most ${MAX_PORTS} fit beside the console.`,
    });
  }
  const names = ports.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `two ports have the name "${twice}"`);
  return ports.map(({ name, backend: type = "stream", path, console = false }) => {
    const bytes = Buffer.byteLength(name);
    if (bytes === 0 || bytes > PORT_NAME_MAX || name.includes("\0")) {
      throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `"${name}" cannot be the name of a port`, {
        hint: `A name has 1 to ${PORT_NAME_MAX} bytes.`,
      });
    }
    if (!PORT_BACKENDS.includes(type)) {
      throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `port "${name}" cannot be bound to "${type}"`, {
        hint: `Use one of ${PORT_BACKENDS.join(", ")}.`,
      });
    }
    if (type === "stream") return { name, isConsole: console, backend: { type } };
    if (path === undefined || path === "") {
      throw new VkrunError("ERR_VKRUN_BOOT_OPTIONS", `port "${name}" has no path`, {
        hint: `A port that is bound to a ${type} needs one.`,
      });
    }
    return { name, isConsole: console, backend: { type, path: resolve(path) } };
  });
}
