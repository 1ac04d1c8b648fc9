import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { arrayName, mappingName, resourceName } from "../../src/core/model/mapping.js";
import type { PlanNode } from "../../src/core/model/plan.js";
import { compileProgram } from "../../src/core/program/compile.js";
import { installBootUnit, removeBootUnit } from "../../src/core/steps/boot-unit.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { shutDown } from "../../src/core/steps/shut-down.js";
import { compareAttached, createPaused, resumeGuest, unpause, waitReady } from "../../src/core/steps/start-guest.js";
import { stepOf } from "../../src/core/steps/step-of.js";
import { retireStep } from "../../src/core/strategies/retire.js";
import { faultsPromised } from "../support/faults.js";
import { below } from "./below.js";
import { eachDeath } from "./deaths.js";
import { SCRATCH, StubHost, evaluate, type Shell } from "./host.js";
import { mirrorProgram, type Mirror } from "./mirror.js";
import { planOf } from "./plan.js";
import { Xl } from "./xl.js";

/**
 * A guest that an earlier run has left on the device that mirrored its disk, and a second run that takes it off it. The second
 * run's boot unit takes the place of the first one's, which alone knows how to make the device again.
 */

const NAMES = { dm: mappingName, md: arrayName, "md-preseed": arrayName, drbd: resourceName } as const;
const ONTO = (by: Mirror): string => (by === "dm" ? "/dev/mapper/converge-web1-xvda1" : `/dev/${NAMES[by]("web1", "xvda1")}`);
const VOLUME = "/dev/vg0/web1-root";
/** As libxl has a path in what it stores and saves: from Xen 4.21 on json-c writes that, which escapes slashes; yajl does not. */
const inJson = (by: Mirror, path: string): string => (by === "dm" || by === "drbd" ? path.replaceAll("/", "\\/") : path);
const FUNCTIONS = readFileSync("src/core/program/runtime/verbs/boot-unit.sh", "utf8");
const UNIT = "etc/systemd/system/converge-boot-web1.service";

interface Leaving {
  /** Its boot unit is to stay as long as somebody has the device. Unset: it is. */
  readonly tied?: boolean;
  /** It commits, and leaves the unit to the next boot, as one does that has moved another disk by a mirror. */
  readonly commits?: boolean;
}

function leaving(host: StubHost, by: Mirror, { tied = true, commits = false }: Leaving = {}): string {
  const { domain } = host;
  const name = NAMES[by](domain, "xvda1");
  const disks = [{ vdev: "xvda1", target: host.root + VOLUME, format: "raw", access: "w" as const, cdrom: false }];
  const nodes: readonly PlanNode[] = [
    stepOf(installBootUnit, "prepare", "install-boot-unit", { domain, ...(tied ? { mappings: [name] } : {}) }, ""),
    stepOf(shutDown, "switch", "shut-down", { domain, config: host.config, timeoutSeconds: 1, destroy: false }, ""),
    stepOf(createPaused, "switch", "create-paused", { domain, config: host.config, disks }, ""),
    stepOf(compareAttached, "switch", "compare", { domain, disks }, ""),
    commits ? stepOf(unpause, "switch", "unpause", { domain }, "") : stepOf(resumeGuest, "switch", "resume", { domain }, ""),
    stepOf(waitReady, "switch", "ready", { domain, ready: { kind: "command", command: ["true"], timeoutSeconds: 1 } }, ""),
    retireStep("settle", "xvda1", name, ""),
    ...(commits ? [] : [stepOf(removeBootUnit, "finish", "remove-boot-unit", { domain }, "")]),
  ];
  return compileProgram(planOf(domain, nodes), stepKinds, { config: host.config });
}

/** The first run is done, the second about to begin. */
async function left(shell: Shell, by: Mirror): Promise<StubHost> {
  const host = new StubHost(shell);
  host.install(mirrorProgram(host, "suspend", by));
  await host.run("run");
  expect(host.ended(), host.journalText()).toBe("done");
  expect(host.guests().map(({ disk }) => disk)).toEqual([ONTO(by)]);
  host.install(leaving(host, by), "2");
  host.forgetCalls();
  return host;
}

async function withLeft(shell: Shell, by: Mirror, work: (host: StubHost) => Promise<void>): Promise<void> {
  const host = await left(shell, by);
  try {
    await work(host);
  } finally {
    host.remove();
  }
}

