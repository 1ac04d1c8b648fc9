import { CARRY_DONE, FILLS, volumeTags } from "../model/names.js";
import type { Fill } from "../model/names.js";
import type { StepKind } from "../model/step.js";
import { withDisk, withFreeExtents, withVolume, withoutVolume } from "../model/transform.js";

export interface FormerVolume {
  readonly volume: string;
  readonly domain: string;
  readonly vdev: string;
}

export interface SettleFormer extends FormerVolume {
  /** It holds writes that nothing else has. */
  readonly alone: boolean;
}

export interface AdoptFormer extends FormerVolume {
  /** What it is to be filled with from here on. */
  readonly fill: Fill;
}

const role = (name: "disk" | "former" | "copy"): string => `converge.role=${name}`;

/** The guest has left the volume, which is kept. A second mark says where the image holds the same. */
export const settleFormer: StepKind<"settle-former", SettleFormer> = {
  kind: "settle-former",
  risk: "safe",
  requires: ["lvchange"],
  title: ({ volume, domain, vdev, alone }) =>
    `Mark ${volume} as the former ${vdev} of ${domain}${alone ? ", with writes that nothing else has" : ""}`,
  actions: (args) => [
    {
      command: [
        "lvchange", "--deltag", role("disk"),
        // of a carry that was committed and not switched to: the guest has gone on on the volume since
        ...(args.alone ? ["--deltag", CARRY_DONE] : []),
        ...marks(args).flatMap((tag) => ["--addtag", tag]), args.volume,
      ],
    },
  ],
  goals: (args) => [{ goal: "volume-tagged", volume: args.volume, tags: [...volumeTags(args.domain, args.vdev, "former"), ...marks(args)] }],
  effect: (args, model) => {
    const found = model.host.volumes[args.volume];
    if (found === undefined) return model;
    const kept = found.tags.filter((tag) => tag !== role("disk") && !(args.alone && tag === CARRY_DONE));
    return withVolume(model, { ...found, tags: [...new Set([...kept, ...marks(args)])] });
  },
};

function marks({ alone }: SettleFormer): readonly string[] {
  return alone ? [role("former")] : [role("former"), CARRY_DONE];
}

/** A volume that the guest had left for an image that holds the same is a copy in the making again. */
export const adoptFormer: StepKind<"adopt-former", AdoptFormer> = {
  kind: "adopt-former",
  risk: "safe",
  requires: ["lvchange"],
  title: ({ volume }) => `Take ${volume} as a copy that was begun: nothing is on it alone`,
  actions: ({ volume, fill }) => [
    { command: ["lvchange", "--deltag", role("former"), "--deltag", CARRY_DONE, "--addtag", role("copy"), "--addtag", FILLS[fill], volume] },
  ],
  goals: ({ volume, domain, vdev, fill }) => [{ goal: "volume-tagged", volume, tags: [...volumeTags(domain, vdev, "copy"), FILLS[fill]] }],
  effect: ({ volume, fill }, model) => {
    const found = model.host.volumes[volume];
    if (found === undefined) return model;
    const kept = found.tags.filter((tag) => tag !== role("former") && tag !== CARRY_DONE);
    const tagged = withVolume(model, { ...found, tags: [...kept, role("copy"), FILLS[fill]] });
    const ghost = tagged.ghost.disks[volume];
    if (ghost === undefined) return tagged;
    // of swap nothing has to be known, unless a mirror copies it: then the mirror says
    if (found.content?.type === "swap") return withDisk(tagged, volume, { writes: Number.MAX_SAFE_INTEGER, deceptive: false, consistent: true });
    // from now on as little is known of it as of any copy that was not finished
    return withDisk(tagged, volume, { writes: fill === "files" ? 0 : -1, deceptive: true, consistent: false });
  },
};

/** Takes a volume of converge's own away, with all that is on it; but not with snapshots that somebody, as a backup, took while its guest was taken back. */
export const removeVolume: StepKind<"remove-volume", FormerVolume> = {
  kind: "remove-volume",
  risk: "destructive",
  requires: ["lvremove", "lvs"],
  title: ({ volume }) => `Remove ${volume}`,
  actions: ({ volume }) => [
    { verb: ["guard_unsnapped", volume], shown: `nobody has taken a snapshot of ${volume}` },
    { command: ["lvremove", "--yes", volume] },
  ],
  goals: ({ volume, domain, vdev }) => [
    { goal: "volume-absent", volume, tags: volumeTags(domain, vdev, "disk").slice(0, -1) },
  ],
  effect: ({ volume }, model) => {
    const found = model.host.volumes[volume];
    const [group = ""] = volume.split("/");
    const extentBytes = model.host.volumeGroups[group]?.extentBytes ?? 1;
    return withoutVolume(withFreeExtents(model, group, (found?.bytes ?? 0) / extentBytes), volume);
  },
};
