import { afterAll, beforeAll, expect, test } from "vitest";
import { Lab } from "../lab.js";
import { acks, checkRecords, firstSinceStart, startGuest, stopGuest, waitForConsole } from "../lab-guests.js";
import { Converge, onVolumes } from "./converge.js";
import { attached, cutPower, expectNothingLeft, expectWholeFilesystem, newestRun, waitForEvent } from "./on-host.js";
import { everything, inPart } from "./parts.js";

/**
 * The power of Dom0 goes at random instants of a move, and of the way back. LAB_SEED repeats what was drawn, LAB_CUTS says
 * how often. After each cut the guest is up without a human, and goes on behind the last record that it was told is safe.
 */

const CUTS = Number(process.env["LAB_CUTS"] ?? (everything ? 24 : 1));
const SEED = Number(process.env["LAB_SEED"] ?? Date.now() % 1_000_000);

/** Small numbers from a seed (mulberry32): from 0 up to 1. */
function drawing(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

let lab: Lab;
let converge: Converge;

const IMAGE = "/srv/xen/web1/disk.img";
const VOLUME = "/dev/vg0/web1-xvda1";
const RSYNC = { strategy: "rsync" } as const;
const QEMU = { strategy: "qemu" } as const;
interface Way {
  /** A little more than it takes in the lab: some cuts come after its end. */
  readonly seconds: number;
  readonly move: NonNullable<Parameters<typeof onVolumes>[2]>;
}

/** The sampled suite has the quick ones. */
const WAYS: readonly Way[] = ([
  { seconds: 75, move: RSYNC }, { seconds: 75, move: { strategy: "dm", switch: "suspend" } }, { seconds: 75, move: { strategy: "dm", switch: "restart" } },
  { seconds: 100, move: { strategy: "dm", switch: "migrate" } },
  { seconds: 75, move: { strategy: "md", switch: "suspend" } }, { seconds: 120, move: { strategy: "md-preseed", switch: "suspend" } },
  { seconds: 100, move: { strategy: "drbd", switch: "suspend" } }, { seconds: 100, move: { strategy: "drbd", switch: "restart", finish: "now" } },
] as const).filter(({ seconds }) => everything || seconds < 100);
/** Of a guest whose disk QEMU serves. */
const SERVED: readonly Way[] = [{ seconds: 75, move: QEMU }];

async function reconnect(): Promise<void> {
  converge = await Converge.at(lab);
}

beforeAll(async () => {
  // with shadow paging: it can migrate a PV guest
  lab = await Lab.up({ name: "suite-power", hypervisor: "main" });
  await lab.run("rm -f /etc/xen/auto/*; ln -s ../web1.cfg /etc/xen/auto/");
  // xenconsoled names a log after the name that a domain has at first: to be one log
  await lab.run("ln -sf guest-web1.log /var/log/xen/console/guest-web1--incoming.log");
  await reconnect();
  // without holes: DRBD and md take no others
  await lab.run(`fallocate --length "$(stat -c %s ${IMAGE})" ${IMAGE}`);
  await startGuest(lab, "web1");
  await waitForConsole(lab, "web1", "\\] ack 5$");
});

afterAll(async () => {
  await converge.remove();
  await lab.down();
});

/** What its disk lies on. Of one that QEMU serves xenstore has the driver before it. Right after a start, that is what is so. */
async function place(): Promise<string | undefined> {
  return (await attached(lab, "web1"))["xvda1"]?.replace(/^[a-z]+:/, "");
}

async function cuts(count: number, ways: readonly Way[], draw: () => number): Promise<void> {
  for (let cut = 1; cut <= count; cut += 1) {
    const { move, seconds: span } = ways[Math.floor(draw() * ways.length)] ?? { move: RSYNC, seconds: 75 };
    const seconds = draw() * span;
    await backForGood();
    const isBack = await place() !== IMAGE;
    const what = isBack ? "rollback --carry-back" : `${String(move["strategy"])} ${"switch" in move ? String(move["switch"]) : ""}`;
    const where = `cut ${String(cut)}, ${seconds.toFixed(1)} s into ${what} (LAB_SEED=${String(SEED)})`;
    console.log(where);
    await converge.playbook("web1.yml", onVolumes("web1", { xvda1: {} }, move));
    const run = isBack
      ? converge.start("rollback", "-i", "lab.yml", "dom0", "web1", "--carry-back", "--yes")
      : converge.start("-i", "lab.yml", "web1.yml", "--yes");
    // the instant itself is what is drawn: nothing is waited for
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const { highest } = await acks(lab, "web1");
    // one that was refused, or has failed by itself, is no move that a cut could come into
    if (run.exitCode !== null) expect(run.exitCode, (await run).all).toBe(0);
    await cutPower(lab, run);
    await reconnect();
    await lab.run("until xl domid web1; do sleep 0.5; done", { timeoutSeconds: 300 });
    await waitForConsole(lab, "web1", `\\] ack ${String(highest + 5)}$`);
    expect(await firstSinceStart(lab, "web1"), `${where}: it goes on behind what it was told is safe`).toBeGreaterThan(highest);
    expect([IMAGE, VOLUME, "/dev/mapper/converge-web1-xvda1", "/dev/md/converge-web1-xvda1", "/dev/drbd/converge-web1-xvda1"], where).toContain(await place());
    await expectNothingLeft(lab, ["web1"]);
  }
}

/** Of a guest on its image: QEMU serves it from here on, and again after each way back. */
async function servedByQemu(): Promise<void> {
  const { highest } = await acks(lab, "web1");
  await stopGuest(lab, "web1");
  await lab.run(["sed", "-i", `s#'[^']*${IMAGE}[^']*'#'${IMAGE},raw,xvda1,w,backendtype=qdisk'#`, "/etc/xen/web1.cfg"]);
  await startGuest(lab, "web1");
  await waitForConsole(lab, "web1", `\\] ack ${String(highest + 5)}$`);
}

/** It runs on its image, which it may have been on. */
async function forImage(): Promise<void> {
  if (await place() === IMAGE) return;
  const back = await converge.run("rollback", "-i", "lab.yml", "dom0", "web1", "--carry-back", "--yes");
  expect(back.exitCode, back.all).toBe(0);
}

/** A way back that was cut short after its commit has its own command to finish it, as the playbook says that would be refused. */
async function backForGood(): Promise<void> {
  if (await place() !== IMAGE) return;
  const back = await converge.run("rollback", "-i", "lab.yml", "dom0", "web1", "--carry-back", "--yes");
  expect(back.exitCode, back.all).toBe(0);
}

/** Moves it for good, or finds that done, and looks into what it has written. It is down afterwards. */
async function finish(move: Way["move"]): Promise<void> {
  await backForGood();
  await converge.playbook("web1.yml", onVolumes("web1", { xvda1: {} }, move));
  const last = await converge.run("-i", "lab.yml", "web1.yml", "--yes");
  expect(last.exitCode, last.all).toBe(0);
  await converge.expectNothingToDo("web1.yml");
  await expectNothingLeft(lab, ["web1"]);
  const { highest } = await acks(lab, "web1");
  await stopGuest(lab, "web1");
  await expectWholeFilesystem(lab, VOLUME);
  expect(await checkRecords(lab, VOLUME, "web1", highest)).toMatch(/^ok/);
}

test.runIf(inPart("base"))(`${String(CUTS)} times the power of Dom0 goes at a random instant (LAB_SEED=${String(SEED)})`, { timeout: (CUTS + 2) * 900_000 }, async () => {
  await cuts(CUTS, WAYS, drawing(SEED));
  await finish(RSYNC);
});

test.runIf(everything)("the power goes just as a run comes: it is in nobody's way, and is ended by the next one", { timeout: 1_200_000 }, async () => {
  // the test before leaves it down
  if ((await lab.run("xl domid web1", { mayFail: true })).exitCode !== 0) await startGuest(lab, "web1");
  await converge.playbook("web1.yml", onVolumes("web1", { xvda1: {} }, RSYNC));
  await forImage();
  const run = converge.start("-i", "lab.yml", "web1.yml", "--yes");
  // its first step takes longer than to find it
  await lab.run("until pid=$(pgrep -f '/program.sh run$'); do :; done; kill -STOP $pid", { timeoutSeconds: 300 });
  const { highest } = await acks(lab, "web1");
  await cutPower(lab, run);
  await reconnect();
  await waitForConsole(lab, "web1", `\\] ack ${String(highest + 5)}$`);
  const { stdout: begun } = await lab.run("cd /var/lib/converge/domains/web1/current; cat started 2>/dev/null; ls");
  expect(begun, "nothing but its boot unit").not.toMatch(/^(ended|[02-9]|1.+)$/m);
  await backForGood();
  await finish(RSYNC);
});

test.runIf(everything)("the power goes while LVM takes the snapshot: nothing is left of it, half made as it is", { timeout: 1_200_000 }, async () => {
  if ((await lab.run("xl domid web1", { mayFail: true })).exitCode !== 0) await startGuest(lab, "web1");
  await converge.playbook("web1.yml", onVolumes("web1", { xvda1: {} }, RSYNC));
  await forImage();
  const before = await newestRun(lab, "web1");
  const run = converge.start("-i", "lab.yml", "web1.yml", "--yes");
  await waitForEvent(lab, "web1", before, '"event":"step".*create-snapshot');
  const { highest } = await acks(lab, "web1");
  await cutPower(lab, run);
  await reconnect();
  await waitForConsole(lab, "web1", `\\] ack ${String(highest + 5)}$`);
  await expectNothingLeft(lab, ["web1"]);
  await finish(RSYNC);
});

const SERVED_CUTS = Math.ceil(CUTS / 3);

test.runIf(everything)(`${String(SERVED_CUTS)} times it goes where QEMU serves the guest's disk (LAB_SEED=${String(SEED)})`, { timeout: (SERVED_CUTS + 2) * 900_000 }, async () => {
  await startGuest(lab, "web1");
  await forImage();
  await servedByQemu();
  await cuts(SERVED_CUTS, SERVED, drawing(SEED));
  await finish(QEMU);
});
