import type { AttachedGoal } from "../model/goal.js";
import { verdict } from "../goals/verdict.js";
import type { StepKind } from "../model/step.js";

export interface Guard {
  readonly domain: string;
  readonly bootId: string;
  /** Unset: the guest was down when it was planned, and has to be down still. */
  readonly running?: { readonly domid: number; readonly uuid: string };
  readonly config: { readonly path: string; readonly sha256: string };
  /**
   * `bytes` is unset where a file grows as its guest writes. `link`: to a loop device of converge's own over it, which is no
   * stranger's; `under`: the path of the device of converge's own on that.
   */
  readonly images: readonly {
    readonly path: string; readonly inode: number; readonly bytes?: number; readonly devno: string; readonly link?: string;
    readonly under?: string;
  }[];
  /** Where the guest goes. `under`: as with images. */
  readonly volumes?: readonly { readonly volume: string; readonly under?: string }[];
  /** In mid-mirror instead: the disks that it has to be on, whatever its domain id is now. */
  readonly attached?: readonly AttachedGoal[];
  /** Mirrors that have to be in sync. */
  readonly mirrors?: readonly string[];
}

/**
 * Looks again, right before the guest is touched, at what the plan was made from: somebody may have restarted the
 * guest, edited its config or swapped its image meanwhile.
 */
export const guard: StepKind<"guard", Guard> = {
  kind: "guard",
  risk: "safe",
  requires: () => ["xl", "sha256sum", "stat", "losetup"],
  title: ({ domain }) => `Make sure that ${domain} is still what the plan was made for`,
  actions: ({ domain, bootId, running, config, images, volumes = [], attached, mirrors = [] }) => [
    { verb: ["guard_boot", bootId], shown: `Dom0 has not been rebooted (boot ${bootId.slice(0, 8)})` },
    attached !== undefined
      ? {
          verb: ["compare_attached", domain, ...attached.flatMap(({ vdev, target }) => [vdev, target])],
          shown: `${domain} has ${attached.map(({ vdev, target }) => `${target} for ${vdev}`).join(", ")}`,
        }
      : running === undefined
      ? { verb: ["guard_domain", domain, "-", "-"], shown: `${domain} is still down` }
      : {
          verb: ["guard_domain", domain, String(running.domid), running.uuid],
          shown: `${domain} is still domain ${running.domid}`,
        },
    { verb: ["guard_config", config.path, config.sha256], shown: `${config.path} is unchanged` },
    ...images.map(({ path, inode, bytes, devno }) => ({
      verb: ["guard_image", path, String(inode), bytes === undefined ? "-" : String(bytes), devno] as [string, ...string[]],
      shown: `${path} is the same file${bytes === undefined ? "" : ", of the same size"}`,
    })),
    ...images.map(({ path, link, under }) => ({
      verb: ["guard_free", path, attached === undefined ? domain : "", ...given(link), ...given(under)] as [string, ...string[]],
      shown: attached === undefined ? `nobody but ${domain} has ${path} open` : `nobody but the mirror has ${path} open`,
    })),
    ...volumes.map(({ volume, under }) => ({
      verb: ["guard_volume", volume, ...given(under)] as [string, ...string[]],
      shown: under === undefined ? `nobody else has ${volume}` : `nobody but the mirror has ${volume}`,
    })),
    ...(mirrors.length === 0
      ? []
      : [{ verb: ["mirror_whole", ...mirrors] as [string, ...string[]], shown: `${mirrors.join(", ")}: every region is in sync` }]),
  ],
  goals: () => [],
  effect: (_args, model) => model,
  refuses: ({ domain, bootId, running, config, images, attached }, model) => {
    const found = model.host.domains[domain];
    const guest = attached === undefined
      ? found?.running?.domid !== running?.domid
      : verdict({ goal: "attached", domain, disks: attached }, model) !== "done";
    const file = images.some(({ path, inode, bytes }) => {
      const image = model.host.images[path];
      return image?.inode !== inode || (bytes !== undefined && image.bytes !== bytes);
    });
    return guest || file || model.host.host.bootId !== bootId || found?.config?.sha256 !== config.sha256;
  },
};

function given(path: string | undefined): readonly string[] {
  return path === undefined ? [] : [path];
}
