import { formatBytes } from "../model/bytes.js";
import { goesOn } from "../model/change.js";
import type { MoveDisk } from "../model/change.js";
import { againstEnd } from "../model/disk-end.js";
import type { HostState } from "../model/host-state.js";
import { safeName, volumePath } from "../model/names.js";
import { notInFiles } from "../model/not-in-files.js";
import type { ExtContent, XfsContent } from "../model/storage.js";
import { attachLoop, detachLoop } from "../steps/attach-loop.js";
import { checkFilesystem } from "../steps/check-filesystem.js";
import { copyFiles, distrustFresh } from "../steps/copy-files.js";
import type { CopyFiles } from "../steps/copy-files.js";
import { makeFilesystem } from "../steps/make-filesystem.js";
import { mountVolume, unmount } from "../steps/mount-volume.js";
import { snapshotImage } from "../steps/snapshot.js";
import { stepOf } from "../steps/step-of.js";
import { againstFormat } from "./against-blocks.js";
import { checkingOf } from "./checking.js";
import { throttleOf, zeroStep } from "./file-copy.js";
import { againstMaking, asXfsIsAsked } from "./made-alike.js";
import { newVolume } from "./new-volume.js";
import { rateOf, SCAN_SECONDS, tenths } from "./rates.js";
import { settleMove } from "./settle.js";
import { AWAITS, awaitedOnto, SITS } from "./sits-elsewhere.js";
import { restsTooLate } from "./unrehearsed.js";
import { usedBytes } from "../model/used-bytes.js";
import { sameVdev } from "../xl/vdev.js";
import { LAST_PASS } from "./strategy.js";
import type { DiskMove, ForecastPart, PassPlace, Strategy } from "./strategy.js";

/**
 * How long a guest is taken to hold written data back at most. Linux writes data out 30 s after it was dirtied
 * (vm.dirty_expire_centisecs) and wakes every 5 s; laptop mode makes that 10 minutes.
 */
const FRESH_SECONDS = 15 * 60;

/** A snapshot is grown when it is fuller than this. */
const SNAPSHOT_LIMIT_PERCENT = 70;

/** A copy from a thin snapshot is given up when its pool is fuller than this: nothing here may fill it to the end. */
const POOL_LIMIT_PERCENT = 90;

/** A guess: what of a file system changes between two passes. */
const CHANGED = 0.02;
/** xfsprogs 5.19, mkfs/xfs_mkfs.c, validate_supported. */
const LEAST_XFS = 300 * 1024 ** 2;

function refusesSmall(version: string | undefined): boolean {
  const [major = 0, minor = 0] = (version ?? "0").split(".").map(Number);
  return major > 5 || (major === 5 && minor >= 19);
}

/** A firmware looks at the whole first disk, whose number has no part for partitions. Where a kernel is given it is not asked. */
function bootsFrom({ domain, vdev }: MoveDisk, { domains }: HostState): boolean {
  const config = domains[domain]?.config;
  return config?.type === "hvm" && !config.ties.includes("kernel") && ["xvda", "hda", "sda"].some((first) => sameVdev(vdev, first));
}

