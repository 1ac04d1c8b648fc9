import type { ToolState } from "../model/host-state.js";
import { STEP_TOOLS } from "../steps/kind-of.js";
import { known, unreadable, type FirstFact } from "./fact.js";

/** What the host program itself uses, whatever the steps are. */
export const RUNTIME_TOOLS: readonly string[] = ["flock", "systemd-run", "systemctl", "sha256sum", "sync", "blkid"];

/** Asked for besides, though no step has a command of it: what a host's recording tells whoever reads it, and its versions. */
const BESIDES: readonly string[] = [
  "base64", "blockdev", "fsck.ext4", "fstrim", "getfacl", "getfattr", "lvconvert", "lvextend", "lvs", "mkfs.ext2",
  "mkfs.ext3", "mkfs.ext4", "modprobe", "mountpoint", "nc", "od", "qemu-img", "qemu-nbd", "resize2fs", "sort",
  "tune2fs", "unshare", "vgs", "wipefs", "xenstore-read", "xfs_admin", "xfs_db", "xfs_growfs",
];

/** Programs that some step may want, as its kind says (`requires`), and those above. */
export const TOOLS: readonly string[] = [...new Set([...STEP_TOOLS, ...RUNTIME_TOOLS, ...BESIDES])].sort();

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
