import type { FinishReturn, ReturnChange, ReturnDisk } from "../model/change.js";
import type { ReadyCheck } from "../model/desired.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { isOf, nameOfPath } from "../model/mapping.js";
import { safeName, unzeroedOf, volumePath } from "../model/names.js";
import type { PlanNode } from "../model/plan.js";
import type { Step } from "../model/step.js";
import { attachLoop, detachLoop } from "../steps/attach-loop.js";
import { removeBootUnit } from "../steps/boot-unit.js";
import { markCarried, markCarrying } from "../steps/carry-marks.js";
import { checkImage } from "../steps/check-image.js";
import { commitOffline } from "../steps/commit-offline.js";
import { compareBlocks, copyBlocks } from "../steps/copy-blocks.js";
import { copyFiles } from "../steps/copy-files.js";
import { draftStep } from "../steps/draft-config.js";
import { editConfig } from "../steps/edit-config.js";
import type { EditConfig } from "../steps/edit-config.js";
import { removeVolume, settleFormer } from "../steps/former-volume.js";
import { guard } from "../steps/guard.js";
import { mountVolume, unmount } from "../steps/mount-volume.js";
import { restoreImage } from "../steps/settle-source.js";
import { settleVolume } from "../steps/settle-volume.js";
import { shutDown } from "../steps/shut-down.js";
import { compareAttached, createPaused, unpause, waitReady } from "../steps/start-guest.js";
import { stepOf } from "../steps/step-of.js";
import { retireStep } from "../strategies/retire.js";
import { tidy } from "../steps/tidy.js";
import { bootUnitStep, diskPaths, isAttachable, readyOf, shutDownOf } from "./restart.js";

/** A guest that goes back to its images. */
export interface DomainReturn {
  readonly domain: Domain;
  readonly returns: readonly ReturnDisk[];
  readonly finishes: readonly FinishReturn[];
  /** Unset where only volumes are left to settle. */
  readonly edit?: EditConfig;
  readonly ready?: ReadyCheck;
  readonly shutdownTimeoutSeconds?: number;
  readonly destroy?: boolean;
}

/** One restart, with everything that is carried carried while the guest is down: nothing else can write then. */
export function returnSteps(move: DomainReturn, state: HostState): readonly PlanNode[] {
  const { domain, returns, finishes, edit } = move;
  const name = domain.name;
  const running = domain.running !== undefined;
  const end = stepOf(tidy, "finish", "tidy", { domain: name }, "nothing of the run stays");
  const settled = [...returns, ...finishes].map((change) => settle(name, change));
  const freed = idleOn(move, state).map((idle) => retireStep("prepare", `free-${lastOf(idle)}`, idle, "nobody has it, and it holds the volume, which is needed itself"));
  if (edit === undefined) return [...freed, guardStep(move, state, "guard"), ...settled, end];
  return [
    ...(running ? [bootUnitStep(domain)] : []),
    ...freed,
    ...returns.flatMap((change) => prepare(name, change)),
    guardStep(move, state, "guard"),
    ...(running ? takeDown(move, edit) : []),
    ...returns.flatMap((change) => carry(move, change)),
    ...(running ? [] : [guardStep(move, state, "guard-again")]),
    // as in a move of one that is down: an undo could take the config back from under what is planned from it, or from
    // under a guest that has run on its image
    ...(running ? [] : [stepOf(commitOffline, "switch", "commit", { domain: name }, "nothing is undone after this")]),
    stepOf(
      editConfig, "switch", "edit-config", { ...edit, ...(running ? { standing: "at-rest" } : {}) },
      "whatever starts the guest next uses its images",
    ),
    ...(running ? bringUp(move, edit) : []),
    ...settled,
    ...(running ? [stepOf(removeBootUnit, "finish", "remove-boot-unit", { domain: name }, "the switch is over")] : []),
    end,
  ];
}

