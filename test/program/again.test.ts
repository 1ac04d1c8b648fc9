import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SHELLS, StubHost, byTurns, shellsOf, type Shell } from "./host.js";
import { expectWhole } from "./invariants.js";
import { moveProgram } from "./plan.js";
import { Xl } from "./xl.js";

const unfinished = (host: StubHost): boolean => existsSync(join(host.runDirectory, "unfinished"));

/** The watchman's own command, as the run gave it to systemd. */
const armed = (host: StubHost): readonly string[] => host.lines(join(host.state, "again"));

/** A host on which Xen starts no guest for a while: a run has failed, and its guest is down. */
async function withDown(shell: Shell, work: (host: StubHost, xl: Xl, before: string) => Promise<void>): Promise<void> {
  const host = new StubHost(shell);
  try {
    const before = readFileSync(host.config, "utf8");
    host.install(moveProgram(host));
    const xl = new Xl(host);
    xl.first('if [ "$1" = create ]; then echo "killing execution of block add because of timeout" >&2; exit 3; fi');
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("failed");
    expect(host.guests()).toEqual([]);
    expect(unfinished(host)).toBe(true);
    await work(host, xl, before);
  } finally {
    host.remove();
  }
}

describe.concurrent("a guest that could not be brought back", () => {
  for (const shell of SHELLS) {
    it(`is brought back by the watchman once Xen can (${shell})`, byTurns(2, shell), async () => {
      await withDown(shell, async (host, xl, before) => {
        expect(armed(host)).toEqual(["again"]);
        expect(host.journalText()).toContain("web1 is down; that is mended by itself, if it can be: it is tried again for an hour");
        xl.stub();
        expect((await host.run("again")).code, host.journalText()).toBe(0);
        expect(expectWhole(host, before)).toBe("old");
        expect(unfinished(host)).toBe(false);
        expect(armed(host), "one is enough").toEqual(["again"]);
      });
    });
  }

  it.each(shellsOf(1))("is tried again where that fails, %s", { tags: "long" }, async (shell) => {
    await withDown(shell, async (host, xl, before) => {
      xl.first('if [ "$1" = create ] && [ "$(wc -l <"$STUB_STATE/tried")" -lt 7 ]; then echo >>"$STUB_STATE/tried"; exit 3; fi');
      host.tell("tried");
      expect((await host.run("again")).code, host.journalText()).toBe(0);
      expect(readFileSync(join(host.state, "tried"), "utf8")).toBe("\n".repeat(7));
      expect(expectWhole(host, before)).toBe("old");
      expect(armed(host)).toEqual(["again"]);
    });
  });

  it.each(shellsOf(2))("and can not be for an hour is given up, and what is left stays written down, %s", { tags: "long" }, async (shell) => {
    await withDown(shell, async (host) => {
      expect((await host.run("again")).code).toBe(1);
      expect(unfinished(host)).toBe(true);
      expect(host.guests()).toEqual([]);
    });
  });

  it("is let be where somebody has started it since", { tags: "long" }, async () => {
    await withDown("dash", async (host, xl) => {
      xl.stub();
      await host.command([join(host.root, "bin/xl"), "create", host.config]);
      const guests = host.guests();
      host.forgetCalls();
      expect((await host.run("again")).code, host.journalText()).toBe(0);
      expect(host.guests()).toEqual(guests);
      expect(host.calls().filter((call) => /^xl (create|destroy|shutdown)/.test(call))).toEqual([]);
    });
  });

  it.each(shellsOf(3))("is its owner's again as soon as somebody has started it: stopped after that it stays down, %s", async (shell) => {
    await withDown(shell, async (host, xl) => {
      xl.stub();
      // a link to the stub of all tools, which is not to be written through
      rmSync(join(host.root, "bin/sleep"));
      // somebody starts it before the watchman looks for the first time
      writeFileSync(join(host.root, "bin/sleep"), `#!/bin/sh
[ "$1" = 5 ] || exit 0
n=$(($(cat "$STUB_STATE/slept" 2>/dev/null || echo 0) + 1)); echo "$n" >"$STUB_STATE/slept"
[ "$n" -ne 1 ] || xl create ${host.config} >/dev/null
`, { mode: 0o755 });
      expect((await host.run("again")).code, host.journalText()).toBe(0);
      expect(readFileSync(join(host.state, "slept"), "utf8"), "one look is enough").toBe("1\n");
      expect(unfinished(host)).toBe(false);
      // by its watchman, of whoever was asked to go and did not: this one was not asked
      expect(host.journalText()).not.toContain("if it yet goes down");
      await host.command([join(host.root, "bin/xl"), "destroy", host.guests()[0]?.domid ?? ""]);
      host.forgetCalls();
      await host.run("recover");
      expect(host.guests(), host.journalText()).toEqual([]);
      expect(host.calls().filter((call) => call.startsWith("xl create"))).toEqual([]);
    });
  });

  it("is the affair of a newer run, where there is one", async () => {
    await withDown("busybox sh", async (host, xl) => {
      xl.stub();
      rmSync(join(host.book, "current"));
      symlinkSync("runs/2", join(host.book, "current"));
      host.forgetCalls();
      expect((await host.run("again")).code).toBe(0);
      expect(host.calls().filter((call) => !call.startsWith("sleep"))).toEqual([]);
    });
  });

  it("is said to be nobody's affair where systemd starts no unit", { tags: "long" }, async () => {
    const host = new StubHost("dash");
    try {
      host.install(moveProgram(host));
      new Xl(host).first('if [ "$1" = create ]; then exit 3; fi');
      host.tell("no-units");
      await host.run("run");
      expect(host.journalText()).toContain("web1 is down, and nobody tries again, since systemd-run started no unit");
      expect(armed(host)).toEqual([]);
    } finally {
      host.remove();
    }
  });
});

it("a guest that a run has not taken down is not the watchman's", async () => {
  const host = new StubHost("dash");
  try {
    host.install(moveProgram(host));
    await host.command([join(host.root, "bin/xl"), "destroy", "7"]);
    host.tell("fail", "1");
    await host.run("run");
    expect(host.ended(), host.journalText()).not.toBe("done");
    expect(armed(host)).toEqual([]);
  } finally {
    host.remove();
  }
});
