import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { impatient } from "./hang.js";
import { RUNTIME } from "../../src/core/program/runtime.generated.js";
import { SCRATCH, SHELLS, StubHost, evaluate, shellsOf, type Shell } from "./host.js";
import { expectWhole, journal } from "./invariants.js";
import { moveProgram } from "./plan.js";
import { Xl } from "./xl.js";

async function withHost(shell: Shell, work: (host: StubHost, before: string) => Promise<void>): Promise<void> {
  const host = new StubHost(shell);
  try {
    host.install(impatient(moveProgram(host)));
    await work(host, readFileSync(host.config, "utf8"));
  } finally {
    host.remove();
  }
}

const xl = (host: StubHost, ...words: readonly string[]): Promise<unknown> => host.command([join(host.root, "bin/xl"), ...words]);

/** Which of the calls of a move is this one? */
async function callOf(start: string): Promise<string> {
  let calls: readonly string[] = [];
  await withHost("dash", async (host) => {
    await host.run("run");
    calls = host.calls();
  });
  return String(calls.findIndex((call) => call.startsWith(start)) + 1);
}

describe.concurrent("a guest whose building is cut short, and that has no disk yet", () => {
  for (const shell of SHELLS) {
    it(`is destroyed, and started anew on its image, where xl hangs in it (${shell})`, { tags: "long" }, async () => {
      await withHost(shell, async (host, before) => {
        host.tell("build-torn", "1");
        await host.run("run");
        expect(expectWhole(host, before), host.journalText()).toBe("old");
        expect(journal(host).at(-1)).toMatchObject({ event: "end", outcome: "failed" });
        expect(host.journalText()).not.toContain("could not be taken back");
      });
    });
  }

  it.each(shellsOf(1))("is so too where the start that brings it back hangs as well (%s)", { tags: "long" }, async (shell) => {
    await withHost(shell, async (host, before) => {
      host.tell("build-torn", "2");
      await host.run("run");
      expect(expectWhole(host, before), host.journalText()).toBe("old");
      expect(host.journalText()).toContain("web1 was not built to the end: its domain 9 is destroyed");
    });
  });

  it.each(shellsOf(2))("is so too where all is killed in the midst of it (%s)", async (shell) => {
    await withHost(shell, async (host, before) => {
      host.tell("build-torn", "1");
      host.tell("build-killed");
      await host.run("run");
      expect(host.ended()).toBeUndefined();
      await host.run("recover");
      expect(expectWhole(host, before), host.journalText()).toBe("old");
    });
  });

  it("is built anew, and not let run as it is, after the commit", { tags: "long" }, async () => {
    await withHost("busybox sh", async (host, before) => {
      host.tell("kill-after", await callOf("xl unpause"));
      await host.run("run");
      expect(host.committing()).toBe(true);
      host.forget();
      host.tell("build-torn", "1");
      await host.run("recover");
      expect(host.ended(), host.journalText()).toBe("stuck");
      await host.run("recover");
      expect(expectWhole(host, before), host.journalText()).toBe("new");
      expect(host.calls().filter((call) => call.startsWith("xl unpause"))).toHaveLength(1);
    });
  });
});

