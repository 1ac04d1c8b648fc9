import { RUNTIME_TOOLS } from "../facts/tools.js";
import { stepsOf } from "../model/plan.js";
import { STEP_PACKAGES, toolsOf } from "../steps/kind-of.js";
import type { Check } from "./check.js";

/**
 * Debian's package of each tool that a host is asked for: without one the advice would only repeat the tool's name. It is
 * a fact of Debian, and many kinds of step share a tool; a kind that brings a new one names its package itself (`packages`).
 */
export const PACKAGES: Readonly<Record<string, string>> = {
  ...STEP_PACKAGES,
  base64: "coreutils", dd: "coreutils", head: "coreutils", mv: "coreutils", nice: "coreutils", od: "coreutils", rm: "coreutils",
  sha256sum: "coreutils", sort: "coreutils", stat: "coreutils", sync: "coreutils", tail: "coreutils", timeout: "coreutils",
  touch: "coreutils", truncate: "coreutils",
  blkdiscard: "util-linux", blkid: "util-linux", blockdev: "util-linux", flock: "util-linux", fstrim: "util-linux",
  ionice: "util-linux", mkswap: "util-linux", mountpoint: "util-linux", unshare: "util-linux", wipefs: "util-linux",
  losetup: "mount", mount: "mount", umount: "mount",
  dumpe2fs: "e2fsprogs", e2fsck: "e2fsprogs", "fsck.ext4": "e2fsprogs", mke2fs: "e2fsprogs", "mkfs.ext2": "e2fsprogs",
  "mkfs.ext3": "e2fsprogs", "mkfs.ext4": "e2fsprogs", resize2fs: "e2fsprogs", tune2fs: "e2fsprogs",
  "mkfs.xfs": "xfsprogs", xfs_admin: "xfsprogs", xfs_db: "xfsprogs", xfs_growfs: "xfsprogs", xfs_repair: "xfsprogs",
  lvchange: "lvm2", lvconvert: "lvm2", lvcreate: "lvm2", lvextend: "lvm2", lvremove: "lvm2", lvs: "lvm2", vgs: "lvm2",
  xl: "xen-utils-common", "xenstore-ls": "xenstore-utils", "xenstore-read": "xenstore-utils",
  find: "findutils", xargs: "findutils", "qemu-img": "qemu-utils", "qemu-nbd": "qemu-utils",
  systemctl: "systemd", "systemd-run": "systemd", bash: "bash", cmp: "diffutils", dmsetup: "dmsetup", drbdsetup: "drbd-utils",
  getfacl: "acl", getfattr: "attr", mdadm: "mdadm", modprobe: "kmod", nc: "netcat-openbsd", python3: "python3", rsync: "rsync",
};

export const missingTool: Check = {
  code: "missing-tool",
  about: "what a plan needs on the host is looked for before anything is touched",
  run: ({ nodes, state, desired }) => {
    const needed = new Set([...RUNTIME_TOOLS, ...stepsOf(nodes).flatMap(toolsOf)]);
    const missing = [...needed].filter((tool) => state.tools[tool]?.present === false).sort();
    const findings = missing.map((tool) => ({
      at: desired.at, summary: `${state.host.name} has no ${tool}`,
      fix: Object.hasOwn(PACKAGES, tool) ? `Install Debian's package ${PACKAGES[tool] ?? tool}.` : `Install ${tool}.`,
    }));
    if (state.host.systemd !== undefined) return findings;
    return [
      ...findings,
      {
        at: desired.at, summary: `${state.host.name} does not run systemd`,
        detail: "a run has to go on when the connection is lost, and to look after a guest when it is killed itself",
        fix: "There is no way around it yet.",
      },
    ];
  },
};
