// @ts-check
// The shared folder's part of the suite `io`: 9P, without a cache in the guest.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compare, printRow } from "./comparison.mjs";
import { timeByTurns } from "./guest-session.mjs";
import { writePayload } from "./payload.mjs";

const ROW_SECONDS = 180;
const MOUNT = "/mnt";
const MIB = 16;
const PATHS = { QEMU: "qemu", vkrun: "vkrun" };
/** Folders with files in them, for a walk. */
const FOLDERS = 20;
const FILES = 50;

/** The longest messages that QEMU's and vkrun's servers both agree to. */
const OPTIONS = "trans=virtio,version=9p2000.L,msize=512000,cache=none";

/** What is done, and how often in one run. */
const TASKS = {
  "9p read": { command: `dd if=${MOUNT}/file of=/dev/null bs=1M`, count: MIB, unit: "MiB/s" },
  "9p write": { command: `dd if=/dev/zero of=${MOUNT}/written bs=1M count=${MIB}`, count: MIB, unit: "MiB/s" },
  "9p walk": { command: `ls -lR ${MOUNT}/tree >/dev/null`, count: FOLDERS * FILES, unit: "files/s" },
};

/** A folder for each, with the same in it. @param {string} root */
function fill(root) {
  for (const path of Object.values(PATHS)) {
    mkdirSync(join(root, path), { recursive: true });
    writeFileSync(join(root, path, "file"), Buffer.alloc(MIB << 20, 0x5a));
    for (let folder = 0; folder < FOLDERS; folder++) {
      mkdirSync(join(root, path, "tree", String(folder)), { recursive: true });
      for (let file = 0; file < FILES; file++) writeFileSync(join(root, path, "tree", String(folder), `${file}`), "x");
    }
  }
}

/** @type {import("./io.mjs").IoPart} */
export const folder = {
  names: Object.keys(TASKS),
  async prepareHost() {
    const root = mkdtempSync(join(tmpdir(), "vkrun-bench-"));
    fill(root);
    const setup = `mount -t 9p -o ${OPTIONS} bench ${MOUNT}`;
    const qemu = `local,id=share0,path=${join(root, PATHS.QEMU)},security_model=none`;
    return {
      drives: [writePayload("folder", [])],
      devices: {
        QEMU: ["-fsdev", qemu, "-device", "virtio-9p-device,fsdev=share0,mount_tag=bench"],
        vkrun: ["--net", "none", "--share", `${join(root, PATHS.vkrun)}:bench`],
      },
      setup: { QEMU: setup, vkrun: setup },
      end: async () => rmSync(root, { recursive: true, force: true }),
    };
  },
  async compare(guests, name, runs) {
    const { command, count, unit } = TASKS[/** @type {keyof typeof TASKS} */ (name)];
    const row = compare(
      name,
      await timeByTurns(guests, () => `sh -c '${command}'`, { runs, timeoutSeconds: ROW_SECONDS }),
    );
    const [qemu, vkrun] = [row.qemu, row.vkrun].map(({ median }) => Math.round(count / median));
    printRow(row, `${qemu}, ${vkrun} ${unit}`);
    return { ...row, [unit]: { qemu, vkrun } };
  },
};
