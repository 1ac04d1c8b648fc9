import type { AttachedGoal } from "../model/goal.js";
import { formatBytes } from "../model/bytes.js";
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
  /** It is taken down next, and has to be built again right after: whoever else builds a guest is waited for. */
  readonly builds?: true;
  /** Names that images are to have afterwards, and nothing has. */
  readonly vacant?: readonly string[];
  /** Mirrors that have to be in sync. */
  readonly mirrors?: readonly string[];
  /** What the guest has beside its disks' targets: a config that names less would take it away. */
  readonly devices?: readonly string[];
  /**
   * What `xl config-update` may have stored: nothing, or the text of this hash, or what is in this file of converge's own. Unset:
   * nothing is stored after this.
   */
  readonly stored?: { readonly sha256?: string; readonly file?: string };
  /** Where its memory is to go, how much that is, and what Dom0 keeps for itself beside it. */
  readonly memory?: { readonly target: string; readonly bytes: number; readonly spareBytes: number };
}

/**
 * Looks again, right before the guest is touched, at what the plan was made from: somebody may have restarted the
 * guest, edited its config or swapped its image meanwhile.
 */
export const guard: StepKind<"guard", Guard> = {
  kind: "guard",
  risk: "safe",
  requires: ["xl", "sha256sum", "stat", "losetup", "find", "xenstore-ls"],
  needs: ({ images, volumes = [], devices }) => [
    "xl", "sha256sum", "stat", "losetup",
    ...(images.length + volumes.length === 0 ? [] : ["find"]), ...(devices === undefined ? [] : ["xenstore-ls"]),
  ],
  title: ({ domain }) => `Make sure that ${domain} is still what the plan was made for`,
  actions: ({ domain, bootId, running, config, images, volumes = [], attached, builds, vacant = [], mirrors = [], devices, stored, memory }) => [
    ...(memory === undefined
      ? []
      : [{ verb: ["await_turn"] as [string, ...string[]], shown: "no other run has its guest's memory in Dom0's: it is waited for" }]),
    ...(builds === undefined
      ? []
      : [{ verb: ["await_xl"] as [string, ...string[]], shown: "no other xl command is building or receiving a guest: it is waited for" }]),
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
    ...vacant.map((path) => ({ verb: ["guard_vacant", path] as [string, ...string[]], shown: `nothing is called ${path}` })),
    ...(devices === undefined
      ? []
      : [{ verb: ["guard_devices", domain, ...devices] as [string, ...string[]], shown: `${domain} has ${devices.join(", ")}, and nothing else that can be plugged in` }]),
    ...(stored === undefined
      ? []
      : [{
          verb: ["guard_stored", domain, stored.sha256 ?? "-", ...given(stored.file)] as [string, ...string[]],
          shown: `nobody has stored another config of ${domain} meanwhile (xl config-update)`,
        }]),
    ...(memory === undefined
      ? []
      : [{
          verb: ["guard_room", domain, memory.target, String(memory.bytes), String(memory.spareBytes)] as [string, ...string[]],
          shown: `Dom0 has ${formatBytes(memory.bytes)} of memory available for that of ${domain}, and ${formatBytes(memory.spareBytes)} for itself`,
        }]),
    ...(mirrors.length === 0
      ? []
      : [{ verb: ["mirror_whole", ...mirrors] as [string, ...string[]], shown: `${mirrors.join(", ")}: every region is in sync` }]),
  ],
  goals: () => [],
  effect: (_args, model) => model,
  refuses: ({ domain, bootId, running, config, images, vacant = [], attached, devices }, model) => {
    const found = model.host.domains[domain];
    const guest = attached === undefined
      ? found?.running?.domid !== running?.domid
      : verdict({ goal: "attached", domain, disks: attached }, model) !== "done";
    const file = images.some(({ path, inode, bytes }) => {
      const image = model.host.images[path];
      return image?.inode !== inode || (bytes !== undefined && image.bytes !== bytes);
    });
    const has = found?.running?.devices;
    const plugged = devices !== undefined && has !== undefined && has.join(" ") !== devices.join(" ");
    const taken = vacant.some((path) => model.host.images[path] !== undefined);
    return guest || file || taken || plugged || model.host.host.bootId !== bootId || found?.config?.sha256 !== config.sha256;
  },
};

function given(path: string | undefined): readonly string[] {
  return path === undefined ? [] : [path];
}
