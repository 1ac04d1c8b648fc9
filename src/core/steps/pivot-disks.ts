import type { ConfiguredDisk } from "../model/domain.js";
import type { StepKind } from "../model/step.js";
import { diskKey, withDisk, withDomain, withGhost, withRunning } from "../model/transform.js";
import { replaceBytes } from "../xl/text-edit.js";
import type { EditConfig } from "./edit-config.js";
import { isAtWork, onNode, qmp } from "./qemu-mirror.js";

export interface PivotDisks {
  readonly domain: string;
  readonly disks: readonly PivotedDisk[];
  readonly edit: EditConfig;
  /** What xl has stored, after and before. */
  readonly stored: readonly ConfiguredDisk[];
  readonly oldStored: readonly ConfiguredDisk[];
}

export interface PivotedDisk {
  readonly vdev: string;
  readonly device: string;
  /** Job and node have one name. */
  readonly job: string;
  /** The image, and how libxl has it stored. */
  readonly image: string;
  readonly backend: string;
  readonly format: string;
  /** Those of `edit` that are about this disk. */
  readonly edits: EditConfig["edits"];
}

/**
 * The commit of disks that QEMU mirrors, in one process, as the guest waits for its disks meanwhile: the jobs are
 * completed, which ends the copy and holds back what the guest writes; then both configs are switched, and then the
 * jobs are finalised, with which the guest is on its volumes. Until then image and volume are equal.
 */
export const pivotDisks: StepKind<"pivot-disks", PivotDisks> = {
  kind: "pivot-disks",
  risk: "safe",
  // begun in the midst of its step: once both configs name the volumes
  commits: ({ domain, edit }, model) => (model.host.domains[domain]?.config?.sha256 === edit.after ? "running" : undefined),
  requires: ["python3", "xl", "sha256sum", "head", "tail"],
  title: ({ domain, disks }) => `Switch ${domain} and its configs to ${disks.map(({ device }) => diskKey(device)).join(", ")}: the commit`,
  actions: ({ domain, disks, edit }) => {
    const each = (command: string): string => disks.map(({ job }) => qmp(command, { id: job })).join(" ");
    return [
      {
        verb: [
          "draft_config", edit.path, edit.before, edit.after,
          ...edit.edits.flatMap(({ start, end, text }) => [String(start), String(end), text]),
        ],
        shown: `write the new text of ${edit.path} beside it, as the diff above shows; the old text is kept`,
      },
      {
        verb: [
          "pivot", domain, edit.path,
          ...disks.flatMap(({ vdev, device, job, image, backend, format, edits }) =>
            [vdev, device, job, image, backend, format, JSON.stringify(edits.map(({ start, end, text }) => [start, end, text]))]),
        ],
        shown:
          `QMP of ${domain}: ${each("job-complete")} until pending; rename the new ${edit.path} over the old; name ` +
          `${disks.map(({ vdev, device }) => `${device} for ${vdev}`).join(", ")} in what libxl has stored; ${each("job-finalize")}` +
          (disks.length > 1 ? "; where one fails after the first, both name the image of its disk again" : ""),
      },
    ];
  },
  goals: ({ domain, disks, edit }) => [
    { goal: "config", path: edit.path, sha256: edit.after, before: edit.before },
    { goal: "on-volumes", domain, disks: disks.map(({ vdev, device }) => ({ vdev, target: device })) },
  ],
  refuses: ({ domain, disks }, model) => disks.some(({ job }) => !isAtWork(model, domain, job)),
  effect: ({ domain, disks, edit, stored }, model) => {
    const found = model.host.domains[domain];
    if (found?.config === undefined || found.running === undefined) return model;
    const { text } = found.config;
    const edited = { ...text, text: replaceBytes(text.text, edit.edits) };
    let now = withDomain(model, { ...found, config: { ...found.config, sha256: edit.after, disks: edit.disks, text: edited } });
    now = withRunning(now, domain, { ...found.running, stored });
    for (const { vdev, device, job, image } of disks) {
      const holds = now.ghost.disks[image];
      if (holds !== undefined) now = withDisk(now, diskKey(device), holds);
      now = onNode(now, domain, vdev, job);
    }
    return withGhost(now, { committed: [...now.ghost.committed, domain], renamed: { ...now.ghost.renamed, [edit.before]: text.text } });
  },
  undo: ({ domain, disks, edit, oldStored }) => ({
    when: [],
    actions: [
      {
        verb: [
          "unpivot", domain, edit.path, edit.after,
          ...disks.flatMap(({ vdev, device, image, backend, format }) => [vdev, device, image, backend, format]),
        ],
        shown: `put the old text of ${edit.path} back, and what libxl had stored`,
      },
    ],
    effect: (model) => {
      const found = model.host.domains[domain];
      if (found?.config === undefined || model.ghost.committed.includes(domain)) return model;
      const { text } = found.config;
      const old = { ...text, text: model.ghost.renamed[edit.before] ?? text.text };
      const config = withDomain(model, { ...found, config: { ...found.config, sha256: edit.before, disks: edit.oldDisks, text: old } });
      return found.running === undefined ? config : withRunning(config, domain, { ...found.running, stored: oldStored });
    },
  }),
};