/** The classic one, done right: files are copied from snapshots while the guest runs, the last changes at rest. */
export const rsync: Strategy = {
  name: "rsync",
  about: "copies files from snapshots while the guest runs, the last changes while it is down: one restart",
  named: true,
  auto: true,
  way: "files",
  carries: "files",
  shows: ["loop"],
  snapshots: true,

  fits: (move, state) => {
    const { change, switchOver, running, mapped, options } = move;
    const { content } = change.image;
    const reasons: string[] = [...restsTooLate(move)];
    const awaited = awaitedOnto(change, state);
    if (mapped) reasons.push(`${SITS} a mapping, to be mirrored there`);
    else if (awaited !== undefined) reasons.push(`${AWAITS} ${awaited}, to be mirrored there`);
    if (running && switchOver !== "restart") reasons.push("its last pass needs a guest that is shut down, not suspended");
    if (content.type === "partitions") reasons.push(`it is a whole disk with a ${content.table} partition table`);
    else if (!isFilesystem(content)) reasons.push(`its content is ${content.type}, no file system that files can be read from`);
    reasons.push(...againstFormat(change));
    if ("externalJournal" in content) reasons.push("its journal is on another device, and without it nothing of it can be mounted");
    if (isFilesystem(content) && content.type !== "xfs" && content.features.includes("mmp")) {
      reasons.push("it has multi-mount protection (mmp): mounted from a snapshot while the guest has it, it would be refused");
    }
    if (isFilesystem(content) && change.wish.filesystem !== undefined && change.wish.filesystem !== content.type) {
      reasons.push(`it holds ${content.type} and ${change.wish.filesystem} is asked for: another type is not made yet`);
    }
    if ("realtime" in content) reasons.push("a part of it is on another device (realtime), and without that nothing of it can be mounted");
    reasons.push(...againstEnd(change.image));
    reasons.push(...notInFiles(content).map((what) => `it ${what}`));
    if (isFilesystem(content)) reasons.push(...againstMaking(content, state.tools));
    if (bootsFrom(change, state)) {
      reasons.push("the guest (HVM) boots from the first sectors of it, which hold no file: they do not come with its files");
    }
    if (content.type === "xfs" && change.to.bytes < LEAST_XFS && refusesSmall(state.tools["mkfs.xfs"]?.version)) {
      reasons.push(`mkfs.xfs makes nothing smaller than ${formatBytes(LEAST_XFS)} from version 5.19 on`);
    }
    if (reasons.length > 0) return { fits: false, reasons };
    const lacks = [
      ...(state.tools["rsync"]?.present === false ? ["rsync is not installed"] : []),
      ...(running && options.offline !== true
        ? [
            ...(change.image.on === undefined ? ["the image lies on no LVM volume that a snapshot could be taken of"] : []),
            ...(state.modules["dm_snapshot"] === "missing" ? ["the kernel has no module dm_snapshot"] : []),
          ]
        : []),
    ];
    return { fits: true, reasons: [`it is a raw image of ${content.type}`], ...(lacks.length > 0 ? { lacks } : {}) };
  },

  forecast: (move, state) => {
    const used = usedBytes(move.change.image);
    const { bytesPerSecond, freeBytesPerSecond } = rateOf("rsync", move, state);
    // each file is read once more on both sides
    const compared = move.options.verify === "full" ? (2 * used) / freeBytesPerSecond : 0;
    if (!move.live) {
      const how = `${formatBytes(used)} at ${formatBytes(bytesPerSecond)}/s`;
      return { copyBytes: used, seconds: 0, takeOvers: 1, held: [{ what: "copy", seconds: tenths(SCAN_SECONDS + used / bytesPerSecond), how }, ...checkAtRest(move, freeBytesPerSecond)] };
    }
    const delta = used * CHANGED;
    // a pass before the last one compares as well: it is what tells how long that takes
    const measured = compared > 0 ? SCAN_SECONDS + compared : 0;
    return {
      copyBytes: used, seconds: tenths(2 * SCAN_SECONDS + (used + delta) / bytesPerSecond + measured), takeOvers: 1,
      held: [{
        what: LAST_PASS, seconds: tenths(SCAN_SECONDS + delta / freeBytesPerSecond + compared),
        how: `a guess of ${formatBytes(Math.round(delta))} changed${compared > 0 ? ", all of it compared" : ""}; measured by the passes before the guest is touched`,
      }, ...checkAtRest(move, freeBytesPerSecond)],
    };
  },

  fragments: (move, state) => {
    const { change, paths, live, options } = move;
    const { to, image, vdev } = change;
    const { content } = image;
    if (!isFilesystem(content)) throw new Error(`rsync cannot carry ${content.type}`);
    const id = (name: string): string => `${safeName(vdev)}.${name}`;
    const device = volumePath(to.volume);
    const xfs = content.type === "xfs" ? ["nouuid"] : [];
    const throttle = throttleOf(move);
    const tree = { name: safeName(vdev), source: paths.source, target: paths.target, to: to.volume };
    const lastCompares = options.verify === "full" || (!live && goesOn(to, "files")) ? "checksum" : "times";

    const mountTarget = (name: string, phase: "prepare" | "switch") =>
      stepOf(
        mountVolume, phase, id(name),
        { source: device, target: paths.target, type: content.type, options: ["noatime", ...xfs] },
        "the copy is written here",
      );

    const pass = ({ id: prefix, mountpoint, snapshot, snapshotGrowth, compare }: PassPlace) => {
      const file = mountpoint + (image.on?.path ?? "");
      const passId = (name: string): string => `${safeName(vdev)}.${prefix}.${name}`;
      const pool = image.on === undefined ? undefined : state.volumes[image.on.volume]?.pool;
      const watch = pool === undefined
        ? { snapshot, limitPercent: SNAPSHOT_LIMIT_PERCENT, growBytes: snapshotGrowth ?? 4 * to.extentBytes }
        : { pool, limitPercent: POOL_LIMIT_PERCENT };
      const from = snapshotImage(snapshot, image.path);
      return [
        stepOf(attachLoop, "prepare", passId("attach-image"), { link: paths.link, file }, "the image as the snapshot holds it"),
        stepOf(
          mountVolume, "prepare", passId("mount-source"),
          { source: paths.link, target: paths.source, type: content.type, options: ["noatime", ...xfs] },
          "the guest's journal is replayed on the snapshot only",
        ),
        stepOf(
          copyFiles, "prepare", passId("copy"),
          { ...tree, from, role: "delta", compare: compare === "as-last" ? lastCompares : compare, throttle, watch },
          "most of the data is carried while the guest runs",
        ),
        stepOf(
          distrustFresh, "prepare", passId("distrust-fresh"), { ...tree, windowSeconds: FRESH_SECONDS },
          "a file's new time can be on disk before its data",
        ),
        stepOf(unmount, "prepare", passId("unmount-source"), { target: paths.source }, "the pass is over"),
        stepOf(detachLoop, "prepare", passId("detach-image"), { link: paths.link }, "the pass is over"),
      ];
    };

    const release = (phase: "switch" | "settle") => [
      stepOf(unmount, phase, id("unmount-source"), { target: paths.source }, "the image is released"),
      stepOf(detachLoop, phase, id("detach-image"), { link: paths.link }, "the image is released"),
    ];

    const last: CopyFiles = {
      ...tree, from: image.path, role: live ? "last" : "first",
      compare: lastCompares,
      // the guest waits: no one else's comfort counts now, but a bandwidth that was asked for at rest does
      throttle: live ? {} : throttle,
      ...(live ? { takenDown: change.domain } : {}),
    };
    return {
      prepare: [
        newVolume(change),
        ...(goesOn(to, "files") && to.content.type === content.type
          ? []
          : [zeroStep(move)]),
        stepOf(
          makeFilesystem, "prepare", id("make-filesystem"), { volume: to.volume, bytes: to.bytes, like: content.type === "xfs" ? asXfsIsAsked(content, state.tools) : content },
          "the same UUID, label and features, so that the guest's fstab and boot loader go on to match",
        ),
        ...(live ? [mountTarget("mount-target", "prepare")] : []),
      ],
      ...(live ? { pass } : {}),
      checked: live
        ? [
            stepOf(unmount, "prepare", id("unmount-target"), { target: paths.target }, "to check it"),
            stepOf(
              checkFilesystem, "prepare", id("check-copy"), { volume: to.volume, type: content.type, thorough: true },
              "the slow check is done while the guest runs",
            ),
          ]
        : [],
      rehearsal: {
        volume: to.volume, bytes: to.bytes, extentBytes: to.extentBytes,
        // what the guest wrote meanwhile is carried by further passes
        after: live ? [mountTarget("mount-target-rehearsed", "prepare")] : [],
      },
      poised: [mountTarget("mount-target-again", "switch")],
      atRest: [
        stepOf(attachLoop, "switch", id("attach-image"), { link: paths.link, file: image.path }, "the image itself, at rest"),
        stepOf(
          mountVolume, "switch", id("mount-source"),
          { source: paths.link, target: paths.source, type: content.type, options: ["ro", ...(xfs)] },
          "only read",
        ),
        stepOf(copyFiles, "switch", id("copy-last"), last, live ? "what changed since the last pass" : "the guest is down: one pass is enough"),
        stepOf(unmount, "switch", id("unmount-target-again"), { target: paths.target }, "all of it is written out"),
        ...(live ? [] : release("switch")),
        stepOf(
          // one that was copied live has been checked while the guest ran, and the guest waits now
          checkFilesystem, "switch", id("check"), { volume: to.volume, type: content.type, thorough: !live },
          "a copy that is not clean is not switched to",
        ),
      ],
      settle: [
        // nobody waits for it any more
        ...(live ? release("settle") : []),
        ...settleMove(move),
      ],
    };
  },
};

/** What the guest waits for besides copying, where a copy is looked at as a whole then: an xfs always, any other if it was made at rest. */
function checkAtRest({ change: { image }, live }: DiskMove, freeBytesPerSecond: number): readonly ForecastPart[] {
  if (live && image.content.type !== "xfs") return [];
  return [checkingOf("checking the copy", usedBytes(image), freeBytesPerSecond)];
}

function isFilesystem(content: { readonly type: string }): content is ExtContent | XfsContent {
  return ["ext2", "ext3", "ext4", "xfs"].includes(content.type);
}
