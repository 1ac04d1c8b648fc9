import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stepsOf } from "../../src/core/model/plan.js";
import type { PlanNode } from "../../src/core/model/plan.js";
import type { Step } from "../../src/core/model/step.js";
import type { CreateClone } from "../../src/core/steps/clone.js";
import type { StartMirror } from "../../src/core/steps/mirror.js";
import type { ZeroVolume } from "../../src/core/steps/zero-volume.js";
import type { Scene } from "./generated.js";
import { plansOf, walkCuts, walkThrough } from "./walk.js";
import { scenesOf, WAYS } from "./ways.js";
import type { Way } from "./ways.js";
import { livingGuests, seeded } from "./world.js";

/** A law that nothing can break shows nothing: so plans are spoilt here, step by step, and the laws have to notice. */

/** `npm run laws`: all of it. */
const LONG = process.env["LAWS_TIMES"] !== undefined;

type Mutation = (nodes: readonly PlanNode[]) => readonly PlanNode[];

const steps = (nodes: readonly PlanNode[], change: (steps: readonly Step[]) => readonly Step[]): readonly PlanNode[] => {
  // a repeat is opened: what is spoilt is the order of steps
  const flat = nodes.flatMap((node) => (node.node === "step" ? [node] : Array.from({ length: node.min }, () => node.body).flat()));
  return change(flat);
};

const without = (kind: string): Mutation => (nodes) => steps(nodes, (all) => all.filter((step) => step.kind !== kind));

/** The first of one kind, put right before the first of another. */
const before = (kind: string, place: string): Mutation => (nodes) => steps(nodes, (all) => {
  const moved = all.filter((step) => step.kind === kind);
  const others = all.filter((step) => step.kind !== kind);
  const at = others.findIndex((step) => step.kind === place);
  return [...others.slice(0, at), ...moved, ...others.slice(at)];
});

const onTheCopies: Mutation = (nodes) => nodes.map((node) => {
  if (node.node !== "step" || node.kind !== "create-clone") return node;
  const args = node.args as CreateClone;
  return { ...node, args: { ...args, disks: args.disks.map(({ vdev, target }) => ({ vdev, target: target.replace(/converge-rehearsal-/, "") })) } };
});

/** A plain array instead of one with a bitmap. */
const untracked: Mutation = (nodes) => nodes.map((node) => (node.node === "step" && node.kind === "track-array" ? { ...node, kind: "create-array" } : node));

/** What is zeroed is taken for what a copy of all blocks leaves to do. */
const tailOnly: Mutation = (nodes) => nodes.map((node) =>
  (node.node === "step" && node.kind === "zero-volume" ? { ...node, args: { ...(node.args as ZeroVolume), copied: (node.args as ZeroVolume).bytes } } : node));

/** The step that begins the mirror does not say that it goes by marks. */
const unmarked: Mutation = (nodes) => nodes.map((node) => {
  if (node.node !== "step" || node.kind !== "start-mirror") return node;
  const { log: _marks, ...args } = node.args as StartMirror;
  return { ...node, args };
});

/** What the laws say of a spoilt plan, over some hosts; undefined where they notice nothing. */
function noticed(wayName: string, mutate: Mutation, contents?: Way["contents"]): string | undefined {
  const way = WAYS.find(({ name }) => name === wayName);
  if (way === undefined) throw new Error(`there is no way ${wayName}`);
  const scenes = fc.sample(scenesOf([{ ...way, running: way.running ?? true, contents: contents ?? way.contents.filter((kind) => kind !== "swap") }], 1), { numRuns: 60, seed: 7 });
  const starts = (scene: Scene, autostart: boolean): boolean =>
    Object.values(scene.state.domains).every((domain) => domain.autostart === autostart);
  // one of each, for who starts a guest at boot is half of the matter; and images that go, which is the most at stake
  for (const scene of [true, false].flatMap((autostart) => scenes.find((one) => starts(one, autostart) && one.wishes.every(({ move }) => move.source === "delete")) ?? [])) {
    const found = complaint(scene, mutate);
    if (found !== undefined) return found;
  }
  return undefined;
}

function complaint(scene: Scene, mutate: Mutation): string | undefined {
  const rounds = (min: number): readonly number[] => [min];
  const tries = [
    () => walkThrough(scene, { mutate }),
    () => { walkCuts(scene, { mutate, rounds }); },
    ...[1, 2].map((seed) => () => { walkCuts(scene, { mutate, rounds, endings: ["killed", "orderly reboot"], guests: livingGuests(seeded(seed), 0.15), mayRefuse: true }); }),
  ];
  for (const attempt of tries) {
    try {
      attempt();
    } catch (error) {
      return (error as Error).message;
    }
  }
  return undefined;
}

