import { defineConfig } from "vitest/config";

/** fast: no root, no network, under two minutes. lab: a real Xen Dom0, one boot for many tests, one after another. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "fast", include: ["test/**/*.test.ts"], exclude: ["test/lab/**", "node_modules/**", "dist/**"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "lab", include: ["test/lab/**/*.lab.ts"], testTimeout: 900_000, hookTimeout: 900_000,
          fileParallelism: false, sequence: { concurrent: false },
        },
      },
    ],
  },
});
