import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { tempFolder } from "../support/temp-folder.js";

/** Where a newcomer begins: nothing is installed yet, and nothing built. */

const root = fileURLToPath(new URL("../..", import.meta.url));

test.each(["npm run demo", "scripts/demo"])("%s sets up a fresh clone first, once, and builds once", (how) => {
  const clone = tempFolder("demo");
  const bin = join(clone, "bin");
  const program = (path: string, lines: string): void => {
    writeFileSync(path, `#!/bin/sh\necho "$(basename "$0") $*" >>${join(clone, "calls")}\n${lines}`);
    chmodSync(path, 0o755);
  };
  for (const folder of [bin, join(clone, "test/lab")]) mkdirSync(folder, { recursive: true });
  cpSync(join(root, "scripts"), join(clone, "scripts"), { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) copyFileSync(join(root, file), join(clone, file));
  // without what `ci` brings there is no compiler to build with
  program(join(bin, "npm"), "case $1 in ci) mkdir node_modules; touch node_modules/.package-lock.json ;; *) test -d node_modules ;; esac\n");
  program(join(clone, "test/lab/demo.sh"), "");
  const { scripts } = JSON.parse(readFileSync(join(clone, "package.json"), "utf8")) as { scripts: { demo: string } };
  const ran = spawnSync("sh", ["-c", how === "npm run demo" ? scripts.demo : how], {
    cwd: clone, encoding: "utf8", env: { ...process.env, PATH: `${bin}:${dirname(process.execPath)}:${process.env["PATH"] ?? ""}` },
  });
  expect(ran.status, ran.stderr).toBe(0);
  expect(readFileSync(join(clone, "calls"), "utf8").trim().split("\n")).toEqual([
    "npm ci --no-audit --no-fund", "npm run --silent build", "demo.sh",
  ]);
});