describe("a plan that is spoilt is noticed", () => {
  test.each([
    { what: "files that were fresh are trusted", way: "rsync", mutate: without("distrust-fresh"), by: /looks newer than it is/ },
    { what: "the last pass is left out", way: "rsync", mutate: without("copy-files"), by: /half a copy|lacks writes/ },
    { what: "the config is edited before the last pass", way: "rsync", mutate: before("edit-config", "shut-down"), by: /lacks writes|half a copy/ },
    { what: "the guest is not created anew", way: "rsync", mutate: without("create-paused"), by: /is down|in its way/ },
    { what: "the guest is left paused", way: "rsync", mutate: without("unpause"), by: /is down/ },
    { what: "no boot unit is installed", way: "rsync", mutate: without("install-boot-unit"), by: /(power cut|cut off).*is down/ },
    { what: "the boot unit stays", way: "rsync", mutate: without("remove-boot-unit"), by: /left boot unit/ },
    { what: "a snapshot stays", way: "rsync", mutate: without("remove-snapshot"), by: /left .*snapshot|in its way/ },
    { what: "mounts stay", way: "rsync", mutate: without("unmount"), by: /left .*mount|in its way/ },
    { what: "the clone stays", way: "rsync, rehearsed", mutate: without("destroy-clone"), by: /left clone|taken away/ },
    { what: "the clone's snapshots are taken away under it", way: "rsync, rehearsed", mutate: before("remove-snapshot", "await-clone"), by: /taken away|in its way/ },
    { what: "the clone has no snapshots", way: "rsync, rehearsed", mutate: without("snapshot-copy"), by: /taken away/ },
    { what: "the clone has the copies themselves", way: "rsync, rehearsed", mutate: onTheCopies, by: /writes to|half a copy|looks newer/ },
    { what: "the clone's config stays", way: "rsync, rehearsed", mutate: without("remove-config"), by: /left .*rehearsal.cfg/ },
    { what: "loops stay", way: "rsync", mutate: without("detach-loop"), by: /left .*loop|in its way/ },
    { what: "the volume is not marked as the guest's disk", way: "rsync", mutate: without("settle-volume"), by: /left to do/ },
    { what: "an image is deleted before the commit", way: "rsync", mutate: before("delete-image", "shut-down"), by: /is not there|gone/ },
    { what: "the config is edited before the mirror is in sync", way: "dm, suspend", mutate: before("edit-config", "sync-mirror"), by: /half a copy|lacks writes/ },
    { what: "the mapping is switched before the config", way: "dm, suspend", mutate: before("switch-mapping", "edit-config"), by: /lacks writes/ },
    { what: "the mirror is not waited for", way: "dm, restart", mutate: without("sync-mirror"), by: /half a copy|lacks writes/ },
    { what: "a mirror stays", way: "dm, restart", mutate: without("switch-mapping"), by: /mirror/ },
    { what: "the guest stays paused after its disks were compared", way: "dm, compared in full", mutate: without("release-disks"), by: /is down/ },
    { what: "a guest that has rebooted by itself has no boot unit", way: "dm, next-reboot", mutate: without("install-boot-unit"), by: /not there at boot/ },
    { what: "a guest is not made ready for its own reboot", way: "dm, next-reboot", mutate: without("update-stored"), by: /left .*mapping/ },
    { what: "a config made for one command stays", way: "dm, suspend", mutate: without("remove-config"), by: /left .*file/ },
    { what: "the config is edited before the array is in sync", way: "md, suspend", mutate: before("edit-config", "complete-array"), by: /half a copy|lacks writes/ },
    { what: "the image is taken out before the config is edited", way: "md, suspend", mutate: before("cut-array", "edit-config"), by: /lacks writes/ },
    { what: "the array gets no second member", way: "md, restart", mutate: without("grow-array"), by: /in its way|half a copy|lacks writes/ },
    { what: "the image stays in the array", way: "md, restart", mutate: without("cut-array"), by: /mirror/ },
    { what: "blocks are copied before the bitmap is there", way: "md-preseed, suspend", mutate: before("preseed", "track-array"), by: /looks newer|lacks writes|half a copy/ },
    { what: "blocks are copied before the guest is on the array", way: "md-preseed, suspend", mutate: before("preseed", "save-guest"), by: /looks newer|lacks writes|half a copy/ },
    { what: "the array has no bitmap", way: "md-preseed, suspend", mutate: untracked, by: /looks newer|lacks writes|half a copy/ },
    { what: "no blocks are copied beforehand", way: "md-preseed, restart", mutate: without("preseed"), by: /looks newer|lacks writes|half a copy/ },
    { what: "blocks are copied once both are members", way: "md-preseed, restart", mutate: before("re-add-array", "preseed"), by: /looks newer|lacks writes|half a copy/ },
    { what: "the config is edited before what changed is mirrored", way: "md-preseed, suspend", mutate: before("edit-config", "complete-changes"), by: /half a copy|lacks writes/ },
    { what: "the image is taken out before the config is edited, preseeded", way: "md-preseed, suspend", mutate: before("cut-array", "edit-config"), by: /lacks writes/ },
    { what: "the config is edited before the resources are in sync", way: "drbd, suspend", mutate: before("edit-config", "complete-resource"), by: /half a copy|lacks writes/ },
    { what: "DRBD's image is taken off before the config is edited", way: "drbd, suspend", mutate: before("cut-resource", "edit-config"), by: /lacks writes/ },
    { what: "the resource gets no second one", way: "drbd, restart", mutate: without("connect-resource"), by: /in its way|half a copy|lacks writes/ },
    { what: "the image stays below the resource", way: "drbd, restart", mutate: without("cut-resource"), by: /mirror/ },
    { what: "a resource stays that nobody has any more", way: "drbd, suspended twice", mutate: without("retire-resource"), by: /left .*mapping/ },
    { what: "an array stays that nobody has any more", way: "md, suspended twice", mutate: without("retire-array"), by: /left .*mapping/ },
    { what: "the guest stays on the array that it is to leave", way: "md, suspended twice", mutate: without("restore-paused"), by: /is down|in its way/ },
    { what: "nothing is zeroed before files are copied", way: "rsync", mutate: without("zero-volume"), by: /shows what others have left/ },
    { what: "only the tail is zeroed before files are copied", way: "rsync", mutate: tailOnly, by: /shows what others have left/ },
    ...["dm, suspend", "md, suspend", "md-preseed, suspend", "drbd, suspend", "qemu"].map((way) => (
      { what: "what lies behind the image is not zeroed", way, mutate: without("zero-volume"), by: /shows what others have left/ })),
    // these are found late, after many cuts
    ...(LONG ? [
      { what: "xl keeps the old disks stored", way: "dm, suspend", mutate: without("update-stored"), by: /lacks writes|not there|left/ },
      { what: "no mapping is there at boot", way: "dm, suspend", mutate: without("install-boot-unit"), by: /is down|not there at boot/ },
      { what: "a loop is detached below a mirror", way: "dm, suspend", mutate: without("retire-mapping"), by: /left|still there/ },
    ] : []),
  ])("$what ($way)", ({ way, mutate, by }) => {
    expect(noticed(way, mutate)).toMatch(by);
  });

  // marks there are for few contents
  test.each([
    { what: "nothing is zeroed", mutate: without("zero-volume"), by: /start-mirror finds something in its way/ },
    { what: "only the tail is zeroed", mutate: tailOnly, by: /start-mirror finds something in its way/ },
    { what: "only the tail is zeroed, and the mirror does not say", mutate: (nodes: readonly PlanNode[]) => unmarked(tailOnly(nodes)), by: /shows what others have left/ },
  ])("$what before a mirror copies what is in use", ({ mutate, by }) => {
    expect(noticed("dm, restart", mutate, ["ext4"])).toMatch(by);
  });
});