describe.concurrent.each([
  { which: "a guest whose disks QEMU serves", tell: { qdisk: "" } },
  { which: "an HVM guest", tell: { type: "hvm" } },
  { which: "a guest of a Xen that does not say what it is", tell: { type: "" } },
])("$which, built and not let run yet", { tags: "long" }, ({ tell }) => {
  const told = (host: StubHost): void => {
    for (const [name, value] of Object.entries(tell)) host.tell(name, value);
  };

  /** Killed with the guest built, and before the commit. */
  const killed = async (host: StubHost): Promise<void> => {
    told(host);
    const looked = new Xl(host);
    const compared = `grep -q '"id":"compare"' '${host.runDirectory}/journal.jsonl'`;
    looked.first(`if [ "$1" = list ] && ${compared}; then kill -9 -$(cat "$STUB_STATE/group"); fi`);
    await host.run("run");
    looked.stub();
    expect(host.ended()).toBeUndefined();
    expect(host.committing()).toBe(false);
    expect(host.guests()).toMatchObject([{ domid: "8", state: "--p---" }]);
    host.forgetCalls();
  };

  it("is taken back where all is killed then", async () => {
    await withHost("dash", async (host, before) => {
      await killed(host);
      await host.run("recover");
      expect(expectWhole(host, before), host.journalText()).toBe("old");
    });
  });

  it.each([["kill-after", "xl create"], ["fail", "xl unpause"]])("is taken back after %s of %s", async (how, call) => {
    await withHost("busybox sh", async (host, before) => {
      told(host);
      host.tell(how, await callOf(call));
      await host.run("run");
      await host.scopesEnded();
      await host.run("recover");
      expect(expectWhole(host, before), host.journalText()).toBe("old");
    });
  });

  it.each(["has run", "is another one"])("is not destroyed where it %s by then", async (what) => {
    await withHost("bash", async (host) => {
      await killed(host);
      if (what === "has run") {
        await xl(host, "unpause", "8");
        await xl(host, "pause", "8");
      } else {
        await xl(host, "destroy", "8");
        await xl(host, "create", "-p", host.config);
      }
      const guests = host.guests().map(({ domid }) => domid);
      host.forgetCalls();
      await host.run("recover");
      expect(host.guests().map(({ domid }) => domid), host.journalText()).toEqual(guests);
      expect(host.calls().filter((call) => call.startsWith("xl destroy"))).toEqual([]);
    });
  });
});

it("an HVM guest that was let run, and is paused by the time that xl fails, is not taken back to the old disk: nobody counts its writes", async () => {
  await withHost("dash", async (host) => {
    host.tell("type", "hvm");
    const torn = new Xl(host);
    torn.first(`if [ "$1" = unpause ]; then ${torn.real} "$@"; ${torn.real} pause 8; exit 5; fi`);
    await host.run("run");
    torn.stub();
    expect(host.guests(), host.journalText()).toEqual([{ domid: "8", state: "--p---", disk: "/dev/vg0/web1-root" }]);
    expect(host.committing()).toBe(true);
    expect(readFileSync(host.config, "utf8")).toContain("/dev/vg0/web1-root");
    expect(host.calls().filter((call) => call.startsWith("xl destroy"))).toEqual([]);
    await host.run("recover");
    expect(host.guests(), host.journalText()).toEqual([{ domid: "8", state: "-b----", disk: "/dev/vg0/web1-root" }]);
  });
});

it.each(SHELLS)("a counter at zero says nothing of another disk, which QEMU serves, nor of an HVM guest (%s)", async (shell) => {
  const folder = mkdtempSync(join(SCRATCH, "converge-counters-"));
  try {
    mkdirSync(join(folder, "vbd-8-51713/statistics"), { recursive: true });
    writeFileSync(join(folder, "vbd-8-51713/statistics/wr_sect"), "0\n");
    writeFileSync(join(folder, "xenstore-read"), '#!/bin/sh\n[ "$*" = /libxl/8/type ] && [ -n "$type" ] && echo "$type"\n', { mode: 0o755 });
    const script = `${RUNTIME}
BACKENDS='${folder}'
PATH='${folder}':$PATH
for type in pv pvh hvm ''; do
  export type
  for served in 'vbd 51713' 'vbd 51713 qdisk 51714'; do
    backends_of() { printf '%s %s\\n' $served; }
    written_nothing 8 && echo "$type: nothing" || echo "$type: unknown"
  done
done`;
    const ran = await evaluate(shell, script.replace("HERE=$(cd", `HERE='${folder}' # $(cd`));
    expect(ran.stdout, ran.stderr).toBe(
      "pv: nothing\npv: unknown\npvh: nothing\npvh: unknown\nhvm: unknown\nhvm: unknown\n: unknown\n: unknown\n",
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
