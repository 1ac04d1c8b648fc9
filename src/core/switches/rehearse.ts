import { formatApart, snapshotRoom } from "../model/bytes.js";
import type { MoveDisk } from "../model/change.js";
import type { DesiredDomain, MoveOptions } from "../model/desired.js";
import { snapshotSize } from "../model/desired.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { diskAt } from "../model/mapping.js";
import { rehearsalName, rehearsalSnapshotName, rehearsalUuid, runDirectory, safeName, volumePath, volumeTags } from "../model/names.js";
import type { Step } from "../model/step.js";
import { installBootUnit, removeBootUnit } from "../steps/boot-unit.js";
import { awaitClone, createClone, destroyClone, STEADY_SECONDS } from "../steps/clone.js";
import { removeConfig, writeConfig } from "../steps/derived-config.js";
import type { WriteConfig } from "../steps/derived-config.js";
import { removeSnapshot } from "../steps/snapshot.js";
import { snapshotCopy } from "../steps/snapshot-copy.js";
import type { TakenSnapshot } from "../steps/snapshot.js";
import { stepOf } from "../steps/step-of.js";
import { withOverhead } from "./choose.js";
import { overhead } from "./overhead.js";
import { sameVdev } from "../xl/vdev.js";

/** What a clone may take to come up, where the playbook does not say. */
const TIMEOUT_SECONDS = 120;

/** A disk of the clone: a snapshot of the copy that the guest itself will be on. */
export interface ClonedDisk extends TakenSnapshot {
  readonly vdev: string;
}

/** A clone of a guest, and what it boots from. */
export interface Rehearsal {
  readonly file: Omit<WriteConfig, "what">;
  readonly disks: readonly ClonedDisk[];
}

/** The config that a clone of the guest boots from. */
export function rehearsalPath(domain: string): string {
  return `${runDirectory(domain)}/rehearsal.cfg`;
}

/** The snapshot that a clone has for one disk of its guest. */
export function clonedDisk(
  domain: string, vdev: string, { volume, bytes, extentBytes }: { readonly volume: string; readonly bytes: number; readonly extentBytes: number },
  options: MoveOptions, state: HostState,
): ClonedDisk {
  return {
    vdev, origin: volume, snapshot: rehearsalSnapshotName(volume, domain, vdev), extentBytes,
    tags: volumeTags(domain, vdev, "snapshot"),
    ...(state.volumes[volume]?.kind === "thin" ? {} : { bytes: snapshotRoom(snapshotSize(options), bytes, extentBytes) }),
  };
}

/** What the hypervisor needs for a second guest of its size. */
function cloneBytes({ config, running }: Domain): number {
  const memory = config?.memoryMiB === undefined ? (running?.memoryKiB ?? 0) * 1024 : config.memoryMiB * 1024 ** 2;
  return withOverhead(memory);
}

/** What a rehearsal is taken to add to a run: the clone starts as its guest does, and is watched for a while. */
export function rehearsalSeconds(domain: Domain, { rehearse }: MoveOptions, state: HostState): number {
  return rehearse === true ? overhead(domain, state).start.seconds + STEADY_SECONDS : 0;
}

/** While the guest runs on: a clone of it boots from snapshots of the copies, is watched, and is thrown away. */
export function rehearsalSteps(guest: Domain, { file, disks }: Rehearsal, options: MoveOptions): readonly Step[] {
  const { name: domain } = guest;
  const name = rehearsalName(domain);
  const clone = { name, uuid: rehearsalUuid(name) };
  // the run of one that is up has installed it first of all
  const alone = guest.running === undefined;
  return [
    ...(alone
      ? [stepOf(
          installBootUnit, "prepare", "rehearsal.install-boot-unit", { domain },
          "if Dom0 is rebooted meanwhile, nothing may bring the clone back",
        )]
      : []),
    ...disks.map(({ vdev, ...snapshot }) =>
      stepOf(snapshotCopy, "prepare", `${safeName(vdev)}.rehearsal.snapshot`, snapshot, "the clone writes to it, and not to the copy")),
    stepOf(
      writeConfig, "prepare", "rehearsal.write-config",
      { ...file, what: "a clone of another name, on the snapshots, without network cards" }, "for one command only",
    ),
    stepOf(
      createClone, "prepare", "rehearsal.create",
      {
        ...clone, domain, config: file.to, memoryBytes: cloneBytes(guest),
        disks: disks.map(({ vdev, snapshot }) => ({ vdev, target: volumePath(snapshot) })),
      },
      "the guest itself runs on",
    ),
    stepOf(
      awaitClone, "prepare", "rehearsal.await",
      {
        ...clone, timeoutSeconds: options.rehearseTimeoutSeconds ?? TIMEOUT_SECONDS, snapshots: disks.map(({ snapshot }) => snapshot),
        ...(options.rehearseConsole === undefined ? {} : { console: options.rehearseConsole }),
      },
      "a copy that does not boot is not switched to",
    ),
    stepOf(destroyClone, "prepare", "rehearsal.destroy", clone, "it has shown what it was for"),
    stepOf(removeConfig, "prepare", "rehearsal.remove-config", { path: file.to }, "it served the clone only"),
    ...disks.map(({ vdev, snapshot, tags }) =>
      stepOf(removeSnapshot, "prepare", `${safeName(vdev)}.rehearsal.remove-snapshot`, { snapshot, tags }, "what the clone wrote is thrown away")),
    ...(alone ? [stepOf(removeBootUnit, "prepare", "rehearsal.remove-boot-unit", { domain }, "there is no clone any more")] : []),
  ];
}

/** Why no clone of a guest can be booted here, beside the guest itself; empty where one can. */
export function againstRehearsal(domain: Domain, desired: Pick<DesiredDomain, "disks">, moves: readonly MoveDisk[], state: HostState): readonly string[] {
  const reasons: string[] = [];
  const needed = cloneBytes(domain);
  const free = state.memory.freeBytes;
  if (needed > free) {
    const [takes, has] = formatApart(needed, free);
    reasons.push(`a clone of it takes ${takes} of memory, and the hypervisor has ${has} free`);
  }
  for (const { vdev, target, access, cdrom } of domain.config?.disks ?? []) {
    if (access === "r" || cdrom || moves.some((move) => sameVdev(move.vdev, vdev))) continue;
    // one that is to be moved and can not be has a complaint of its own
    if (desired.disks.some((wish) => sameVdev(wish.vdev, vdev) && wish.volume !== diskAt(target, state))) continue;
    reasons.push(`its disk ${vdev} (${target}) is not moved, and a clone would write to it while the guest does`);
  }
  const name = rehearsalName(domain.name);
  if (state.domains[name] !== undefined) reasons.push(`a guest of somebody's is called ${name}, as the clone would be`);
  if (domain.config?.ties.includes("device-model-arguments") === true) {
    reasons.push("its config gives arguments to the device model (device_model_args), which may name what two guests can not both have");
  }
  return reasons;
}
