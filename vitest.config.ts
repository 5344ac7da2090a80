import { defineConfig } from "vitest/config";

// Tests that start a guest, and so take minutes and a whole core. Everything else is a unit test.
const guestTests = ["test/guest/**/*.test.ts", "test/**/*.guest.test.ts"];

export default defineConfig({
  test: {
    globalSetup: ["test/setup/global-setup.ts"],
    reporters: ["default", "./test/setup/summary-reporter.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: guestTests,
          pool: "threads",
          // vitest would leave one core idle, on the assumption that somebody watches.
          maxWorkers: "100%",
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "guest",
          include: guestTests,
          // Forks: a guest's memory is gigabytes of address space, given back for certain when the process ends.
          pool: "forks",
          // One at a time: two guests on two cores would starve each other and the timeouts with them.
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
