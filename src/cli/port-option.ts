/** --virtserialport and --virtconsole. */
import { InvalidArgumentError } from "commander";
import type { PortOptions } from "../index.js";

/** TYPE,path=PATH[,name=NAME], as QEMU writes options; a comma in a value is written twice. */
export function collectPort(console: boolean): (value: string, ports?: PortOptions[]) => PortOptions[] {
  return (value, ports = []) => {
    const [type = "", ...fields] = value.split(/(?<!,),(?!,)/).map((part) => part.replaceAll(",,", ","));
    const port: PortOptions = { name: console ? `hvc${ports.length + 1}` : "", console };
    if (!isPortType(type)) throw new InvalidArgumentError(`There is no type "${type}"; use pty, tty, socket or file.`);
    port.backend = type;
    for (const field of fields) {
      const [key, text] = [field.slice(0, field.indexOf("=")), field.slice(field.indexOf("=") + 1)];
      if (key !== "path" && key !== "name") throw new InvalidArgumentError(`"${field}" is neither path= nor name=.`);
      port[key] = text;
    }
    if (port.name === "") throw new InvalidArgumentError("It has no name=.");
    if (port.path === undefined) throw new InvalidArgumentError("It has no path=.");
    return [...ports, port];
  };
}

const isPortType = (type: string): type is "pty" | "tty" | "socket" | "file" =>
  ["pty", "tty", "socket", "file"].includes(type);
