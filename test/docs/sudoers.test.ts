import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { GATHER_SHELL } from "../../src/core/facts/gather-script.js";
import { submitCommand } from "../../src/core/program/submit.js";
import { wrapBecome } from "../../src/edge/hosts/become.js";
import { lacks } from "../support/tools.js";

const FILE = "docs/sudoers.converge";

describe("the sudoers file", () => {
  test.skipIf(lacks("visudo"))("is one that visudo accepts", () => {
    const folder = mkdtempSync(join(tmpdir(), "converge-sudoers-"));
    try {
      const path = join(folder, "converge");
      copyFileSync(FILE, path);
      chmodSync(path, 0o440);
      expect(execFileSync("visudo", ["-c", "-s", "-f", path], { encoding: "utf8" })).toContain("parsed OK");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("permits what every command of converge's becomes under sudo, and names nothing else", async () => {
    const [, list = ""] = /^Cmnd_Alias CONVERGE = (.*)$/m.exec(readFileSync(FILE, "utf8")) ?? [];
    expect(list.split(", ")).toEqual(["/bin/sh -c *", "/usr/bin/sh -c *"]);
    const submit = submitCommand({ domain: "web1", digest: "d", owner: "o", stamp: "1" });
    for (const command of [GATHER_SHELL, submit, ["cat", "/x"] as const]) {
      for (const password of [undefined, () => Promise.resolve("p")]) {
        const { command: wrapped } = await wrapBecome({ user: "root", ...(password === undefined ? {} : { password }) }, command, undefined);
        const words = wrapped.slice(wrapped.indexOf("--") + 1);
        expect(words.slice(0, 2)).toEqual(["sh", "-c"]);
        expect(words.length).toBeGreaterThan(3);
      }
    }
  });
});
