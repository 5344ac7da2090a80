import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";

it("./build.sh run boots the default image, runs what is typed and ends with status 0", { timeout: 600_000 }, () => {
  const { status, stdout, stderr } = spawnSync("./build.sh", ["run", "--quiet"], {
    encoding: "utf8",
    input: "echo $((6 * 7)) from $(uname -m)\npoweroff\n",
    timeout: 590_000,
  });
  expect(stdout, stderr).toContain("42 from riscv64");
  expect(status, stderr).toBe(0);
});
