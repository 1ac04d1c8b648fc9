import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseSubmitAnswer, submissionInput, submitCommand } from "../../src/core/program/submit.js";
import { StubHost } from "../program/host.js";
import { moveProgram } from "../program/plan.js";
import { faultsPromised } from "../support/faults.js";

/** What lies where converge's own files and folders should be. */

interface Trap {
  readonly why: string;
  readonly make: "link" | "dangling" | "folder" | "pipe" | "file" | "open" | "group" | "foreign" | "foreign-file";
  readonly at: string;
}

const traps = JSON.parse(readFileSync(new URL("links.json", import.meta.url), "utf8")) as readonly Trap[];
const isRoot = process.getuid?.() === 0;
const NOBODY = 65534;

function set({ make, at }: Trap, root: string, elsewhere: string): void {
  const path = join(root, at);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  switch (make) {
    case "link": symlinkSync(elsewhere, path); break;
    case "dangling": symlinkSync(join(elsewhere, "not-there"), path); break;
    case "folder": mkdirSync(path); break;
    case "pipe": execFileSync("mkfifo", [path]); break;
    case "file": writeFileSync(path, ""); break;
    case "open": mkdirSync(path); chmodSync(path, 0o777); break;
    case "group": mkdirSync(path); chmodSync(path, 0o770); break;
    case "foreign": mkdirSync(path, { mode: 0o700 }); chownSync(path, NOBODY, NOBODY); break;
    case "foreign-file": writeFileSync(path, ""); chownSync(path, NOBODY, NOBODY); break;
  }
}

test("there are as many traps as is said", () => {
  expect(traps.length).toBeGreaterThanOrEqual(faultsPromised("traps"));
});

describe("a submission starts nothing, and says which path is wrong, where", () => {
  test.each(traps)("$why", async (trap) => {
    // only root can give something to somebody else
    if (trap.make.startsWith("foreign") && !isRoot) return;
    const elsewhere = mkdtempSync(join(tmpdir(), "converge-elsewhere-"));
    const host = new StubHost("dash");
    try {
      set(trap, host.root, elsewhere);
      const [, ...args] = submitCommand({ domain: host.domain, digest: "d", owner: "o", stamp: "1" }, join(host.book, "runs/1"));
      const ran = await host.command(["env", "dash", ...args], submissionInput(moveProgram(host), "{}"));
      const answer = parseSubmitAnswer(ran.stdout, ran.code ?? -1, ran.stderr);
      expect(answer).toMatchObject({ answer: "refused" });
      expect(JSON.stringify(answer)).toContain(trap.at);
      expect(host.calls()).toEqual([]);
      expect(readdirSync(elsewhere)).toEqual([]);
    } finally {
      host.remove();
      rmSync(elsewhere, { recursive: true });
    }
  });
});

describe("a run touches nothing outside", () => {
  test.each([
    { why: "the folder of runs under way is a link", at: "run/converge", removed: true },
    { why: "the guest's folder there is a link", at: "run/converge/web1", removed: false },
  ])("where $why", async ({ at, removed }) => {
    const elsewhere = mkdtempSync(join(tmpdir(), "converge-elsewhere-"));
    writeFileSync(join(elsewhere, "mine"), "mine");
    const host = new StubHost("bash");
    try {
      if (removed) rmSync(join(host.root, at), { recursive: true });
      symlinkSync(elsewhere, join(host.root, at));
      const before = readFileSync(host.config, "utf8");
      host.install(moveProgram(host));
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("failed");
      expect(host.journalText()).toContain("is not a path of converge's own");
      expect(readdirSync(elsewhere)).toEqual(["mine"]);
      expect(readFileSync(host.config, "utf8")).toBe(before);
      expect(host.guests()).toMatchObject([{ state: "-b----", disk: "/srv/disk.img" }]);
    } finally {
      host.remove();
      rmSync(elsewhere, { recursive: true });
    }
  });
});

test("what a run leaves can be read and written by its owner alone", async () => {
  const host = new StubHost("dash");
  try {
    const [, ...args] = submitCommand({ domain: host.domain, digest: "d", owner: "o", stamp: "1" }, join(host.book, "runs/1"));
    await host.command(["env", "dash", ...args], submissionInput(moveProgram(host), "{}"));
    await host.run("follow");
    expect(host.ended()).toBe("done");
    const books = join(host.root, "var/lib/converge");
    const open = [books, ...readdirSync(books, { recursive: true, encoding: "utf8" }).map((name) => join(books, name))]
      .filter((path) => (statSync(path).mode & 0o077) !== 0);
    // the config keeps the mode that it has in /etc/xen, for whoever puts it back; its folder lets nobody in
    expect(open.filter((path) => !path.endsWith("config.before"))).toEqual([]);
  } finally {
    host.remove();
  }
});
