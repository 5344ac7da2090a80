/** The control socket of a vkernel that this process runs, from before its boot to its end. */
import { VkrunError } from "../errors.js";
import { ClaimedName } from "./control-folder.js";
import { ControlServer } from "./control-server.js";
import type { LogSink } from "./log-sink.js";
import { controlHandlers, type VKernelControl } from "./vkernel-control.js";

export class Control implements AsyncDisposable {
  /** What `vkrun ps` shows. */
  readonly name: string;
  readonly #log: LogSink;
  readonly #claimed: ClaimedName | undefined;
  #server: ControlServer | undefined;

  /**
   * Takes the name, or rejects when another vkernel has it. A vkernel whose user gave it none is called after its process,
   * and runs without a socket where it cannot have one.
   */
  static async open(given: string | undefined, log: LogSink): Promise<Control> {
    const name = given ?? `vkrun-${process.pid}`;
    try {
      return new Control(name, log, await ClaimedName.take(name));
    } catch (error) {
      if (!(error instanceof VkrunError) || error.code === "ERR_VKRUN_NAME_TAKEN") throw error;
      tell(log, given !== undefined, error);
      return new Control(name, log, undefined);
    }
  }

  private constructor(name: string, log: LogSink, claimed: ClaimedName | undefined) {
    this.name = name;
    this.#log = log;
    this.#claimed = claimed;
  }

  async listen(control: Omit<VKernelControl, "name">): Promise<void> {
    if (this.#claimed === undefined) return;
    try {
      this.#server = await ControlServer.listen(this.#claimed, controlHandlers({ ...control, name: this.name }));
    } catch (error) {
      tell(this.#log, true, error as Error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#server ?? this.#claimed)?.[Symbol.asyncDispose]();
  }
}

function tell(log: LogSink, asked: boolean, { message, hint }: Error & { hint?: string | undefined }): void {
  log({
    level: asked ? "warn" : "debug",
    message: `vkrun's other commands will not find this vkernel: ${message}`,
    fields: hint === undefined ? {} : { hint },
  });
}
