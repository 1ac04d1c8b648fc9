import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/**
 * What fast tests have in common: no root, no network. Those with the tag `long` are left out of `npm test`, which takes less
 * than two minutes on two cores: the host program when it is killed, hung or failed at call after call. `npm run test:all`
 * has them (ADR 42).
 */
const FAST = {
  // modules are loaded once for many files: a test that changes what they share puts it back
  isolate: false,
  setupFiles: ["test/support/setup.ts"], globalSetup: ["test/support/missing-tools.ts"],
  // generous: a busy machine, or one that is slow to start processes, is no reason to fail
  testTimeout: 900_000,
};
const PROGRAMS = "test/program/{collect,death,mirror,move,preseed,qemu,question,rehearse,return,unstarted,used-meanwhile,window}.test.ts";

/**
 * fast: see above. fast-programs: those that run many host programs at a time by themselves: more of them beside each other only
 * take longer. lab: a real Xen Dom0, one boot for many tests,
 * one after another.
 */
export default defineConfig({
  test: {
    // one more than there are cores: many a test waits, for a program or for a time to pass
    maxWorkers: availableParallelism() + 1,
    tags: [{ name: "long", description: "takes many seconds: not in `npm test`, but in `npm run test:all`" }],
    projects: [
      {
        test: {
          ...FAST,
          name: "fast", include: ["test/**/*.test.ts"], exclude: ["test/lab/**", PROGRAMS, "node_modules/**", "dist/**"],
        },
      },
      {
        test: {
          ...FAST,
          name: "fast-programs", include: [PROGRAMS], fileParallelism: false, sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "lab",
          // the sampled suite, or with LAB_ALL=1 (`npm run test:lab:all`) everything, the lab's own test included
          include: [process.env["LAB_ALL"] === "1" ? "test/lab/**/*.lab.ts" : "test/lab/suite/**/*.lab.ts"],
          testTimeout: 900_000, hookTimeout: 900_000,
          fileParallelism: false, sequence: { concurrent: false },
        },
      },
    ],
  },
});
