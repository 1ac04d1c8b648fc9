import { stepsOf } from "../model/plan.js";
import { kindOf } from "../steps/kind-of.js";
import type { Check } from "./check.js";

/** Debian's package of each tool that a step may need. */
const PACKAGES: Readonly<Record<string, string>> = {
  rsync: "rsync", lvcreate: "lvm2", lvchange: "lvm2", lvremove: "lvm2", mke2fs: "e2fsprogs", e2fsck: "e2fsprogs",
  "mkfs.xfs": "xfsprogs", xfs_repair: "xfsprogs", mkswap: "util-linux", blkid: "util-linux", losetup: "mount",
  mount: "mount", umount: "mount", blkdiscard: "util-linux", ionice: "util-linux", flock: "util-linux",
  nice: "coreutils", sha256sum: "coreutils", stat: "coreutils", sync: "coreutils", touch: "coreutils",
  head: "coreutils", tail: "coreutils", mv: "coreutils", rm: "coreutils", timeout: "coreutils",
  find: "findutils", xargs: "findutils", xl: "xen-utils-common", "xenstore-ls": "xenstore-utils",
  systemctl: "systemd", "systemd-run": "systemd", bash: "bash", python3: "python3", mdadm: "mdadm", truncate: "coreutils",
  drbdsetup: "drbd-utils",
};

/** What the host program itself uses, whatever the steps are. */
const RUNTIME = ["flock", "systemd-run", "systemctl", "sha256sum", "sync", "blkid"];

export const missingTool: Check = {
  code: "missing-tool",
  about: "what a plan needs on the host is looked for before anything is touched",
  run: ({ nodes, state, desired }) => {
    const needed = new Set(RUNTIME);
    for (const step of stepsOf(nodes)) for (const tool of kindOf(step).requires(step.args)) needed.add(tool);
    const missing = [...needed].filter((tool) => state.tools[tool]?.present === false).sort();
    const findings = missing.map((tool) => ({
      at: desired.at, summary: `${state.host.name} has no ${tool}`,
      fix: PACKAGES[tool] === undefined ? `Install ${tool}.` : `Install Debian's package ${PACKAGES[tool]}.`,
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