function prepare(domain: string, { vdev, volume, retired, path }: ReturnDisk): readonly Step[] {
  const id = safeName(vdev);
  const bytes = unzeroedOf(volume.tags);
  const unzeroed = bytes === undefined ? {} : { unzeroed: bytes };
  return [
    // a move that went through and was not settled: only a disk can become a former one
    ...(volume.tags.includes("converge.role=disk")
      ? []
      : [stepOf(settleVolume, "prepare", `${id}.settle-volume`, { volume: volume.name, domain, vdev, ...unzeroed }, "the move before is finished first")]),
    ...(retired === undefined
      ? []
      : [stepOf(restoreImage, "prepare", `${id}.restore-image`, { retired: retired.at, path: retired.path, known: path }, "the config will name it again")]),
  ];
}

function guardStep({ domain, returns, finishes }: DomainReturn, state: HostState, id: string): Step {
  const { config, running } = domain;
  if (config === undefined) throw new Error(`${domain.name} has no config, and goes back`);
  return stepOf(
    guard, "switch", id,
    {
      domain: domain.name, bootId: state.host.bootId,
      ...(running === undefined ? {} : { running: { domid: running.domid, uuid: running.uuid } }),
      config: { path: config.path, sha256: config.sha256 },
      // a carry by blocks changes the size
      images: id === "guard" ? returns.map(({ image, path }) => ({ path, inode: image.inode, bytes: image.bytes, devno: image.devno })) : [],
      // what it has left it must not have gone back to; on one that is not active nobody is
      volumes: finishes.flatMap(({ volume }) => (volume.active ? [{ volume: volume.name }] : [])),
      ...(running === undefined || returns.length === 0 ? {} : { builds: true }),
    },
    "somebody may have changed something meanwhile",
  );
}

function takeDown(back: DomainReturn, edit: EditConfig): readonly Step[] {
  const { domain } = back;
  // a mirror's move left the guest on them: its config names the volumes already, and they are needed themselves now
  const letGo = (id: string): readonly Step[] => mappingsOf(domain).map((name) =>
    retireStep("switch", `${id}-${lastOf(name)}`, name, "the volume itself is needed, and a device of converge's holds it"));
  return [
    draftStep(edit),
    ...letGo("let-go"),
    stepOf(shutDown, "switch", "shut-down", shutDownOf(domain, edit.path, back), "it is taken off its volume"),
    ...letGo("see-gone"),
  ];
}

/** Names of converge's own that a guest still sits on since it was mirrored. */
function mappingsOf({ running }: Domain): readonly string[] {
  const paths = running?.attached.map((disk) => disk.params) ?? [];
  return paths.map(nameOfPath).filter((name) => /^((md|drbd)\/)?converge-/.test(name));
}

/**
 * What an earlier move's mirror has left on these volumes, and the guest does not sit on any more: one that was made again at a boot of
 * Dom0 stays where its guest was shut down since, and started from its config. Nothing can be mounted from below it, or removed.
 */
function idleOn({ domain, returns, finishes }: DomainReturn, { mappings = [] }: HostState): readonly string[] {
  const sat = mappingsOf(domain);
  const volumes: readonly string[] = [...returns, ...finishes].map(({ volume }) => volume.name);
  return mappings
    .filter(({ name, table, deferred }) => deferred !== true && table.kind === "linear" && volumes.includes(table.on) && isOf(domain, name) && !sat.includes(name))
    .map(({ name }) => name);
}

