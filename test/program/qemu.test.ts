import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { canonicalVdev } from "../../src/core/xl/vdev.js";
import { volumeTags } from "../../src/core/model/names.js";
import type { PlanNode } from "../../src/core/model/plan.js";
import { compileProgram, type StepKinds } from "../../src/core/program/compile.js";
import { installBootUnit, removeBootUnit } from "../../src/core/steps/boot-unit.js";
import { compareJob } from "../../src/core/steps/compare-job.js";
import { holdDisks, releaseDisks } from "../../src/core/steps/compare-legs.js";
import { guard } from "../../src/core/steps/guard.js";
import { pivotDisks } from "../../src/core/steps/pivot-disks.js";
import { awaitQemuMirror, closeNode, qemuMirror } from "../../src/core/steps/qemu-mirror.js";
import { stepKinds } from "../../src/core/steps/registry.js";
import { stepOf } from "../../src/core/steps/step-of.js";
import { replaceBytes } from "../../src/core/xl/text-edit.js";
import { FakeQemu, type Silence } from "./fake-qemu.js";
import { faultsPromised } from "../support/faults.js";
import { SHELLS, StubHost, byTurns, inParallel, shellOf, shellsOf, until, type Shell } from "./host.js";
import { journal } from "./invariants.js";
import { patient } from "./patience.js";
import { planOf, raw, rawStep, sha256 } from "./plan.js";
import { withTwoDisks } from "./several.js";
import { Xl } from "./xl.js";
import { XlLock } from "./xl-lock.js";

/**
 * The real step kinds in their real order, over paths of the stub host.
 * @param full both sides are compared while the guest is paused
 * @param speed what the copies may take, in bytes a second; unset: as fast as they go
 */
function nodes(host: StubHost, full: boolean, images: readonly string[], vdevs: readonly string[], speed?: number): readonly PlanNode[] {
  const { domain } = host;
  const text = readFileSync(host.config, "utf8");
  const moved = images.map((image, index) => {
    const vdev = vdevs[index] ?? "";
    const device = volumes(host)[index] ?? "";
    const start = Buffer.byteLength(text.slice(0, text.indexOf(image)));
    const disk = device.slice(`${host.root}/dev/`.length);
    return {
      vdev, image, device, disk, job: `converge-${vdev}`, node: `${canonicalVdev(vdev)}-raw`, to: { device, disk },
      edits: [{ start, end: start + Buffer.byteLength(image), text: device }],
    };
  });
  const disks = (which: "image" | "device") =>
    moved.map((disk) => ({ vdev: disk.vdev, target: disk[which], format: "raw", access: "w" as const, cdrom: false }));
  const config = { path: host.config, sha256: sha256(text) };
  const [domid = ""] = readdirSync(join(host.state, "doms"));
  return [
    stepOf(installBootUnit, "prepare", "install-boot-unit", { domain }, ""),
    ...moved.flatMap(({ vdev, image, disk, job, node, to }) => [
      rawStep(`${vdev}.create`, "prepare", {
        title: "Create the volume",
        actions: [{
          command: [
            "lvcreate", "--yes", "--size", "4096b", ...volumeTags(domain, vdev, "copy").flatMap((tag) => ["--addtag", tag]),
            "--name", disk.slice("vg0/".length), "vg0",
          ],
        }],
        goals: [{ goal: "volume-exists", volume: disk, bytes: 4096, tags: ["converge"] }],
      }),
      stepOf(
        qemuMirror, "prepare", `${vdev}.mirror`,
        { domain, vdev, source: node, node: job, job, bytes: 4096, to, ...(speed === undefined ? {} : { speed }) }, "",
      ),
      stepOf(awaitQemuMirror, "prepare", `${vdev}.sync`, { domain, job, to, from: image, content: { type: "blank" } }, ""),
    ]),
    stepOf(guard, "switch", "guard", { domain, bootId: "boot-1", running: { domid: Number(domid), uuid: "uuid-of-it" }, config, images: [] }, ""),
    ...(full
      ? [
          stepOf(holdDisks, "switch", "hold", { domain, mappings: [] }, ""),
          ...moved.map(({ image, job, to, vdev }) =>
            stepOf(compareJob, "switch", `${vdev}.compare`, { domain, job, bytes: 4096, image, to, limitSeconds: 30 }, "")),
        ]
      : []),
    stepOf(
      pivotDisks, "switch", "pivot",
      {
        domain, stored: disks("device"), oldStored: disks("image"),
        disks: moved.map(({ vdev, device, job, image, edits }) => ({ vdev, device, job, image, backend: "qdisk", format: "raw", edits })),
        edit: {
          domain, path: host.config, before: config.sha256, after: sha256(replaceBytes(text, moved.flatMap(({ edits }) => edits))),
          edits: moved.flatMap(({ edits }) => edits), disks: disks("device"), oldDisks: disks("image"),
        },
      }, "",
    ),
    ...(full ? [stepOf(releaseDisks, "switch", "release", { domain, mappings: [] }, "")] : []),
    ...moved.map(({ vdev, node, image }) => stepOf(closeNode, "settle", `${vdev}.close`, { domain, node, path: image }, "")),
    stepOf(removeBootUnit, "finish", "remove-boot-unit", { domain }, ""),
  ];
}

/** The volumes of the guest's disks. */
function volumes(host: StubHost): readonly string[] {
  return ["web1-root", "web1-data"].map((name) => `${host.root}/dev/vg0/${name}`);
}

