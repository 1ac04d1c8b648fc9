import { FILLS, unzeroedTag, volumeTags, withoutFills } from "../model/names.js";
import type { StepKind } from "../model/step.js";
import { withVolume } from "../model/transform.js";

export interface SettleVolume {
  readonly volume: string;
  readonly domain: string;
  readonly vdev: string;
  /** What was not zeroed of it before all blocks were copied ({@link unzeroedTag}). */
  readonly unzeroed?: number;
}

const COPY = "converge.role=copy";
const MAKING: readonly string[] = [COPY, ...Object.values(FILLS)];

/** The volume is the guest's disk now, no longer a copy in the making. */
export const settleVolume: StepKind<"settle-volume", SettleVolume> = {
  kind: "settle-volume",
  risk: "safe",
  requires: ["lvchange"],
  title: ({ volume, domain, vdev }) => `Mark ${volume} as ${vdev} of ${domain}`,
  actions: ({ volume, domain, vdev, unzeroed }) => {
    const tags = volumeTags(domain, vdev, "disk").flatMap((tag) => ["--addtag", tag]);
    const made = [...MAKING, ...(unzeroed === undefined ? [] : [unzeroedTag(unzeroed)])];
    return [{ command: ["lvchange", ...made.flatMap((tag) => ["--deltag", tag]), ...tags, volume] }];
  },
  goals: ({ volume, domain, vdev }) => [{ goal: "volume-tagged", volume, tags: volumeTags(domain, vdev, "disk") }],
  effect: ({ volume, domain, vdev }, model) => {
    const found = model.host.volumes[volume];
    if (found === undefined) return model;
    const kept = withoutFills(found.tags).filter((tag) => tag !== COPY);
    return withVolume(model, { ...found, tags: [...new Set([...kept, ...volumeTags(domain, vdev, "disk")])] });
  },
};
