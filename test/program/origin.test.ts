import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { SHELLS, StubHost, byTurns, type Shell } from "./host.js";
import { expectWhole, journal } from "./invariants.js";
import { moveProgram } from "./plan.js";

const REFRESH = "lvchange --autobackup n --refresh vg0/srv";

/** All is killed while LVM has the volume suspended that it takes a snapshot of. */
async function withSuspended(shell: Shell, work: (host: StubHost, before: string, suspended: () => string) => Promise<void>): Promise<void> {
  const host = new StubHost(shell);
  try {
    host.install(moveProgram(host));
    const before = readFileSync(host.config, "utf8");
    host.tell("kill-after", "4");
    await host.run("run");
    expect(host.ended()).toBeUndefined();
    expect(host.calls().at(-1)).toContain("lvcreate --yes --snapshot");
    const file = join(host.root, "sys/dev/block/253:15/dm/suspended");
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "1\n");
    host.forgetCalls();
    await work(host, before, () => readFileSync(file, "utf8").trim());
  } finally {
    host.remove();
  }
}

describe.concurrent("a volume that LVM left suspended when it was killed", () => {
  for (const shell of SHELLS) {
    it(`is resumed first of all (${shell})`, byTurns(0, shell), async () => {
      await withSuspended(shell, async (host, before, suspended) => {
        await host.run("recover");
        expect(suspended(), host.journalText()).toBe("0");
        expect(host.calls()[0]).toBe(`${REFRESH} `);
        expect(expectWhole(host, before)).toBe("old");
        expect(journal(host).map((event) => ("message" in event ? event.message : "")).join()).toContain("resumed: vg0/srv");
      });
    });
  }

  it("is resumed by device-mapper where LVM can not, and nobody has the group's lock", { tags: "long" }, async () => {
    await withSuspended("dash", async (host, before, suspended) => {
      host.tell("fail", `${REFRESH} `);
      await host.run("recover");
      expect(suspended()).toBe("0");
      expect(host.calls().slice(0, 2)).toEqual([`${REFRESH} `, "dmsetup resume --major 253 --minor 15 "]);
      expect(expectWhole(host, before)).toBe("old");
    });
  });

  it("is not resumed from under whoever has the group's lock", { tags: "long" }, async () => {
    await withSuspended("busybox sh", async (host, _before, suspended) => {
      host.tell("fail", `${REFRESH} `);
      host.tell("vgs-fails");
      await host.run("recover");
      expect(suspended()).toBe("1");
      expect(host.calls().some((call) => call.startsWith("dmsetup"))).toBe(false);
    });
  });

  it("is let be where it is not suspended", { tags: "long" }, async () => {
    await withSuspended("bash", async (host, before) => {
      writeFileSync(join(host.root, "sys/dev/block/253:15/dm/suspended"), "0\n");
      await host.run("recover");
      expect(host.calls().some((call) => call.includes("--refresh"))).toBe(false);
      expect(expectWhole(host, before)).toBe("old");
    });
  });
});