/**
 * Kinds whose loss the model can not see, each with what shows it instead. Whoever adds a kind of step either teaches
 * the laws to miss it, or says here why not.
 */
const UNSEEN: Readonly<Record<string, string>> = {
  "check-filesystem": "the model's copies are whole; the lab checks the real ones with e2fsck -f -n",
  "wait-ready": "looks only, after the commit",
  "tidy": "empty directories are no part of the model; test/program looks for them",
  "mount-memory": "the model's files need no mount; without it libxl fails to save, and the guest runs on",
  "try-bitmap": "the model's md goes by its bitmap; test/program has stubs that do not, and the lab has the real one",
  "sync-changes": "waits only: what is not copied by then is when the array is completed",
  "hold-disks": "the model's steps are done at once; test/program has a stub that tells of a comparison of disks that are in use",
  "compare-legs": "the model's mirrors are as they say; test/program compares real blocks",
  "write-config": "the model's guests are built from the step's own words",
};

test.runIf(LONG)("every kind of step of every way is missed when it is gone, but for those that say why", { timeout: 3_600_000 }, () => {
  const ways = new Map<string, Set<string>>();
  for (const way of WAYS) {
    for (const scene of fc.sample(scenesOf([way], 1), { numRuns: 6, seed: 11 })) {
      for (const plan of plansOf(scene)) for (const { kind } of stepsOf(plan.nodes)) ways.set(kind, (ways.get(kind) ?? new Set()).add(way.name));
    }
  }
  const looked = [...ways].filter(([kind]) => UNSEEN[kind] === undefined);
  // one way that needs it is enough: another may do without what it does there
  expect(looked.flatMap(([kind, having]) => ([...having].some((way) => noticed(way, without(kind)) !== undefined) ? [] : [kind]))).toEqual([]);
});