interface Stubbed {
  readonly full?: boolean;
  /** The guest has a second disk, which is moved too. */
  readonly two?: boolean;
  /** Its disk is one with partitions. */
  readonly whole?: boolean;
  /** The config calls its disks by these names, and QEMU and libxl by those that the guest was started with. */
  readonly called?: readonly string[];
  /** QEMU is not waited for as long as on a real host. */
  readonly impatient?: boolean;
  /** A statement of qmp.py before which everything is killed. */
  readonly diesAt?: string;
  /** What the playbook lets the copy take, in bytes a second. */
  readonly speed?: number;
}

async function inStub(
  shell: Shell, work: (host: StubHost, qemu: FakeQemu, oldConfig: string) => Promise<void>,
  { full = false, two = false, whole = false, called, impatient = false, diesAt, speed }: Stubbed = {},
): Promise<void> {
  const host = new StubHost(shell);
  const images = two ? await withTwoDisks(host) : [host.image];
  const vdevs = whole ? ["xvda"] : ["xvda1", "xvda2"];
  const qemu = await FakeQemu.start(host, images, vdevs);
  try {
    const kinds = { ...stepKinds, raw } as unknown as StepKinds;
    const program = compileProgram(planOf(host.domain, nodes(host, full, images, called ?? vdevs, speed)), kinds, { config: host.config });
    host.install(diesAt === undefined ? (impatient ? waitingLess(program) : program) : dyingAt(diesAt, program));
    await work(host, qemu, readFileSync(host.config, "utf8"));
  } finally {
    await qemu.stop();
    host.remove();
  }
}

/** Seconds that a busy machine needs, and no more. */
function waitingLess(program: string): string {
  const told = program.replaceAll(/qmp (run|drop|settle|job) "\$DOMID" 60/g, `qmp $1 "$DOMID" ${String(patient(3))}`).replace('qmp pivot "$DOMID" 120', `qmp pivot "$DOMID" ${String(patient(3))}`)
    .replace("ANSWERS = 10\n", `ANSWERS = ${String(patient(1))}\n`).replace("SETTLES = 60\n", `SETTLES = ${String(patient(4))}\n`).replace("LOCKS = 60\n", `LOCKS = ${String(patient(2))}\n`)
    .replace("LOCKS_AT_REST = 10\n", `LOCKS_AT_REST = ${String(patient(1))}\n`);
  expect(told).not.toBe(program);
  return told;
}

const DIES = "os.killpg(0, signal.SIGKILL); ";

/** It is killed before that statement of qmp.py, with all that belongs to it. */
function dyingAt(statement: string, program: string): string {
  const [before = "", after, ...more] = program.split(statement);
  expect(more.length === 0 && after !== undefined, `${statement} is there once`).toBe(true);
  return `${before}${DIES}${statement}${after ?? ""}`;
}

/** What a run calls where nothing goes wrong, and which of it is the commit. */
async function callsOf(options: { readonly full?: boolean } = {}): Promise<{ readonly calls: readonly string[]; readonly finalize: number }> {
  let calls: readonly string[] = [];
  await inStub("dash", async (host) => {
    await host.run("run");
    calls = host.calls();
  }, options);
  const finalize = calls.findIndex((call) => call.startsWith("qmp job-finalize")) + 1;
  expect(finalize).toBeGreaterThan(5);
  return { calls, finalize };
}

/** What the run leaves for forecasts. */
function pastOf(host: StubHost): Record<string, unknown> {
  return JSON.parse(host.lines(join(host.book, "history.jsonl"))[0] ?? "{}") as Record<string, unknown>;
}

const volume = (host: StubHost): string => `${host.root}/dev/vg0/web1-root`;

/** Config, libxl's file and QEMU name one disk, and nothing of a mirror is left. */
function expectWhole(host: StubHost, qemu: FakeQemu, oldConfig: string, where: string): "old" | "new" {
  const note = `${where}\n${host.journalText()}`;
  const side = qemu.serves === host.image ? "old" : "new";
  const config = readFileSync(host.config, "utf8");
  if (side === "old") expect(config, note).toBe(oldConfig);
  else expect(config, note).toBe(oldConfig.replace(host.image, volume(host)));
  expect(qemu.storedDisk, note).toBe(side === "old" ? host.image : volume(host));
  expect([...qemu.jobs], note).toEqual([]);
  expect(qemu.nodes.has("converge-xvda1"), note).toBe(side === "new");
  expect(host.leftovers(), note).toEqual([]);
  expect(host.guests().map(({ state }) => state), note).toEqual(["-b----"]);
  expect(existsSync(join(host.state, "violations")), note).toBe(false);
  expect(readdirSync(join(host.root, "var/lib/xen")).filter((name) => name.startsWith("userdata-l") || name.endsWith(".new")), note).toEqual([]);
  expect(host.ended(), note).toBeDefined();
  return side;
}

/** Whatever starts the guest now finds every write that it was told is safe. */
function expectSafe(host: StubHost, qemu: FakeQemu, where: string): void {
  const names = [readFileSync(host.config, "utf8").includes(volume(host)), qemu.storedDisk === volume(host)];
  const equal = qemu.jobs.get("converge-xvda1")?.status === "pending";
  if (equal) return;
  expect(names, where).toEqual(qemu.serves === host.image ? [false, false] : [true, true]);
}

