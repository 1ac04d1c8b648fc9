import type { ToolState } from "../model/host-state.js";
import { known, unreadable, type FirstFact } from "./fact.js";

/** Programs that some step may want. */
export const TOOLS = [
  "base64", "bash", "blkdiscard", "blkid", "blockdev", "cmp", "dd", "dmsetup", "drbdsetup", "dumpe2fs", "e2fsck", "find",
  "flock", "head", "fsck.ext4", "fstrim", "getfacl", "getfattr", "ionice", "losetup", "lvchange", "lvconvert", "lvcreate",
  "lvextend", "lvremove", "lvs", "mdadm", "mke2fs", "mkfs.ext2", "mkfs.ext3", "mkfs.ext4", "mkfs.xfs", "mkswap",
  "modprobe", "mount", "mountpoint", "mv", "nc", "nice", "od", "python3", "qemu-img", "qemu-nbd", "resize2fs", "rm", "rsync",
  "sha256sum", "sort", "stat", "sync", "systemctl", "systemd-run", "tail", "timeout", "touch", "truncate", "tune2fs", "umount",
  "unshare", "vgs", "wipefs", "xargs", "xenstore-ls", "xenstore-read", "xfs_admin", "xfs_db", "xfs_growfs",
  "xfs_repair", "xl",
] as const;

// Few are asked for their version: starting a process is slow on some hosts. Some say it on standard error.
const SCRIPT = `
for name in "$@"; do
  if command -v "$name" >/dev/null 2>&1; then printf 'present %s\\n' "$name"; fi
done
version() {
  if command -v "$1" >/dev/null 2>&1; then printf 'version %s\\n' "$1"; "$@" </dev/null 2>&1; fi
}
version rsync --version
version lvs --version
version mke2fs -V
version mkfs.xfs -V
version losetup --version
version mdadm --version
exit 0
`;

/** Programs of one package share a version; the first is the one that was asked. */
const FAMILIES: readonly (readonly string[])[] = [
  ["lvs", "lvchange", "lvconvert", "lvcreate", "lvextend", "lvremove", "vgs"],
  ["mke2fs", "dumpe2fs", "e2fsck", "fsck.ext4", "mkfs.ext2", "mkfs.ext3", "mkfs.ext4", "resize2fs", "tune2fs"],
  ["mkfs.xfs", "xfs_admin", "xfs_db", "xfs_growfs", "xfs_repair"],
  ["losetup", "blkdiscard", "blkid", "blockdev", "flock", "fstrim", "ionice", "mkswap", "mount", "mountpoint",
    "umount", "unshare", "wipefs"],
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
    let asked = "";
    for (const line of result.stdout.split("\n")) {
      const word = /^(present|version) (\S+)$/.exec(line);
      if (word?.[1] === "present") present.add(word[2] ?? "");
      else if (word?.[1] === "version") asked = word[2] ?? "";
      else if (asked !== "" && !versions.has(asked)) {
        // the first number that has a dot: `rsync  version 3.2.7  protocol version 31`
        const version = /\d+\.\d+(\.\d+)*/.exec(line)?.[0];
        if (version !== undefined) versions.set(asked, version);
      }
    }
    for (const [first, ...others] of FAMILIES) {
      const version = versions.get(first ?? "");
      if (version !== undefined) for (const other of others) versions.set(other, version);
    }
    return known(Object.fromEntries(TOOLS.map((name) => [name, toolState(name, present, versions)])));
  },
};

function toolState(name: string, present: ReadonlySet<string>, versions: ReadonlyMap<string, string>): ToolState {
  const version = versions.get(name);
  if (!present.has(name)) return { present: false };
  return version === undefined ? { present: true } : { present: true, version };
}