async function callsOf(by: Mirror): Promise<readonly string[]> {
  const host = await left("dash", by);
  try {
    await host.run("run");
    expect(host.ended(), host.journalText()).toBe("done");
    expect(host.guests().map(({ disk }) => disk)).toEqual([VOLUME]);
    expect(existsSync(join(host.root, UNIT)), "nobody needs it any more").toBe(false);
    return host.calls();
  } finally {
    host.remove();
  }
}

/** xendomains saves whoever runs, Dom0 reboots, and the boot unit, whosever it is, does its work before guests are restored. */
async function rebootInOrder(host: StubHost): Promise<void> {
  const [guest] = host.guests();
  const save = join(host.root, "var/lib/xen/save");
  mkdirSync(save, { recursive: true });
  if (guest !== undefined) writeFileSync(join(save, "web1"), "memory");
  await boot(host);
}

async function boot(host: StubHost): Promise<void> {
  host.forget();
  if (existsSync(join(host.root, UNIT))) await host.command(["sh", "-c", programOfUnit(host)]);
}

/** As systemd would run it. */
function programOfUnit(host: StubHost): string {
  const line = readFileSync(join(host.root, UNIT), "utf8").split("\n").find((one) => one.startsWith("ExecStart="));
  return /^ExecStart=\/bin\/sh -c '(.*)'$/.exec(line ?? "")?.[1] ?? "exit 1";
}

