import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SHELLS, StubHost, type Shell } from "./host.js";
import { expectWhole, journal } from "./invariants.js";
import { moveProgram } from "./plan.js";
import { Xl } from "./xl.js";

/** The kernel's own count for the volume of the move. */
function written(host: StubHost, sectors: number): void {
  mkdirSync(join(host.root, "sys/dev/block/253:2"), { recursive: true });
  writeFileSync(join(host.root, "sys/dev/block/253:2/stat"), `4 0 32 0 9 0 ${String(sectors)} 0 0 0 0\n`);
}

/** A run that died with Dom0 right after its commit, and whose guest could not be started at the boot after that. */
async function withUnstarted(shell: Shell, work: (host: StubHost, xl: Xl, before: string) => Promise<void>): Promise<void> {
  const host = new StubHost(shell);
  try {
    host.install(moveProgram(host));
    const before = readFileSync(host.config, "utf8");
    const xl = new Xl(host);
    xl.first(`if [ "$1" = unpause ]; then ${xl.real} "$@"; kill -9 -$(cat "$STUB_STATE/group"); fi`);
    await host.run("run");
    expect(host.committing()).toBe(true);
    host.forget();
    written(host, 4096);
    xl.first('if [ "$1" = create ]; then echo no memory >&2; exit 1; fi');
    await host.run("recover");
    expect(host.ended(), host.journalText()).toBe("stuck");
    expect(host.guests()).toEqual([]);
    await work(host, xl, before);
  } finally {
    host.remove();
  }
}

const unfinished = (host: StubHost): string => join(host.runDirectory, "unfinished");
const unit = (host: StubHost): string => join(host.root, "etc/systemd/system/converge-boot-web1.service");

describe.concurrent("a guest that could not be started after the commit", { tags: "long" }, () => {
  it.concurrent.each(SHELLS)("is started by the next one who looks after the run, and everything is in its place then (%s)", async (shell) => {
    await withUnstarted(shell, async (host, xl, before) => {
      expect(readFileSync(unfinished(host), "utf8")).toContain("web1 does not run on its new disk");
      expect(existsSync(unit(host)), "the next boot tries again").toBe(true);
      expect((await host.run("recover")).code).toBe(1);
      expect(existsSync(unfinished(host))).toBe(true);
      xl.stub();
      expect((await host.run("recover")).code, host.journalText()).toBe(0);
      expect(expectWhole(host, before)).toBe("new");
      expect(existsSync(unfinished(host))).toBe(false);
      expect(existsSync(join(host.runDirectory, "committed"))).toBe(true);
      // and from there on it is its owner's
      host.forgetCalls();
      expect((await host.run("recover")).code).toBe(0);
      expect(host.calls()).toEqual([]);
      expect(journal(host).filter(({ event }) => event === "end")).toHaveLength(1);
    });
  });

  it("is left as it is where somebody has started it since, and stopped it again", async () => {
    await withUnstarted("dash", async (host, xl) => {
      xl.stub();
      written(host, 4104);
      expect((await host.run("recover")).code).toBe(0);
      expect(host.guests(), host.journalText()).toEqual([]);
      expect(host.journalText()).toContain("has been on its new disk since, by somebody else");
      expect(existsSync(unfinished(host))).toBe(false);
      expect(host.leftovers()).toEqual([]);
    });
  });

  it("is not started anew where somebody has seen to it already", async () => {
    await withUnstarted("busybox sh", async (host, xl, before) => {
      xl.stub();
      await host.command([join(host.root, "bin/xl"), "create", host.config]);
      const guests = host.guests();
      expect((await host.run("recover")).code, host.journalText()).toBe(0);
      expect(host.guests()).toEqual(guests);
      expect(expectWhole(host, before)).toBe("new");
    });
  });
});

it("a guest that ran when its run ended, and that somebody has stopped since, is not started", { tags: "long" }, async () => {
  const host = new StubHost("dash");
  try {
    host.install(moveProgram(host, { ready: ["false"] }));
    await host.run("run");
    expect(host.ended()).toBe("stuck");
    for (const { domid } of host.guests()) await host.command([join(host.root, "bin/xl"), "destroy", domid]);
    expect(host.guests()).toEqual([]);
    await host.run("recover");
    expect(host.guests()).toEqual([]);
  } finally {
    host.remove();
  }
});
