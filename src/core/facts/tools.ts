import type { ToolState } from "../model/host-state.js";
import { known, unreadable, type FirstFact } from "./fact.js";

/** Programs that some step may want. */
export const TOOLS = [
  "base64", "blkdiscard", "blkid", "blockdev", "cmp", "dd", "dmsetup", "drbdsetup", "dumpe2fs", "e2fsck", "find",
  "flock", "fsck.ext4", "fstrim", "getfacl", "getfattr", "ionice", "losetup", "lvchange", "lvconvert", "lvcreate",
  "lvextend", "lvremove", "lvs", "mdadm", "mke2fs", "mkfs.ext2", "mkfs.ext3", "mkfs.ext4", "mkfs.xfs", "mkswap",
  "modprobe", "mount", "mountpoint", "nc", "nice", "od", "qemu-img", "qemu-nbd", "resize2fs", "rsync",
  "sha256sum", "sort", "stat", "sync", "systemctl", "systemd-run", "timeout", "truncate", "tune2fs", "umount",
  "unshare", "vgs", "wipefs", "xargs", "xenstore-ls", "xenstore-read", "xfs_admin", "xfs_db", "xfs_growfs",
  "xfs_repair", "xl",
] as const;

// name, then the first lines of what it says when asked for its version (some say it on standard error)
const SCRIPT = `
for name in "$@"; do
  if command -v "$name" >/dev/null 2>&1; then printf 'present %s\\n' "$name"; fi
done
version() {
  name=$1
  shift
  if command -v "$1" >/dev/null 2>&1; then
    "$@" </dev/null 2>&1 | head -n 3 | sed "s/^/version $name /"
  fi
}
version rsync rsync --version
version lvs lvs --version
version mke2fs mke2fs -V
version e2fsck e2fsck -V
version mkfs.xfs mkfs.xfs -V
version xfs_repair xfs_repair -V
version losetup losetup --version
version dd dd --version
version mdadm mdadm --version
version dmsetup dmsetup --version
version qemu-img qemu-img --version
exit 0
`;

/** Programs of one package share a version; the first is the one that was asked. */
const FAMILIES: readonly (readonly string[])[] = [
  ["lvs", "lvchange", "lvconvert", "lvcreate", "lvextend", "lvremove", "vgs"],
  ["mke2fs", "mkfs.ext2", "mkfs.ext3", "mkfs.ext4"],
  ["e2fsck", "dumpe2fs", "fsck.ext4", "resize2fs", "tune2fs"],
  ["xfs_repair", "xfs_admin", "xfs_db", "xfs_growfs"],
  ["losetup", "blkdiscard", "blkid", "blockdev", "flock", "fstrim", "ionice", "mkswap", "mount", "mountpoint",
    "umount", "unshare", "wipefs"],
  ["dd", "base64", "nice", "od", "sha256sum", "sort", "stat", "sync", "timeout", "truncate"],
  ["qemu-img", "qemu-nbd"],
];

/** Programs in the usual directories, with the version where it matters. */
export const fact: FirstFact<Readonly<Record<string, ToolState>>> = {
  name: "tools",
  round: 1,
  needs: [],
  command: ["sh", "-c", SCRIPT, "sh", ...TOOLS],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("tools", result);
    const present = new Set<string>();
    const versions = new Map<string, string>();
    for (const line of result.stdout.split("\n")) {
      const [kind, name = "", ...rest] = line.split(" ");
      if (kind === "present") present.add(name);
      // the first number of the first line that has one: `rsync  version 3.2.7  protocol version 31`
      const version = kind === "version" && !versions.has(name) ? VERSION.exec(rest.join(" "))?.[0] : undefined;
      if (version !== undefined) versions.set(name, version);
    }
    for (const [first, ...others] of FAMILIES) {
      const version = versions.get(first ?? "");
      if (version !== undefined) for (const other of others) versions.set(other, version);
    }
    return known(Object.fromEntries(TOOLS.map((name) => [name, toolState(name, present, versions)])));
  },
};

const VERSION = /\d+\.\d+(\.\d+)*/;

function toolState(name: string, present: ReadonlySet<string>, versions: ReadonlyMap<string, string>): ToolState {
  const version = versions.get(name);
  if (!present.has(name)) return { present: false };
  return version === undefined ? { present: true } : { present: true, version };
}