describe.concurrent("a mirror by QEMU", () => {
  for (const shell of SHELLS) it(`ends with the guest on its volume, under ${shell}`, byTurns(0, shell), async () => {
    await inStub(shell, async (host, qemu, oldConfig) => {
      qemu.watch = () => {
        expectSafe(host, qemu, "on the way");
      };
      const { code, stderr } = await host.run("run");
      expect(code, `${stderr}\n${host.journalText()}`).toBe(0);
      expect(expectWhole(host, qemu, oldConfig, "at the end")).toBe("new");
      expect(qemu.nodes.has("xvda1-raw"), "the image is closed").toBe(false);
      const events = journal(host);
      expect(events.some((event) => event.event === "progress" && event.percent === 100)).toBe(true);
      expect(host.journalText()).toMatch(/waited [0-9]+ ms for its disks/);
      const order = events.flatMap(({ event }) => (["down", "commit", "ready"].includes(event) ? [event] : []));
      expect(order, "its writes were held: that is a downtime, however short").toEqual(["commit", "ready"]);
      const ready = events.find((event) => event.event === "ready");
      expect(ready?.event === "ready" ? ready.downtime : 0).toBeGreaterThan(0);
      expect(events.at(-1)).toMatchObject({ event: "end", message: expect.stringMatching(/web1 waited for its disks for [0-9.]+ s/) as string });
      const past = pastOf(host);
      expect(past).toMatchObject({ switch: "none", downtimeSeconds: ready?.event === "ready" ? ready.downtime : 0 });
      expect(past["exchangeSeconds"], "of one disk").toBe(past["downtimeSeconds"]);
    });
  });

  it.each(shellsOf(2))("of a whole disk, which QEMU names by the number of its partition, ends on its volume, under %s", async (shell) => {
    await inStub(shell, async (host, qemu) => {
      const { code, stderr } = await host.run("run");
      expect(code, `${stderr}\n${host.journalText()}`).toBe(0);
      expect(qemu.serves).toBe(volume(host));
      expect(qemu.storedDisk).toBe(volume(host));
      expect(qemu.nodes.has("xvda-raw"), "the image is closed").toBe(false);
    }, { whole: true });
  });

  for (const vdev of ["51713", "d0p1"]) it(`goes over with a disk that its config calls ${vdev} by now, and both configs name the volume`, vdev === "d0p1" ? {} : { tags: "long" }, async () => {
    await inStub("dash", async (host, qemu) => {
      const { code, stderr } = await host.run("run");
      expect(code, `${stderr}\n${host.journalText()}`).toBe(0);
      expect(host.ended(), host.journalText()).toBe("done");
      expect(qemu.serves).toBe(volume(host));
      expect(qemu.storedDisk).toBe(volume(host));
    }, { called: [vdev] });
  });

  it.each([{ speed: 300 * 1024, told: 300 * 1024 }, { speed: undefined, told: 0 }])("is told how fast it may copy: $speed bytes a second", async ({ speed, told }) => {
    await inStub("dash", async (host) => {
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("done");
      const said = host.calls().flatMap((call) => {
        const [, words] = /^qmp blockdev-mirror (.+)$/.exec(call) ?? [];
        return words === undefined ? [] : [(JSON.parse(words) as { readonly speed?: unknown }).speed];
      });
      // 0 is QEMU's word for no limit
      expect(said).toEqual([told]);
    }, speed === undefined ? {} : { speed });
  });

  it.each(shellsOf(1))("is compared while the guest is paused, and what differs is copied once more, under %s", { tags: "long" }, async (shell) => {
    await inStub(shell, async (host, qemu, oldConfig) => {
      host.tell("differs", "17");
      qemu.watch = () => {
        expectSafe(host, qemu, "on the way");
      };
      await host.run("run");
      expect(expectWhole(host, qemu, oldConfig, "compared")).toBe("new");
      expect(host.ended(), host.journalText()).toBe("done");
      expect(host.lines(join(host.state, "copied"))).toEqual([
        `if=${host.image} of=${volume(host)} bs=1048576 skip=0 seek=0 count=1 oflag=direct conv=notrunc,fsync status=none`,
      ]);
      expect(host.journalText()).toMatch(/compared at rest in [0-9.]+ s, differed in 1 blocks of 1 MiB, which were copied again/);
      expect(host.journalText()).toMatch(/web1 stood still for [0-9.]+ s/);
      const ready = journal(host).filter((event) => event.event === "ready");
      expect(ready.map(({ downtime }) => downtime), "that is a downtime, which going over is a part of").toEqual([expect.any(Number)]);
      expect(ready[0]?.downtime).toBeGreaterThan(0);
      expect(pastOf(host)["downtimeSeconds"]).toBe(ready[0]?.downtime);
      expect(pastOf(host)["exchangeSeconds"], "which is not what it takes where nobody is paused").toBeUndefined();
    }, { full: true });
  });

  it("stays on its image where the volume does not keep what is written to it", { tags: "long" }, async () => {
    await inStub("dash", async (host, qemu, oldConfig) => {
      host.tell("differs", "17");
      host.tell("differs-for-ever");
      await host.run("run");
      expect(expectWhole(host, qemu, oldConfig, "differs")).toBe("old");
      expect(host.journalText()).toContain("does not keep what is written to its block 0");
      expect(host.ended()).toBe("failed");
    }, { full: true });
  });

  it("is taken back, and the guest is not left paused, where its QEMU goes away in the comparison", { tags: "long" }, async () => {
    await inStub("busybox sh", async (host, qemu, oldConfig) => {
      qemu.watch = () => {
        if (qemu.jobs.get("converge-xvda1")?.status === "pending") void qemu.stop();
      };
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("failed");
      expect(host.guests().map(({ state }) => state)).toEqual(["-b----"]);
      expect(readFileSync(host.config, "utf8")).toBe(oldConfig);
      expect(host.leftovers()).toEqual([]);
    }, { full: true });
  });

  it.each(["mirror", "complete", "finalize"] as const)("that fails (%s) leaves the guest on its image", { tags: "long" }, async (failure) => {
    await inStub("dash", async (host, qemu, oldConfig) => {
      qemu.failure = failure;
      await host.run("run");
      expect(expectWhole(host, qemu, oldConfig, failure)).toBe("old");
      expect(host.journalText()).toContain("Input/output error");
      expect(host.ended()).toBe("failed");
      expect(host.committing()).toBe(false);
    });
  });

  it("that went over, and of which QEMU refuses something then, never has the guest's configs name the image again", async () => {
    await inStub("dash", async (host, qemu, oldConfig) => {
      qemu.failure = "dismiss";
      await host.run("run");
      expect(qemu.failure, "it was refused").toBeUndefined();
      expect(expectWhole(host, qemu, oldConfig, "dismiss")).toBe("new");
      expect(host.ended(), "and asked for again").toBe("done");
    });
  });

  it("does not begin where xl config-update has stored what the guest's own reboot would use instead", { tags: "long" }, async () => {
    await inStub("dash", async (host, qemu, oldConfig) => {
      await host.command(["cp", host.config, qemu.stored.replace(".libxl-json", ".xl")]);
      await host.run("run");
      expect(expectWhole(host, qemu, oldConfig, "stored by xl")).toBe("old");
      expect(host.journalText()).toContain("xl config-update");
    });
  });

  describe("while an xl command has what libxl has stored of the guest", () => {
    /** A run that has come to the commit, and waits there; the job is in sync, and nobody waits for the disk. */
    async function waiting(host: StubHost, qemu: FakeQemu, lock: XlLock, then: () => Promise<void>): Promise<void> {
      const { ended } = host.start("run");
      try {
        await until(() => journal(host).some((event) => event.event === "step" && event.kind === "pivot-disks"), host);
        await new Promise((resolve) => setTimeout(resolve, patient(1000)));
        expect(host.calls().filter((call) => call.startsWith("qmp job-complete")), "the guest's writes go on").toEqual([]);
        expect([qemu.jobs.get("converge-xvda1")?.status, host.ended()]).toEqual(["ready", undefined]);
        await then();
      } finally {
        await lock.release();
      }
      await ended;
    }

    it.each(shellsOf(2))("waits for it, and the guest does not, under %s", async (shell) => {
      await inStub(shell, async (host, qemu, oldConfig) => {
        const lock = await XlLock.take(qemu.lock);
        await waiting(host, qemu, lock, async () => {
          await lock.passOn();
          await new Promise((resolve) => setTimeout(resolve, 300));
          expect(qemu.jobs.get("converge-xvda1")?.status, "the next xl has it").toBe("ready");
        });
        expect(expectWhole(host, qemu, oldConfig, "it was unlocked")).toBe("new");
        expect(host.ended(), host.journalText()).toBe("done");
        const waited = Number(/waited ([0-9]+) ms for its disks/.exec(host.journalText())?.[1]);
        expect(waited, "what it waited for xl does not count").toBeLessThan(patient(1000));
      });
    });

    it("keeps xl from it as long as the guest's writes wait, and no longer", { tags: "long" }, async () => {
      await inStub("dash", async (host, qemu, oldConfig) => {
        const locked: [string, boolean][] = [];
        qemu.watch = () => {
          const status = qemu.jobs.get("converge-xvda1")?.status;
          if (status === "pending" || status === "concluded") locked.push([status, existsSync(qemu.lock)]);
        };
        await host.run("run");
        expect(expectWhole(host, qemu, oldConfig, "at the end")).toBe("new");
        expect(locked.slice(0, 2)).toEqual([["pending", true], ["concluded", false]]);
      });
    });

    it("is called off where it does not get it in time, and nothing was touched", { tags: "long" }, async () => {
      await inStub("busybox sh", async (host, qemu, oldConfig) => {
        const stored = readFileSync(qemu.stored);
        const lock = await XlLock.take(qemu.lock);
        await host.run("run");
        expect(existsSync(qemu.lock), "it is xl's still").toBe(true);
        await lock.release();
        expect(expectWhole(host, qemu, oldConfig, "called off")).toBe("old");
        expect(host.ended(), host.journalText()).toBe("failed");
        expect(host.journalText()).toMatch(new RegExp(`some xl command has had .*domain-userdata-lock locked for ${String(patient(2))} s`));
        expect(host.journalText(), "there was nothing to put back").not.toContain("could not be taken back");
        expect(host.calls().filter((call) => call.startsWith("qmp job-complete"))).toEqual([]);
        expect(readFileSync(qemu.stored)).toEqual(stored);
      }, { impatient: true });
    });

    it("does not wait as long where the guest is paused, and does", { tags: "long" }, async () => {
      await inStub("dash", async (host, qemu, oldConfig) => {
        const lock = await XlLock.take(qemu.lock);
        await host.run("run");
        await lock.release();
        expect(expectWhole(host, qemu, oldConfig, "called off")).toBe("old");
        expect(host.journalText()).toMatch(new RegExp(`some xl command has had .*domain-userdata-lock locked for ${String(patient(1))} s`));
      }, { impatient: true, full: true });
    });

    it.each([
      { what: "changed the guest's config", says: "was changed by somebody else meanwhile", does: (host: StubHost) => host.config },
      { what: "had xl store another one", says: "xl config-update", does: (_host: StubHost, qemu: FakeQemu) => qemu.stored.replace(".libxl-json", ".xl") },
    ])("does not begin where somebody has $what meanwhile", { tags: "long" }, async ({ says, does }) => {
      await inStub("bash", async (host, qemu) => {
        const lock = await XlLock.take(qemu.lock);
        const path = does(host, qemu);
        const text = `${readFileSync(host.config, "utf8")}# by hand\n`;
        await waiting(host, qemu, lock, () => {
          writeFileSync(path, text);
          return Promise.resolve();
        });
        expect(host.ended(), host.journalText()).toBe("failed");
        expect(host.journalText()).toContain(says);
        expect(readFileSync(path, "utf8"), "it is left alone").toBe(text);
        expect([qemu.serves, qemu.storedDisk, [...qemu.jobs]]).toEqual([host.image, host.image, []]);
        expect(host.calls().filter((call) => call.startsWith("qmp job-complete"))).toEqual([]);
      });
    });
  });

  it("is taken back when the guest goes away with its QEMU", { tags: "long" }, async () => {
    await inStub("dash", async (host, qemu, oldConfig) => {
      qemu.watch = () => {
        if (qemu.jobs.size > 0) void qemu.stop();
      };
      await host.run("run");
      expect(host.ended(), host.journalText()).toBe("failed");
      expect(readFileSync(host.config, "utf8")).toBe(oldConfig);
      expect(host.leftovers()).toEqual([]);
    });
  });

  it("whose guest could not be started after the commit notes the volumes that it is owed", { tags: "long" }, async () => {
    const { finalize } = await callsOf();
    await inStub("dash", async (host, qemu) => {
      host.tell("kill-after", String(finalize));
      await host.run("run");
      await qemu.stop();
      host.forget();
      new Xl(host).first('if [ "$1" = create ]; then echo no memory >&2; exit 1; fi');
      await host.run("recover");
      expect(host.ended(), host.journalText()).toBe("stuck");
      expect(readFileSync(join(host.runDirectory, "unstarted"), "utf8").trim()).toBe(`xvda1 ${volume(host)}`);
    });
  });

  describe("that is ended between the config and the mark of the commit", () => {
    const BETWEEN = "commit_to(config, mark)\n    left";

    it("leaves the guest to its volume where it has been started on it since, and is down again", async () => {
      await inStub("dash", async (host, qemu, oldConfig) => {
        await host.run("run");
        expect([host.ended(), host.committing()], host.journalText()).toEqual([undefined, false]);
        const named = readFileSync(host.config, "utf8");
        expect(named).not.toBe(oldConfig);
        await qemu.stop();
        host.forget();
        // nothing came of the boot unit, and the guest was started all the same, as its config says; then Dom0 rebooted once more
        await host.command(["xl", "create", "-f", host.config]);
        expect(host.guests().map(({ disk }) => disk)).toEqual(["/dev/vg0/web1-root"]);
        host.forget();
        await host.run("recover");
        expect(readFileSync(host.config, "utf8"), host.journalText()).toBe(named);
        expect(host.committing()).toBe(true);
        expect(host.guests().map(({ disk }) => disk)).toEqual(["/dev/vg0/web1-root"]);
        expect(host.journalText()).toContain("may have been on its volumes since");
      }, { diesAt: BETWEEN });
    });

    it("leaves it there as well where it runs still", { tags: "long" }, async () => {
      await inStub("busybox sh", async (host, qemu, oldConfig) => {
        await host.run("run");
        await qemu.stop();
        host.forget();
        await host.command(["xl", "create", "-f", host.config]);
        await host.run("recover");
        expect(host.journalText()).toContain("was started on its volumes meanwhile");
        expect(host.committing(), "whoever comes once more must not think otherwise").toBe(true);
        expect(readFileSync(host.config, "utf8")).not.toBe(oldConfig);
        expect(host.guests().map(({ disk }) => disk)).toEqual(["/dev/vg0/web1-root"]);
      }, { diesAt: BETWEEN });
    });

    it("is not mistaken for that where the guest has gone on with its image", { tags: "long" }, async () => {
      await inStub("busybox sh", async (host, qemu, oldConfig) => {
        await host.run("run");
        // and can not be put back while the guest runs
        writeFileSync(qemu.stored, "{");
        await host.run("recover");
        expect([qemu.serves, host.ended()], host.journalText()).toEqual([host.image, "failed"]);
        expect(readFileSync(host.config, "utf8")).not.toBe(oldConfig);
        await qemu.stop();
        host.forget();
        await host.run("recover");
        expect(readFileSync(host.config, "utf8"), host.journalText()).toBe(oldConfig);
        expect(host.committing()).toBe(false);
      }, { diesAt: BETWEEN });
    });

    it("is not mistaken for that where QEMU had said that the disk stays on its image", { tags: "long" }, async () => {
      await inStub("bash", async (host, qemu, oldConfig) => {
        qemu.failure = "finalize";
        await host.run("run");
        expect([host.ended(), host.committing(), qemu.serves], host.journalText()).toEqual([undefined, false, host.image]);
        expect(readFileSync(host.config, "utf8")).not.toBe(oldConfig);
        await qemu.stop();
        host.forget();
        await host.run("recover");
        expect(readFileSync(host.config, "utf8"), host.journalText()).toBe(oldConfig);
        expect(host.committing()).toBe(false);
      }, { diesAt: 'raise Refused(why or "the node' });
    });
  });

  // in the order of the switch: to end the copy; to go over; whether it has; whether it is listed still; to be let go of
  const silences = (["deaf", "mute"] as const).flatMap((how) => [
    { silence: { at: "job-complete", how }, side: "old" },
    { silence: { at: "job-finalize", how, nth: 1 }, side: "new" },
    { silence: { at: "query-jobs", how, nth: 1 }, side: "new" },
    { silence: { at: "query-jobs", how, nth: 2 }, side: "new" },
    { silence: { at: "job-dismiss", how, nth: 1 }, side: "new" },
  ] satisfies { readonly silence: Silence; readonly side: "old" | "new" }[]);

  it("is asked again by a QEMU that does not answer, and its commit is not taken back for that", { tags: "long" }, async () => {
    expect(silences.length).toBeGreaterThanOrEqual(faultsPromised("silences-of-qemu"));
    await inParallel([...silences.entries()], async ([turn, { silence, side }]) => {
      await inStub(shellOf(turn), async (host, qemu, oldConfig) => {
        qemu.silence = silence;
        qemu.watch = () => {
          expectSafe(host, qemu, JSON.stringify(silence));
        };
        await host.run("run");
        const where = `silence ${JSON.stringify(silence)}`;
        expect(qemu.silence, where).toBeUndefined();
        expect(expectWhole(host, qemu, oldConfig, where), where).toBe(side);
        expect(host.ended(), `${where}\n${host.journalText()}`).toBe(side === "new" ? "done" : "failed");
        expect(host.committing(), where).toBe(side === "new");
      }, { impatient: true });
    }, 5);
  });

  it("counts as begun where QEMU is silent for longer than it is waited for, and is ended by whoever hears from it", { tags: "long" }, async () => {
    const ways = (["deaf", "mute"] as const).flatMap((how) => [8_000, 45_000].map((milliseconds) => ({ how, milliseconds })));
    await inParallel(ways, async ({ how, milliseconds }) => {
      await inStub(shellOf(milliseconds), async (host, qemu, oldConfig) => {
        qemu.silence = { at: "job-finalize", how, nth: 1, milliseconds };
        await host.run("run");
        const where = `${how}, ${String(milliseconds)}`;
        expect(host.committing(), host.journalText()).toBe(true);
        expect(host.ended(), host.journalText()).toBe("stuck");
        expect(host.journalText()).toMatch(/QEMU did not answer in time|did not answer/);
        expectSafe(host, qemu, where);
        if (milliseconds > 10_000) {
          expect(host.journalText()).toContain("left: xvda1.mirror");
          qemu.speak();
          await host.run("recover");
        }
        expect(expectWhole(host, qemu, oldConfig, where), where).toBe("new");
      }, { impatient: true });
    }, 4);
  });

  it("that is on its volume is done, also where QEMU is silent when its job is to be forgotten, and that is told", { tags: "long" }, async () => {
    await inStub("dash", async (host, qemu) => {
      qemu.silence = { at: "job-dismiss", how: "mute", nth: 1, milliseconds: 4_000 };
      await host.run("run");
      expect(qemu.servesAll, host.journalText()).toEqual(volumes(host));
      expect([host.ended(), host.committing()], host.journalText()).toEqual(["done", true]);
      expect(host.journalText()).toContain("the job converge-xvda1 is over, and QEMU keeps it in its list: QEMU did not answer in time");
      expect([...qemu.jobs.keys()], "the other one was not even asked about").toEqual(["converge-xvda2"]);
      expect(host.journalText()).toContain("the job converge-xvda2 is over");
    }, { two: true, impatient: true });
  });

  it("that fails without a word is found out about: both configs name the image", { tags: "long" }, async () => {
    for (const milliseconds of [0, 8_000]) {
      await inStub("dash", async (host, qemu, oldConfig) => {
        qemu.failure = "finalize";
        qemu.silence = { at: "job-finalize", how: "mute", nth: 1, milliseconds };
        await host.run("run");
        const where = `silent for ${String(milliseconds)} ms`;
        expect(expectWhole(host, qemu, oldConfig, where), where).toBe("old");
        expect(host.journalText(), where).toContain("Input/output error");
        // taken back; or the commit was begun, as far as anybody knew
        expect(host.ended(), host.journalText()).toBe(milliseconds === 0 ? "failed" : "stuck");
        if (milliseconds > 0) expect(host.journalText()).toContain("xvda1 stays on its image, which both configs name again");
      }, { impatient: true });
    }
  });

  it("is recovered from at whatever call it is killed, with and without a reboot", { tags: "long" }, async () => {
    // with a comparison, which has all that goes without one as well
    const full = { full: true };
    const { calls, finalize } = await callsOf(full);
    const deaths = calls.flatMap((_, at) => [
      { number: at + 1, when: "kill-after", reboot: at % 2 === 0 } as const,
      { number: at + 1, when: "kill-before", reboot: at % 2 !== 0 } as const,
      // around the commit both
      ...(at + 1 >= finalize - 1 && at + 1 <= finalize + 1
        ? [{ number: at + 1, when: "kill-after", reboot: at % 2 !== 0 } as const, { number: at + 1, when: "kill-before", reboot: at % 2 === 0 } as const]
        : []),
    ]);
    expect(deaths.length).toBeGreaterThanOrEqual(faultsPromised("deaths-in-qemu"));
    await inParallel(deaths, async ({ number, when, reboot }) => {
      await inStub(shellOf(number), async (host, qemu, oldConfig) => {
        host.tell(when, String(number));
        await host.run("run");
        const where = `${when} ${String(number)}${reboot ? ", reboot" : ""}: ${host.calls()[number - 1] ?? ""}`;
        expect(host.ended(), where).toBeUndefined();
        expectSafe(host, qemu, where);
        if (reboot) {
          await qemu.stop();
          host.forget();
          await host.run("recover");
          // the mark is made right before the first job is finalised
          const committed = host.committing();
          const note = `${where}\n${host.journalText()}`;
          expect(committed, note).toBe(number >= finalize);
          expect(readFileSync(host.config, "utf8") === oldConfig, note).toBe(!committed);
          expect(host.guests().map(({ disk }) => disk), note).toEqual(committed ? ["/dev/vg0/web1-root"] : []);
          expect(host.leftovers(), note).toEqual([]);
        } else {
          await host.run("recover");
          expect(expectWhole(host, qemu, oldConfig, where), where).toBe(number >= finalize ? "new" : "old");
        }
        const made = host.calls().length;
        await host.run("recover");
        expect(host.calls().length, where).toBe(made);
        expect(existsSync(join(host.state, "violations")), where).toBe(false);
      }, full);
    });
  });
});