function lastOf(name: string): string {
  return name.replace(/^.*\//, "");
}

/** While the guest is down: what its image lacks. */
function carry({ domain: { name: domain, running } }: DomainReturn, change: ReturnDisk): readonly Step[] {
  const { vdev, volume, image, path, retired, halfCarried } = change;
  const id = (what: string): string => `${safeName(vdev)}.${what}`;
  if (change.carry === "nothing" || change.carry === "swap") return [];
  const real = retired?.path ?? image.realPath;
  const marks = { volume: volume.name, image: path };
  const begun = stepOf(markCarrying, "switch", id("mark-carrying"), marks, "a half-written image must not pass for a disk");
  const done = stepOf(markCarried, "switch", id("mark-carried"), marks, "from here on both hold every write");
  if (change.carry === "blocks") {
    const blocks = { volume: volume.name, path: real, image: path };
    return [
      begun,
      stepOf(copyBlocks, "switch", id("carry"), blocks, "what was written since the move goes along"),
      stepOf(compareBlocks, "switch", id("compare"), blocks, "an image that differs is not switched to"),
      done,
    ];
  }
  const { content } = image;
  if (content.type !== "ext2" && content.type !== "ext3" && content.type !== "ext4" && content.type !== "xfs") {
    throw new Error(`files can not be carried to ${content.type}`);
  }
  const paths = diskPaths(domain, vdev);
  const xfs = content.type === "xfs" ? ["nouuid"] : [];
  const mount = (name: string, source: string, target: string, options: readonly string[], why: string): Step =>
    stepOf(mountVolume, "switch", id(name), { source, target, type: content.type, options: [...options, ...xfs] }, why);
  return [
    begun,
    stepOf(attachLoop, "switch", id("attach-image"), { link: paths.link, file: real }, "the image, to be written to"),
    mount("mount-image", paths.link, paths.target, ["noatime"], "it gets what the volume has"),
    mount("mount-volume", volumePath(volume.name), paths.source, ["ro"], "only read"),
    stepOf(
      copyFiles, "switch", id("carry"),
      {
        name: safeName(vdev), source: paths.source, target: paths.target, from: volume.name, to: path, role: "first",
        // where an earlier carry was cut off, a file's times can be there before its data; and where nobody has seen the guest go down,
        // its last data may be there under the times of before
        compare: halfCarried || running === undefined ? "checksum" : "times", throttle: {},
        ...(running === undefined ? {} : { takenDown: domain }),
      },
      "what was written since the move goes along",
    ),
    stepOf(unmount, "switch", id("unmount-volume"), { target: paths.source }, "the volume is released"),
    stepOf(unmount, "switch", id("unmount-image"), { target: paths.target }, "all of it is written out"),
    stepOf(detachLoop, "switch", id("detach-image"), { link: paths.link }, "the image is released"),
    stepOf(checkImage, "switch", id("check"), { path: real, type: content.type }, "an image that is not clean is not switched to"),
    done,
  ];
}

function bringUp({ domain, ready }: DomainReturn, edit: EditConfig): readonly Step[] {
  const name = domain.name;
  return [
    stepOf(createPaused, "switch", "create-paused", { domain: name, config: edit.path }, "built, and not yet running"),
    stepOf(
      compareAttached, "switch", "compare-attached",
      { domain: name, disks: edit.disks.filter(isAttachable).map(({ vdev, target }) => ({ vdev, target })) },
      "what is attached has to be what was planned",
    ),
    stepOf(unpause, "switch", "unpause", { domain: name }, "the commit: it is back on its images"),
    stepOf(waitReady, "switch", "wait-ready", { domain: name, ready: readyOf(ready === undefined ? {} : { ready }, domain) }, "the downtime ends when it is up"),
  ];
}

function settle(domain: string, change: ReturnChange): Step {
  const { vdev, volume, removeVolume: remove } = change;
  // with no writes that count, or with all of them on the image too
  const alone = change.change === "finish-return" ? !change.carried : change.carry === "nothing";
  const args = { volume: volume.name, domain, vdev };
  if (change.change === "finish-return" && change.older === true) {
    return stepOf(
      settleFormer, "settle", `${safeName(vdev)}.${safeName(volume.name)}.settle-former`, { ...args, alone },
      "an earlier move left it marked as the guest's disk; it is kept",
    );
  }
  return remove
    ? stepOf(removeVolume, "settle", `${safeName(vdev)}.remove-volume`, args, "it was asked for: --remove-volume")
    : stepOf(settleFormer, "settle", `${safeName(vdev)}.settle-former`, { ...args, alone }, "it is kept, and no longer the guest's disk");
}
