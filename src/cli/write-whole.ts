import { rename, rm, writeFile } from "node:fs/promises";

/** Writes a file that is there in whole, or as it was. */
export async function writeWhole(path: string, contents: string): Promise<void> {
  const unfinished = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(unfinished, contents);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}
