import type { Command } from "../model/command.js";
import { inodesFor } from "../model/inodes.js";
import { volumePath } from "../model/names.js";
import type { ExtContent, XfsContent } from "../model/storage.js";
import type { StepKind } from "../model/step.js";
import { withDisk, withVolume } from "../model/transform.js";

export interface MakeFilesystem {
  readonly volume: string;
  /** Bytes of the volume. */
  readonly bytes: number;
  /** The source's: UUID, label, features and geometry are taken from it. */
  readonly like: ExtContent | XfsContent;
}

/** Features that say something of the state of a file system, not of its layout: mke2fs refuses them. */
const STATE_FEATURES = new Set(["needs_recovery", "orphan_present", "journal_dev", "has_snapshot", "shared_blocks"]);

/**
 * A file system with the source's UUID, label, features and inode size, so that fstab entries go on to match and
 * an older guest's kernel and boot loader can still read it: `none,` first, or Debian's mke2fs.conf would add what
 * they can not read (metadata_csum_seed, orphan_file).
 */
export const makeFilesystem: StepKind<"make-filesystem", MakeFilesystem> = {
  kind: "make-filesystem",
  risk: "safe",
  requires: ["mkfs.xfs", "mke2fs", "blkid"],
  needs: ({ like }) => [like.type === "xfs" ? "mkfs.xfs" : "mke2fs", "blkid"],
  title: ({ volume, like }) => `Make ${like.type} on ${volume}, UUID ${like.uuid}`,
  actions: ({ volume, bytes, like }) => [
    { command: like.type === "xfs" ? mkfsXfs(volume, like) : mke2fs(volume, bytes, like) },
  ],
  goals: ({ volume, like }) => [{ goal: "content", volume, type: like.type, uuid: like.uuid }],
  effect: ({ volume, bytes, like }, model) => {
    const found = model.host.volumes[volume];
    if (found === undefined) return model;
    const content = { ...like, bytes, usedBytes: 0 };
    const made = withVolume(model, { ...found, content });
    return withDisk(made, volume, { writes: 0, deceptive: false, consistent: false });
  },
};

function mke2fs(volume: string, bytes: number, like: ExtContent): Command {
  const features = like.features.filter((feature) => !STATE_FEATURES.has(feature));
  return [
    "mke2fs", "-q", "-t", like.type, "-O", ["none", ...features].join(","),
    "-b", String(like.blockBytes), "-I", String(like.inodeBytes), "-N", String(inodesFor(bytes, like)), "-m", String(like.reservedPercent),
    // all of it now: no kernel thread of the guest's has to finish it, and an older one could not
    "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0",
    "-U", like.uuid, "-L", like.label, volumePath(volume),
  ];
}

function mkfsXfs(volume: string, like: XfsContent): Command {
  const groups = new Map<string, string[]>();
  for (const [name, value] of Object.entries(like.features).sort(([a], [b]) => a.localeCompare(b))) {
    const dot = name.indexOf(".");
    const group = name.slice(0, dot);
    groups.set(group, [...(groups.get(group) ?? []), `${name.slice(dot + 1)}=${value}`]);
  }
  groups.set("m", [...(groups.get("m") ?? []), `uuid=${like.uuid}`]);
  const options = [...groups].flatMap(([group, values]) => [`-${group}`, values.join(",")]);
  const label = like.label === "" ? [] : ["-L", like.label];
  return ["mkfs.xfs", "-q", "-K", "-b", `size=${like.blockBytes}`, ...options, ...label, volumePath(volume)];
}
