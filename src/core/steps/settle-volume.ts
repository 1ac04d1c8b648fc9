import { FILLS, FORMATS_SERVED, SERVED_BY_QEMU, formatTag, unzeroedTag, volumeTags, withoutFills } from "../model/names.js";
import type { StepKind } from "../model/step.js";
import type { ServedFormat } from "../model/storage.js";
import { withVolume } from "../model/transform.js";

export interface SettleVolume {
  readonly volume: string;
  readonly domain: string;
  readonly vdev: string;
  /** What was not zeroed of it before all blocks were copied ({@link unzeroedTag}). */
  readonly unzeroed?: number;
  /** Whether QEMU served the image; unset: its tag is right already. */
  readonly servedByQemu?: boolean;
  /** As what the config had the image; unset: its tag says so already, or nobody knows any more. */
  readonly format?: ServedFormat;
}

const COPY = "converge.role=copy";
const MAKING: readonly string[] = [COPY, ...Object.values(FILLS)];

/** The volume is the guest's disk now, no longer a copy in the making. */
export const settleVolume: StepKind<"settle-volume", SettleVolume> = {
  kind: "settle-volume",
  risk: "safe",
  requires: ["lvchange"],
  title: ({ volume, domain, vdev }) => `Mark ${volume} as ${vdev} of ${domain}`,
  actions: (args) => {
    const { volume, unzeroed } = args;
    const tags = settledTags(args).flatMap((tag) => ["--addtag", tag]);
    const made = [
      ...MAKING, ...(unzeroed === undefined ? [] : [unzeroedTag(unzeroed)]), ...wrongOf(args),
    ];
    return [{ command: ["lvchange", ...made.flatMap((tag) => ["--deltag", tag]), ...tags, volume] }];
  },
  goals: (args) => [{ goal: "volume-tagged", volume: args.volume, tags: settledTags(args) }],
  effect: (args, model) => {
    const found = model.host.volumes[args.volume];
    if (found === undefined) return model;
    const wrong = wrongOf(args);
    const kept = withoutFills(found.tags).filter((tag) => tag !== COPY && !wrong.includes(tag));
    return withVolume(model, { ...found, tags: [...new Set([...kept, ...settledTags(args)])] });
  },
};

function settledTags({ domain, vdev, servedByQemu, format }: SettleVolume): readonly string[] {
  return [
    ...volumeTags(domain, vdev, "disk"), ...(format === undefined ? [] : [formatTag(format)]), ...(servedByQemu === true ? [SERVED_BY_QEMU] : []),
  ];
}

/** Of how the image was served: what an earlier run has said, and is not so. */
function wrongOf({ servedByQemu, format }: SettleVolume): readonly string[] {
  return [
    ...(format === undefined ? [] : FORMATS_SERVED.filter((other) => other !== format).map(formatTag)),
    ...(servedByQemu === false ? [SERVED_BY_QEMU] : []),
  ];
}