describe("a run whose boot unit another one replaces", () => {
  it.each([
    { why: "was taken back", files: { ended: "failed" }, brings: false },
    { why: "was refused", files: { ended: "refused" }, brings: false },
    { why: "was taken back, and its guest may have stayed on a device", files: { ended: "failed" }, program: "  act drop_mapping converge-web1-xvda1 8", brings: true },
    { why: "was taken back, and its guest may have stayed on an array", files: { ended: "stopped" }, program: "  act drop_device md/converge-web1-xvda1 8", brings: true },
    { why: "is done", files: { ended: "done" }, brings: true },
    { why: "was stopped behind its commit", files: { ended: "stopped", committing: "1" }, brings: true },
    { why: "has left something", files: { ended: "failed", unfinished: "a loop" }, brings: true },
    { why: "owes a start", files: { ended: "failed", unstarted: "xvda1 /dev/vg0/a" }, brings: true },
    { why: "has not ended", files: {}, brings: true },
  ])("counts at boot where it $why: $brings", async ({ files, program = "", brings }) => {
    const folder = mkdtempSync(join(SCRATCH, "converge-run-"));
    try {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), `${text}\n`);
      writeFileSync(join(folder, "program.sh"), `undo_3() {\n${program}\n}\nverb_drop_mapping() {\n`);
      const { stdout } = await evaluate("dash", `${FUNCTIONS}\nif brings_nothing_back "$1"; then echo nothing; else echo something; fi`, [folder]);
      expect(stdout.trim()).toBe(brings ? "something" : "nothing");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** What the units of earlier versions ran at boot. */
const OLD_UNITS: readonly ((program: string) => string)[] = [
  (program) => `/bin/sh -c '/bin/sh "$$0" recover; exit 0' ${program}`,
  (program) => `-/bin/sh ${program} recover`,
  (program) => `/bin/sh ${program} recover`,
];

describe.each(OLD_UNITS.map((runs) => ({ what: runs("PROGRAM"), runs })))("a guest that was left on its mirror's device, whose boot unit another version wrote: $what", { tags: "long" }, ({ runs }) => {
  it("finds the device again at a boot after a second run that came to nothing, before and after that is taken back", async () => {
    const first = (host: StubHost): string => join(host.book, "runs/1/program.sh");
    for (const tied of [true, false]) {
      await withLeft("dash", "dm", async (host) => {
        const unit = join(host.root, UNIT);
        writeFileSync(unit, readFileSync(unit, "utf8").replace(/^ExecStart=.*$/m, () => `ExecStart=${runs(first(host))}`));
        host.install(leaving(host, "dm", { tied }), "3");
        host.tell("stubborn");
        await host.run("run");
        expect(host.ended(), host.journalText()).toBe("failed");
        expect(readFileSync(join(host.runDirectory, "before"), "utf8")).toBe(`${first(host)}\n`);
        expect(programOfUnit(host)).toContain(tied ? host.runDirectory : first(host));
        await rebootInOrder(host);
        expect(below(host, ONTO("dm")), host.journalText()).toBe(VOLUME);
      });
    }
  });
});

describe("a second run that could not bring its guest back at a boot", () => {
  it("keeps its unit, whatever the first one finds when that is asked too", async () => {
    const down = (await callsOf("dm")).findIndex((call) => call.startsWith("xl shutdown")) + 1;
    await withLeft("dash", "dm", async (host) => {
      host.tell("kill-after", String(down));
      await host.run("run");
      expect(host.guests()).toEqual([]);
      new Xl(host).first('if [ "$1" = create ]; then echo no memory >&2; exit 1; fi');
      host.tell("no-units");
      await boot(host);
      expect(host.ended(), host.journalText()).toBe("failed");
      expect(existsSync(join(host.runDirectory, "unfinished"))).toBe(true);
      expect(readFileSync(join(host.root, UNIT), "utf8"), "the next boot tries again").toContain(host.runDirectory);
    });
  });
});

describe.concurrent.each(["dm", "md", "md-preseed", "drbd"] as const)("a guest that was left on its mirror's device, made by %s", (by) => {
  // what another mirror does otherwise is told of one
  const aside = by === "dm" ? {} : { tags: "long" };

  it("finds it again at every boot after a second run that came to nothing", { tags: "long" }, async () => {
    await withLeft("busybox sh", by, async (host) => {
      host.tell("stubborn");
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("failed");
      expect(host.guests().map(({ disk }) => disk), host.journalText()).toEqual([ONTO(by)]);
      expect(programOfUnit(host)).toContain("/runs/2/");
      await rebootInOrder(host);
      expect(below(host, ONTO(by)), host.journalText()).toBe(VOLUME);
      expect(host.lines(join(host.state, "violations"))).toEqual([]);
      await rebootInOrder(host);
      expect(below(host, ONTO(by)), host.journalText()).toBe(VOLUME);
    });
  });

  it("finds it again also where the first run was stopped once it had committed, and a second one failed", { tags: "long" }, async () => {
    await withLeft("bash", by, async (host) => {
      // as its journal would have it; that it had committed counts for more
      writeFileSync(join(host.book, "runs/1/ended"), "stopped\n");
      host.tell("stubborn");
      for (const run of ["2", "3"]) {
        host.install(leaving(host, by), run);
        await host.run("run");
        expect(host.ended(), host.journalText()).toBe("failed");
        // the second one makes no device, and came to nothing: nobody asks it
        expect(readFileSync(join(host.runDirectory, "before"), "utf8")).toBe(`${join(host.book, "runs/1/program.sh")}\n`);
      }
      await rebootInOrder(host);
      expect(below(host, ONTO(by)), host.journalText()).toBe(VOLUME);
    });
  });

  it("has the first run's boot unit again, where the second one's is taken back", aside, async () => {
    await withLeft("dash", by, async (host) => {
      const unit = readFileSync(join(host.root, UNIT), "utf8");
      host.install(leaving(host, by, { tied: false }), "3");
      host.tell("stubborn");
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("failed");
      expect(readFileSync(join(host.root, UNIT), "utf8")).toBe(unit);
      expect(existsSync(join(host.root, "etc/systemd/system/multi-user.target.wants/converge-boot-web1.service"))).toBe(true);
      await rebootInOrder(host);
      expect(below(host, ONTO(by)), host.journalText()).toBe(VOLUME);
    });
  });

  it("leaves no boot unit behind once nobody has the device any more: a second run that has committed has the last word", aside, async () => {
    await withLeft("dash", by, async (host) => {
      host.install(leaving(host, by, { commits: true }), "3");
      await host.run("run");
      expect([host.ended(), host.committing()], host.journalText()).toEqual(["done", true]);
      expect(programOfUnit(host)).toContain("/runs/3/");
      expect(readFileSync(join(host.runDirectory, "before"), "utf8")).toBe(`${join(host.book, "runs/1/program.sh")}\n`);
      await boot(host);
      expect(existsSync(join(host.root, UNIT)), host.journalText()).toBe(false);
      expect(existsSync(join(host.root, "etc/systemd/system/multi-user.target.wants/converge-boot-web1.service"))).toBe(false);
    });
  });

  it("does not find it again, nor a boot unit, once it has left it by itself and xendomains has saved it on its volume", aside, async () => {
    await withLeft("dash", by, async (host) => {
      // what is left of the first run is all that there is
      rmSync(join(host.book, "current"));
      symlinkSync("runs/1", join(host.book, "current"));
      const recover = ["sh", join(host.book, "runs/1/program.sh")];
      for (const [boot, saved] of [ONTO(by), VOLUME].entries()) {
        const save = join(host.root, "var/lib/xen/save/web1");
        // the head of what xl saves, and memory behind it
        writeFileSync(save, `Xen saved domain, xl format\n \0 \r\0\0\0\0{"disks":[{"pdev_path":"${inJson(by, saved)}","vdev":"xvda1"}]}\0\xff\0${ONTO(by)}2\n`, "latin1");
        host.forget();
        writeFileSync(join(host.root, "proc/sys/kernel/random/boot_id"), `boot-${String(boot + 2)}\n`);
        await host.command([...recover, "recover"]);
        const made = ["dev/mapper", "dev/md", "dev/drbd"].flatMap((folder) => existsSync(join(host.root, folder)) ? readdirSync(join(host.root, folder)) : []);
        expect(made, host.journalText()).toEqual(boot === 0 ? ["converge-web1-xvda1"] : []);
        expect(existsSync(join(host.root, UNIT)), saved).toBe(boot === 0);
      }
    });
  });

  it("keeps it where xendomains has restored it there, so that its own reboot uses it, and a run that is to take it back comes to nothing", { tags: "long" }, async () => {
    await withLeft("bash", by, async (host) => {
      const [{ domid } = { domid: "" }] = host.guests();
      const userdata = join(host.root, `var/lib/xen/userdata-d.${domid}.uuid-of-it`);
      // as it is after an orderly reboot of Dom0: nothing is stored but what it was restored from, and nobody waits for it to be gone
      const restored = (): void => {
        rmSync(`${userdata}.xl`);
        writeFileSync(`${userdata}.libxl-json`, `{"disks":[{"pdev_path":"${inJson(by, ONTO(by))}","vdev":"xvda1"}]}\n`);
        rmSync(join(host.state, "dm/converge-web1-xvda1/deferred"), { force: true });
      };
      const watchmen = (): number => host.lines(join(host.state, "watchmen")).length;
      const before = watchmen();
      restored();
      const { domain } = host;
      host.install(compileProgram(planOf(domain, [
        retireStep("switch", "let-go", NAMES[by](domain, "xvda1"), ""),
        stepOf(shutDown, "switch", "shut-down", { domain, config: host.config, timeoutSeconds: 1, destroy: false }, ""),
        retireStep("switch", "see-gone", NAMES[by](domain, "xvda1"), ""),
      ]), stepKinds, { config: host.config }), "3");
      host.tell("stubborn");
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("failed");
      expect(host.guests().map(({ state, disk }) => [state, disk])).toEqual([["-b----", ONTO(by)]]);
      expect(existsSync(join(host.state, "dm/converge-web1-xvda1/deferred")), "gone while it reboots itself, and it would stay down").toBe(false);
      expect(watchmen() - before, "who waits for it to be gone").toBe(0);
      if (by !== "dm") {
        // and one that waits since before it was saved does so no more
        const watchman = host.start("retire", NAMES[by](domain, "xvda1"));
        const { code } = await watchman.ended;
        expect(code, host.journalText()).toBe(0);
        expect(existsSync(join(host.root, ONTO(by)))).toBe(true);
      }
    });
  });

  it("is up on its volume, whenever its second run is killed, and whatever Dom0 does then", { tags: "long" }, async () => {
    const calls = await callsOf(by);
    const deaths = calls.flatMap((_, at) => (["kill-before", "kill-after"] as const).flatMap((when) => [
      { number: at + 1, when, power: true }, { number: at + 1, when, power: false },
    ]));
    expect(deaths.length).toBeGreaterThanOrEqual(faultsPromised("deaths-off-a-mirror"));
    await eachDeath({ deaths, host: (shell) => left(shell, by), really: () => false }, async (host, { number, when, power }) => {
      const where = `${by} ${when} ${String(number)}${power ? ", power cut" : ""}: ${host.calls()[number - 1] ?? ""}`;
      await host.scopesEnded();
      const wasUp = host.guests().some(({ state }) => state === "-b----");
      if (power) {
        await boot(host);
        // who was up, and had not been touched, is started by xendomains, not by the run
        if (host.guests().length === 0) expect(wasUp, `${where}\n${host.journalText()}`).toBe(true);
        else expect(host.guests().map(({ state, disk }) => ({ state, disk })), where).toEqual([{ state: "-b----", disk: VOLUME }]);
      } else {
        // systemd ends it first
        await host.run("recover");
        expect(host.guests().map(({ state }) => state), `${where}\n${host.journalText()}`).toEqual(["-b----"]);
        const disk = host.guests()[0]?.disk ?? "";
        await rebootInOrder(host);
        expect(below(host, disk), `${where}\n${host.journalText()}`).toBe(VOLUME);
        rmSync(join(host.root, "var/lib/xen/save/web1"));
      }
      expect(readFileSync(host.config, "utf8"), where).toContain(VOLUME);
      expect(host.lines(join(host.state, "violations")), where).toEqual([]);
    });
  });
});
