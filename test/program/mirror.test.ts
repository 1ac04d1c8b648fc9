import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { faultsPromised } from "../support/faults.js";
import { EVERY, SHELLS, StubHost, inParallel, shellOf } from "./host.js";
import { journal } from "./invariants.js";
import { mirrorProgram } from "./mirror.js";

/** What the guest's disk lies on in the end: by way of its mapping, where it runs on one. */
function below(host: StubHost, disk: string): string {
  const name = /^\/dev\/mapper\/(.+)$/.exec(disk)?.[1];
  if (name === undefined) return disk;
  const table = readFileSync(join(host.state, "dm", name, "table"), "utf8");
  if (table.includes(" mirror ")) return "a mirror";
  return table.includes(" 7:") ? "/srv/disk.img" : "/dev/vg0/web1-root";
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 1000; !holds(); tries -= 1) {
    if (tries === 0) throw new Error("it did not come about");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** One guest, up; its disk and its config agree; nothing is left but what a guest on a mapping needs. */
function expectWhole(host: StubHost, oldConfig: string, where: string): "old" | "new" {
  const note = `${where}\n${host.journalText()}`;
  const guests = host.guests();
  expect(guests.map((guest) => guest.state), note).toEqual(["-b----"]);
  const disk = guests[0]?.disk ?? "";
  const side = below(host, disk) === "/srv/disk.img" ? "old" : "new";
  const config = readFileSync(host.config, "utf8");
  if (side === "old") expect(config, note).toBe(oldConfig);
  else {
    expect(below(host, disk), note).toBe("/dev/vg0/web1-root");
    expect(config, note).toContain("/dev/vg0/web1-root");
  }
  expect(existsSync(join(host.state, "violations")), note).toBe(false);
  const mapped = disk.startsWith("/dev/mapper");
  const kept = mapped ? /boot-web1|^loop|run directory|multi-user/ : /^$/;
  expect(host.leftovers().filter((left) => !kept.test(left)), note).toEqual([]);
  expect(readdirSync(join(host.state, "dm")), note).toEqual(mapped ? [disk.replace("/dev/mapper/", "")] : []);
  expect(host.ended(), note).toBeDefined();
  return side;
}

const WAYS = ["suspend", "restart", "migrate"] as const;
/** Calls that only this way makes, or makes in a state of its own: from the boot unit on until the guest runs on its mapping. */
const OWN = /^(mount|umount|systemctl|xl (?!config-update))/;

describe.each(WAYS)("a mirrored move (%s)", (how) => {
  it.each(SHELLS)("ends with the guest on its volume, under %s", async (shell) => {
    const host = new StubHost(shell);
    try {
      host.install(mirrorProgram(host, how));
      const before = readFileSync(host.config, "utf8");
      const { code, stderr } = await host.run("run");
      expect(code, `${stderr}\n${host.journalText()}`).toBe(0);
      expect(expectWhole(host, before, "at the end")).toBe("new");
      expect(host.guests()[0]?.disk).toBe("/dev/mapper/converge-web1-xvda1");
      expect(journal(host).some((event) => event.event === "progress" && event.percent === 100)).toBe(true);
      const past = JSON.parse(host.lines(join(host.book, "history.jsonl"))[0] ?? "{}") as Record<string, unknown>;
      expect(past).toMatchObject({ switch: how, plannedSeconds: 12.5 });
      expect(Number(past["bytes"])).toBeGreaterThan(0);
    } finally {
      host.remove();
    }
  });

  it("goes back to the image when the volume gives errors in mid-mirror, and the guest runs on", async () => {
    const host = new StubHost("dash");
    try {
      host.install(mirrorProgram(host, how));
      const before = readFileSync(host.config, "utf8");
      host.tell("health", "AD");
      await host.run("run");
      expect(expectWhole(host, before, "dead leg")).toBe("old");
      expect(host.journalText()).toContain("the volume gives errors");
      expect(host.ended()).toBe("failed");
    } finally {
      host.remove();
    }
  });

  it("goes on to the volume when the image fails once all is in sync, and back when the volume does", async () => {
    const cases = [["DA", "new"], ["RA", "new"], ["AD", "old"], ["DD", "old"], ["DA", "new", "fast-mirror"], ["AD", "old", "fast-mirror"]] as const;
    for (const [health, side, pace] of cases) {
      const host = new StubHost("dash");
      try {
        host.install(mirrorProgram(host, how));
        const before = readFileSync(host.config, "utf8");
        host.tell("health-in-sync", health);
        if (pace !== undefined) host.tell(pace);
        await host.run("run");
        expect(expectWhole(host, before, health), health).toBe(side);
        expect(host.ended(), health).toBe(side === "new" ? "done" : "failed");
        expect(host.journalText(), health).toContain(side === "new" ? "the volume holds everything" : "the volume gives errors");
      } finally {
        host.remove();
      }
    }
  });

  it("is bounded by the throttle of all mirrors, which another guest's run may hold too, and gives it back", async () => {
    const host = new StubHost("busybox sh");
    try {
      writeFileSync(host.throttle, "70\n");
      host.install(mirrorProgram(host, how));
      host.tell("slow-mirror");
      const running = host.start("run");
      const shared = join(host.root, "run/converge/throttle");
      await until(() => existsSync(join(shared, "before")) && readFileSync(host.throttle, "utf8") !== "70\n");
      expect(readFileSync(join(shared, "before"), "utf8")).toBe("70\n");
      writeFileSync(join(shared, "guest.other"), "");
      host.untell("slow-mirror");
      await running.ended;
      expect(host.ended()).toBe("done");
      expect(readFileSync(host.throttle, "utf8"), "the other run still needs it").not.toBe("70\n");
      expect(readdirSync(shared).sort()).toEqual(["before", "guest.other"]);
    } finally {
      host.remove();
    }
  });

  it("goes on, after Dom0 has rebooted in order, from the mapping that was made again for the guest that was saved on it", async () => {
    const whole = new StubHost("dash");
    whole.install(mirrorProgram(whole, how));
    await whole.run("run");
    const mirrored = whole.calls().findIndex((call) => call.startsWith("dmsetup reload") && call.includes(" mirror ")) + 1;
    whole.remove();
    for (const shell of SHELLS) {
      const host = new StubHost(shell);
      try {
        host.install(mirrorProgram(host, how));
        host.tell("kill-after", String(mirrored));
        await host.run("run");
        mkdirSync(join(host.root, "var/lib/xen/save"), { recursive: true });
        writeFileSync(join(host.root, "var/lib/xen/save/web1"), "memory");
        host.forget();
        await host.run("recover");
        const name = "converge-web1-xvda1";
        expect(readFileSync(join(host.state, "dm", name, "table"), "utf8"), host.journalText()).toContain(" linear 7:");
        rmSync(join(host.root, "var/lib/xen/save/web1"));
        host.untell("kill-after");

        // what the next run of the same wish begins with
        rmSync(host.runDirectory, { recursive: true });
        rmSync(join(host.book, "current"));
        host.install(mirrorProgram(host, how, ["attach", "create-mapping"]));
        await host.run("run");
        expect(host.ended(), host.journalText()).toBe("done");
        expect(readdirSync(join(host.state, "loops"))).toHaveLength(1);
      } finally {
        host.remove();
      }
    }
  });

  it("is recovered from at whatever call it is killed, with and without a reboot", { timeout: 240_000 }, async () => {
    const whole = new StubHost("dash");
    whole.install(mirrorProgram(whole, how));
    await whole.run("run");
    const calls = whole.calls();
    whole.remove();
    const commit = calls.findIndex((call, at) => call.startsWith("dmsetup resume") && calls[at - 1]?.includes(" linear ") === true) + 1;
    expect(commit).toBeGreaterThan(10);
    const deaths = calls.flatMap((call, at) => {
      // counted from the end: what the ways have in common has the same number in all
      const turn = (calls.length - at + WAYS.indexOf(how)) % 3;
      const reboot = at % 2 === (how === "suspend" ? 0 : 1);
      const all = [
        { number: at + 1, when: "kill-after", reboot }, { number: at + 1, when: "kill-before", reboot: !reboot },
        { number: at + 1, when: "kill-after", reboot: !reboot }, { number: at + 1, when: "kill-before", reboot },
      ] as const;
      if (EVERY || at + 1 === commit) return all;
      // a call of its own is died after, and every other one before as well; of the others each way has its third
      const chosen = OWN.test(call) ? [true, at % 2 === 0] : [turn === 0, turn === 1 && at % 2 === 0];
      return all.filter((_, index) => chosen[index] === true);
    });
    expect(deaths.length).toBeGreaterThanOrEqual(faultsPromised("deaths-in-a-mirror"));
    await inParallel(deaths, async ({ number, when, reboot }) => {
      const host = new StubHost(shellOf(number));
      try {
        host.install(mirrorProgram(host, how));
        const before = readFileSync(host.config, "utf8");
        host.tell(when, String(number));
        await host.run("run");
        const where = `${how} ${when} ${String(number)}${reboot ? ", reboot" : ""}: ${host.calls()[number - 1] ?? ""}`;
        expect(host.ended(), where).toBeUndefined();
        await host.scopesEnded();
        const wasUp = host.guests().some((guest) => guest.state === "-b----");
        if (reboot) host.forget();
        await host.run("recover");
        const committed = host.committing();
        if (reboot && host.guests().length === 0) {
          // up when the power went, before the run had touched it: xendomains, not the run, is who starts it
          expect(wasUp && !committed, `${where}\n${host.journalText()}`).toBe(true);
          expect(host.leftovers(), where).toEqual([]);
        } else {
          expect(expectWhole(host, before, where), where).toBe(committed ? "new" : "old");
          expect(committed, where).toBe(number > commit || number === commit);
        }
        const made = host.calls().length;
        await host.run("recover");
        expect(host.calls().length, where).toBe(made);
      } finally {
        host.remove();
      }
    });
  });
});

describe.concurrent("a migration", () => {
  async function migrated(shell: (typeof SHELLS)[number], tell: (host: StubHost) => void) {
    const host = new StubHost(shell);
    host.install(mirrorProgram(host, "migrate"));
    const before = readFileSync(host.config, "utf8");
    tell(host);
    await host.run("run");
    return { host, before };
  }

  it("that fails at the far end leaves the guest where it runs", async () => {
    const { host, before } = await migrated("dash", (one) => {
      one.tell("migrate-fails");
    });
    expect(expectWhole(host, before, "failed")).toBe("old");
    expect(host.guests()).toEqual([{ domid: "7", state: "-b----", disk: "/srv/disk.img" }]);
    expect(host.ended()).toBe("failed");
    host.remove();
  });

  // both ends dead: before the second one is there; while the first one still runs; once it is suspended, and the second
  // one may lack memory; with all of it; with the first one renamed; with both renamed
  it.each([
    { stage: 1, domid: "7", disk: "/srv/disk.img", note: "" },
    { stage: 2, domid: "7", disk: "/srv/disk.img", note: "" },
    { stage: 3, domid: "9", disk: "/srv/disk.img", note: "web1 was lost in its migration: it is started anew" },
    { stage: 4, domid: "8", disk: "/dev/mapper/converge-web1-xvda1", note: "web1 had been migrated: its copy runs on" },
    { stage: 5, domid: "8", disk: "/dev/mapper/converge-web1-xvda1", note: "web1 had been migrated: its copy runs on" },
    { stage: 6, domid: "8", disk: "/dev/mapper/converge-web1-xvda1", note: "web1 had been migrated: its copy runs on" },
  ])("of which both ends die after stage $stage ends with one guest, and it runs", async ({ stage, domid, disk, note }) => {
    // the shells by turns
    await inParallel(SHELLS.filter((_, index) => EVERY || index === stage % SHELLS.length), async (shell) => {
      const { host, before } = await migrated(shell, (one) => {
        one.tell("migrate-dies", String(stage));
      });
      expect(expectWhole(host, before, `stage ${String(stage)}`)).toBe("old");
      expect(host.guests()).toEqual([{ domid, state: "-b----", disk }]);
      expect(host.journalText()).toContain(note);
      expect(host.ended()).toBe("failed");
      host.remove();
    });
  });

  it("to other disks than the planned ones is not used: the guest is started anew", async () => {
    const { host, before } = await migrated("dash", (one) => {
      one.tell("migrate-dies", "6");
      one.tell("wrong-disk", one.snapshotImage);
    });
    expect(expectWhole(host, before, "wrong disk")).toBe("old");
    expect(host.guests()).toEqual([{ domid: "9", state: "-b----", disk: "/srv/disk.img" }]);
    expect(host.journalText()).toContain("is not used");
    host.remove();
  });
});
