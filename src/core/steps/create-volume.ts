import { formatBytes } from "../model/bytes.js";
import { withRecycled } from "../model/recycled.js";
import { withDisk, withFreeExtents, withVolume } from "../model/transform.js";
import type { StepKind } from "../model/step.js";
import { lvmSize } from "./lvm-size.js";
import { plannedUuid } from "../model/storage.js";

export interface CreateVolume {
  readonly volume: string;
  /** Whole extents. */
  readonly bytes: number;
  readonly extentBytes: number;
  readonly tags: readonly string[];
  /** Tags that a new one gets too, and that one which is there already may lack. */
  readonly marks?: readonly string[];
}

/**
 * A new logical volume that carries our tags from its first moment. `--wipesignatures` and `--yes` take away what
 * recycled extents say in their first blocks; zero-volume does the rest. It has no undo: a copy that was begun is
 * kept, so that the next run only carries what differs.
 */
export const createVolume: StepKind<"create-volume", CreateVolume> = {
  kind: "create-volume",
  risk: "safe",
  requires: ["lvcreate"],
  title: ({ volume, bytes }) => `Create ${volume}, ${formatBytes(bytes)}`,
  actions: ({ volume, bytes, tags, marks = [] }) => {
    const [group = "", name = ""] = volume.split("/");
    const tagging = [...tags, ...marks].flatMap((tag) => ["--addtag", tag]);
    return [
      {
        command: [
          "lvcreate", "--yes", "--wipesignatures", "y", "--zero", "y",
          "--size", lvmSize(bytes), ...tagging, "--name", name, group,
        ],
      },
    ];
  },
  goals: ({ volume, bytes, tags }) => [{ goal: "volume-exists", volume, bytes, tags }],
  effect: ({ volume, bytes, extentBytes, tags, marks = [] }, model) => {
    const [group = ""] = volume.split("/");
    const made = withVolume(model, {
      name: volume as `${string}/${string}`, uuid: plannedUuid(volume), kind: "linear", bytes, tags: [...tags, ...marks], active: true,
      open: false, holders: [], content: { type: "unknown", hint: "recycled extents" },
    });
    const spent = withFreeExtents(made, group, -bytes / extentBytes);
    return withDisk(withRecycled(spent, volume), volume, { writes: -1, deceptive: false, consistent: false });
  },
};