describe.concurrent("a mirror by QEMU of two disks", { tags: "long" }, () => {
  /** QEMU and both configs name one disk for each, and nothing of a mirror is left. */
  function expectAgreed(host: StubHost, qemu: FakeQemu, oldConfig: string, where: string): readonly ("image" | "volume")[] {
    const note = `${where}\n${host.journalText()}`;
    const on = qemu.servesAll.map((path) => (path.startsWith(`${host.root}/srv/`) ? "image" as const : "volume" as const));
    const images = [host.image, join(host.root, "srv/data.img")];
    const text = on.reduce((at, side, index) => (side === "volume" ? at.replace(images[index] ?? "", volumes(host)[index] ?? "") : at), oldConfig);
    expect(readFileSync(host.config, "utf8"), note).toBe(text);
    expect(statSync(host.config).mode & 0o777, note).toBe(0o640);
    expect(qemu.storedDisks, note).toEqual(qemu.servesAll);
    expect([...qemu.jobs], note).toEqual([]);
    expect([...qemu.nodes.keys()].filter((name) => name.startsWith("converge-")), note)
      .toEqual([...qemu.disks.values()].filter((name) => name.startsWith("converge-")));
    // of the guest's own two loops the stubs know of, one is counted
    expect(host.leftovers().filter((left) => !left.startsWith("loop ")), note).toEqual([]);
    expect(host.ended(), note).toBeDefined();
    return on;
  }

  it("ends with both on their volumes", async () => {
    await inStub("dash", async (host, qemu, oldConfig) => {
      const { stderr } = await host.run("run");
      expect(host.ended(), `${stderr}\n${host.journalText()}`).toBe("done");
      expect(expectAgreed(host, qemu, oldConfig, "at the end")).toEqual(["volume", "volume"]);
      const [first, last] = [
        qemu.heard.findIndex((words) => words.includes("job-complete")), qemu.heard.findLastIndex((words) => words.includes("job-finalize")),
      ];
      expect(qemu.heard.slice(first, last + 1), "the guest waits for each answer").toEqual([
        ["job-complete", "job-complete", "query-jobs"], ["job-finalize", "query-jobs"], ["job-finalize", "query-jobs"],
      ]);
    }, { two: true });
  });

  it.each([
    { failing: "converge-xvda1", on: ["image", "image"], ended: "failed" },
    { failing: "converge-xvda2", on: ["volume", "image"], ended: "stuck" },
    { failing: undefined, on: ["image", "image"], ended: "failed" },
  ])("of which $failing fails at last is told, and both configs name for each disk what it is on", async ({ failing, on, ended }) => {
    for (const [index, milliseconds] of [undefined, 0, 8_000].entries()) {
      await inStub(shellOf(index), async (host, qemu, oldConfig) => {
        qemu.failure = "finalize";
        qemu.failing = failing;
        if (milliseconds !== undefined) {
          qemu.silence = { at: "job-finalize", how: "mute", nth: failing === "converge-xvda2" ? 2 : 1, milliseconds };
        }
        await host.run("run");
        const where = `${failing ?? "both"}, ${String(milliseconds)}`;
        // one that was not heard of in time may still have gone over, and so the others go
        const late = milliseconds === 8_000 && failing === "converge-xvda1";
        expect(expectAgreed(host, qemu, oldConfig, where), `${where}\n${host.journalText()}`).toEqual(late ? ["image", "volume"] : on);
        expect(host.journalText(), where).toContain("Input/output error");
        expect(host.ended(), host.journalText()).toBe(milliseconds === 8_000 ? "stuck" : ended);
      }, { two: true, impatient: true });
    }
  });

  it("is not taken for something else by an answer that comes late, to what was asked before", async () => {
    await inStub("dash", async (host, qemu, oldConfig) => {
      // both are over, and QEMU has forgotten the first one's job by then: its disks are asked about
      qemu.watch = () => {
        if (qemu.jobs.size === 1) qemu.silence ??= { at: "qom-get", how: "late", nth: 2, milliseconds: 1_500 };
      };
      host.tell("kill-after", String(host.calls().length + (await dismissOf())));
      await host.run("run");
      expect([host.ended(), [...qemu.jobs.keys()]]).toEqual([undefined, ["converge-xvda2"]]);
      await host.run("recover");
      expect(qemu.silence, "it was late").toBeUndefined();
      expect(expectAgreed(host, qemu, oldConfig, "late")).toEqual(["volume", "volume"]);
      // what it was about is asked again, in another conversation: nothing failed that would have to be done again
      expect(journal(host).filter((event) => event.event === "undo" && event.id === "xvda1.mirror"), host.journalText()).toHaveLength(1);
    }, { two: true, impatient: true });
  });

  /** The number of the call by which QEMU forgets the first job. */
  async function dismissOf(): Promise<number> {
    let number = 0;
    await inStub("dash", async (host) => {
      await host.run("run");
      number = host.calls().findIndex((call) => call.startsWith("qmp job-dismiss")) + 1;
    }, { two: true });
    return number;
  }

  it("of which the second fails, killed at whatever call, is recovered from: each is named as it is", async () => {
    let calls: readonly string[] = [];
    await inStub("dash", async (host, qemu) => {
      qemu.failure = "finalize";
      qemu.failing = "converge-xvda2";
      await host.run("run");
      calls = host.calls();
    }, { two: true });
    const first = calls.findIndex((call) => call.startsWith("qmp job-finalize")) + 1;
    const deaths = calls.slice(first - 1).flatMap((_, at) => (["kill-before", "kill-after"] as const).map((when) => ({ number: first + at, when })));
    expect(deaths.length).toBeGreaterThan(8);
    await inParallel(deaths, async ({ number, when }) => {
      await inStub(shellOf(number), async (host, qemu, oldConfig) => {
        qemu.failure = "finalize";
        qemu.failing = "converge-xvda2";
        host.tell(when, String(number));
        await host.run("run");
        const where = `${when} ${String(number)}: ${calls[number - 1] ?? ""}`;
        await host.run("recover");
        expect(expectAgreed(host, qemu, oldConfig, where), where).toEqual(["volume", "image"]);
      }, { two: true });
    });
  });

  describe("of which the second fails, and whose config can not be made to name its image at once", () => {
    /** What is to become the config can not be written from when QEMU has said so, until it is given back. */
    function noRoom(host: StubHost, qemu: FakeQemu): () => void {
      qemu.failure = "finalize";
      qemu.failing = "converge-xvda2";
      const draft = join(host.config, `../.converge-${host.safe}.draft`);
      qemu.watch = () => {
        if (qemu.jobs.get("converge-xvda2")?.status === "concluded" && !existsSync(draft)) mkdirSync(draft);
      };
      return () => {
        qemu.watch = undefined;
        rmSync(draft, { recursive: true });
      };
    }

    it.each(shellsOf(1))("names it in what libxl has stored all the same, and in the config by whoever comes next, under %s", async (shell) => {
      await inStub(shell, async (host, qemu, oldConfig) => {
        const giveBack = noRoom(host, qemu);
        await host.run("run");
        expect(host.ended(), host.journalText()).toBe("stuck");
        expect(host.journalText()).toContain("left: xvda2.mirror");
        expect(host.journalText()).not.toContain("was changed by somebody else");
        expect(qemu.storedDisks, "the guest's own reboot").toEqual(qemu.servesAll);
        // by this the next run knows which of the copies the guest has not been on (facts/books.ts)
        expect(readFileSync(join(host.runDirectory, "pivot"), "utf8")).toMatch(/"stayed": \["converge-xvda2"\]\}$/);
        giveBack();
        await host.run("recover");
        expect(expectAgreed(host, qemu, oldConfig, "by the next one")).toEqual(["volume", "image"]);
        expect(existsSync(join(host.runDirectory, "unfinished")), host.journalText()).toBe(false);
      }, { two: true });
    });

    it("names it by whoever comes when the guest, and its QEMU, is gone", async () => {
      await inStub("dash", async (host, qemu, oldConfig) => {
        const giveBack = noRoom(host, qemu);
        await host.run("run");
        await qemu.stop();
        await host.command(["xl", "destroy", host.domain]);
        await host.run("recover");
        expect(existsSync(join(host.runDirectory, "unfinished")), "not yet").toBe(true);
        giveBack();
        await host.run("recover");
        expect(readFileSync(host.config, "utf8"), host.journalText()).toBe(oldConfig.replace(host.image, volume(host)));
        expect(host.journalText()).toContain("the config names again the images of the disks that had stayed there: xvda2");
        expect(existsSync(join(host.runDirectory, "unfinished")), host.journalText()).toBe(false);
      }, { two: true });
    });

    it.each([false, true])("since all is killed then, has it named by who looks after it: Dom0 was rebooted: %s", async (reboot) => {
      await inStub("busybox sh", async (host, qemu, oldConfig) => {
        qemu.failure = "finalize";
        qemu.failing = "converge-xvda2";
        await host.run("run");
        expect([host.ended(), host.committing()], host.journalText()).toEqual([undefined, true]);
        expect(qemu.servesAll).toEqual([volumes(host)[0], join(host.root, "srv/data.img")]);
        const program = join(host.runDirectory, "program.sh");
        writeFileSync(program, readFileSync(program, "utf8").replace(DIES, ""));
        if (reboot) {
          await qemu.stop();
          host.forget();
          new Xl(host).first('[ "$1" != create ] || cp -- "$3" "$CONVERGE_ROOT/built.cfg"');
        }
        await host.run("recover");
        if (!reboot) expect(expectAgreed(host, qemu, oldConfig, "recovered")).toEqual(["volume", "image"]);
        else expect(readFileSync(join(host.root, "built.cfg"), "utf8"), host.journalText()).toBe(oldConfig.replace(host.image, volume(host)));
      }, { two: true, diesAt: "text = text_of(notes, stayed)" });
    });
  });

  it("of which the second fails leaves a config alone that somebody has changed meanwhile, and says so", async () => {
    await inStub("dash", async (host, qemu) => {
      qemu.failure = "finalize";
      qemu.failing = "converge-xvda2";
      qemu.watch = () => {
        if (qemu.jobs.get("converge-xvda2")?.status === "concluded") writeFileSync(host.config, "name = web1\n");
      };
      await host.run("run");
      expect(readFileSync(host.config, "utf8")).toBe("name = web1\n");
      expect(host.ended()).toBe("stuck");
      expect(host.journalText()).toContain("was changed by somebody else meanwhile");
      expect(host.journalText()).toContain("left: xvda2.mirror");
    }, { two: true });
  });
});
