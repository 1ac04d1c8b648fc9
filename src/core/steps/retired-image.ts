import type { FileIdentity } from "../model/host-state.js";
import type { AttachedGoal } from "../model/goal.js";
import { verdict } from "../goals/verdict.js";
import type { StepKind } from "../model/step.js";

export interface GuardRetired {
  readonly domain: string;
  readonly bootId: string;
  readonly config: { readonly path: string; readonly sha256: string };
  /** The volumes that the guest has to run on. */
  readonly attached: readonly AttachedGoal[];
  readonly images: readonly { readonly path: string; readonly inode: number; readonly bytes: number; readonly devno: string }[];
}

/** Looks again, right before anything is removed: the guest runs on its volumes, and nobody has or names the images. */
export const guardRetired: StepKind<"guard-retired", GuardRetired> = {
  kind: "guard-retired",
  risk: "safe",
  requires: ["xl", "sha256sum", "stat", "losetup"],
  title: ({ domain }) => `Make sure that ${domain} runs on its volumes, and that nobody has its old images`,
  actions: ({ domain, bootId, config, attached, images }) => [
    { verb: ["guard_boot", bootId], shown: `Dom0 has not been rebooted (boot ${bootId.slice(0, 8)})` },
    {
      verb: ["compare_attached", domain, ...attached.flatMap(({ vdev, target }) => [vdev, target])],
      shown: `${domain} has ${attached.map(({ vdev, target }) => `${target} for ${vdev}`).join(", ")}`,
    },
    { verb: ["guard_config", config.path, config.sha256], shown: `${config.path} is unchanged` },
    ...images.flatMap(({ path, inode, bytes, devno }): ReturnType<typeof guardRetired.actions> => [
      { verb: ["guard_image", path, String(inode), String(bytes), devno], shown: `${path} is the same file, of the same size` },
      { verb: ["guard_unnamed", path], shown: `no file in /etc/xen names ${path}` },
      { verb: ["guard_free", path, ""], shown: `nobody has ${path} open` },
    ]),
  ],
  goals: () => [],
  effect: (_args, model) => model,
  refuses: ({ domain, bootId, config, attached, images }, model) => {
    const found = model.host.domains[domain];
    const changed = images.some(({ path, inode, bytes }) => {
      const image = model.host.images[path];
      return image?.inode !== inode || image.bytes !== bytes;
    });
    return changed || model.host.host.bootId !== bootId || found?.config?.sha256 !== config.sha256
      || verdict({ goal: "attached", domain, disks: attached }, model) !== "done";
  },
};

export interface DiscardRetired {
  readonly path: string;
  readonly file: FileIdentity;
}

/** A retired image goes for good. The host looks it up in the guest's books first: only what converge retired goes. */
export const discardRetired: StepKind<"discard-retired", DiscardRetired> = {
  kind: "discard-retired",
  risk: "destructive",
  requires: ["rm", "stat"],
  title: ({ path }) => `Delete ${path}`,
  actions: ({ path, file: { inode, bytes, mtime } }) => [
    { verb: ["discard_retired", path, String(inode), String(bytes), String(mtime)], command: ["rm", "--", path] },
  ],
  goals: ({ path }) => [{ goal: "file-absent", path }],
  effect: ({ path }, model) => {
    const { [path]: _gone, ...images } = model.host.images;
    const { [path]: _ghost, ...disks } = model.ghost.disks;
    return { host: { ...model.host, images }, ghost: { ...model.ghost, disks } };
  },
};
