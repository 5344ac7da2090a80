/** The file that the children of a fork begin with. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { VkrunError } from "../errors.js";

/** Where the memory of a fork's origin is while its children start. They have it open then, and it needs no name any more. */
export class ForkImage implements AsyncDisposable {
  /**
   * The folder for what is large and temporary is /var/tmp, unless TMPDIR says otherwise: /tmp may be in memory, where what nobody
   * needs could not be written away.
   */
  static async create(folder = process.env["TMPDIR"] || "/var/tmp"): Promise<ForkImage> {
    try {
      return new ForkImage(await mkdtemp(join(folder, "vkrun-fork-")));
    } catch (cause) {
      throw new VkrunError("ERR_VKRUN_FORK_FOLDER", `there is no room for a guest's memory in ${folder}`, {
        hint: "Set TMPDIR to a folder that you may write.",
        cause,
      });
    }
  }

  private constructor(readonly folder: string) {}

  get path(): string {
    return join(this.folder, "memory.vkckpt");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
