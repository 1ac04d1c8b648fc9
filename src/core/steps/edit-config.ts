import type { ConfiguredDisk } from "../model/domain.js";
import { verdict } from "../goals/verdict.js";
import type { AttachedGoal } from "../model/goal.js";
import { replaceBytes } from "../xl/text-edit.js";
import type { Model } from "../model/model.js";
import type { Action, StepKind } from "../model/step.js";
import { diskKey, withDomain, withGhost, withoutFile } from "../model/transform.js";
import { draftPath } from "./draft.js";
import { sameVdev } from "../xl/vdev.js";

export interface EditConfig {
  readonly domain: string;
  readonly path: string;
  /** SHA-256 of the file before and after, in hex. */
  readonly before: string;
  readonly after: string;
  /** Byte ranges of the old file, ascending, and what stands there afterwards. */
  readonly edits: readonly { readonly start: number; readonly end: number; readonly text: string }[];
  /** The disks that the new text names: for the model. */
  readonly disks: readonly ConfiguredDisk[];
  readonly oldDisks: readonly ConfiguredDisk[];
  /**
   * How the new disks stand to the old ones. `at-rest`: the guest is down, and whatever is written to a new one from here
   * on is the guest's, and on that one only. `mirrored`: a new one has whatever the guest writes, wherever it does. Unset
   * where the commit was before: nothing takes the edit back.
   */
  readonly standing?: "at-rest" | "mirrored";
}

/** Writes the guest's config anew, beside the old one and then over it in one rename. All else stays byte for byte. */
export const editConfig: StepKind<"edit-config", EditConfig> = {
  kind: "edit-config",
  risk: "safe",
  requires: ["sha256sum", "head", "tail", "mv", "timeout"],
  title: ({ path }) => `Edit ${path}`,
  actions: ({ path, before, after, edits, disks, oldDisks, standing }) => [
    ...(standing === "at-rest" ? [noting(moved(disks, oldDisks).map(({ target }) => target))] : []),
    {
      verb: [
        "edit_config", path, before, after,
        ...edits.flatMap(({ start, end, text }) => [String(start), String(end), text]),
      ],
      shown: `replace ${path} as the diff above shows; the old text is kept`,
    },
  ],
  goals: ({ path, before, after }) => [{ goal: "config", path, sha256: after, before }],
  effect: ({ domain, path, before, after, disks, oldDisks, edits, standing }, model) => {
    const found = model.host.domains[domain];
    if (found?.config === undefined) return model;
    const { text } = found.config;
    const edited = withDomain(withoutFile(model, draftPath({ domain, path })), {
      ...found, config: { ...found.config, sha256: after, disks, text: { ...text, text: replaceBytes(text.text, edits) } },
    });
    const renamed = { ...model.ghost.renamed, [before]: text.text };
    if (standing !== "at-rest") return withGhost(edited, { renamed });
    const writtenWhenNamed = Object.fromEntries(moved(disks, oldDisks).map(({ target }) => [target, writesOf(target, model)]));
    return withGhost(edited, { renamed, writtenWhenNamed });
  },
  undo: ({ domain, path, before, after, disks, oldDisks, standing }) => standing === undefined ? undefined : {
    // it looks itself: somebody else may have changed the text since, and then it is what the text names that counts
    when: [],
    actions: [
      {
        verb: ["restore_config", path, after, standing, domain, ...moved(disks, oldDisks).flatMap(({ vdev, target }) => [vdev, target])],
        shown: `put the old text of ${path} back, unless ${domain} ${standing === "at-rest" ? "has been" : "is down or was"} started on its new disks meanwhile`,
      },
    ],
    effect: (model) => {
      const found = model.host.domains[domain];
      if (found?.config?.sha256 !== after) return model;
      // started meanwhile from the new text: its old disks lack what it has written since
      const stays = withGhost(model, { staying: [...(model.ghost.staying ?? []), domain] });
      if (verdict({ goal: "attached", domain, disks: moved(disks, oldDisks) }, model) === "done") return stays;
      // mirrored: the new disk has whatever the guest wrote, also since it came up there alone, by its own reboot say
      if (standing === "mirrored" && found.running === undefined && !found.saved) return stays;
      // and stopped again since
      const used = ({ target }: AttachedGoal): boolean => writesOf(target, model) !== model.ghost.writtenWhenNamed?.[target];
      if (standing === "at-rest" && found.running === undefined && moved(disks, oldDisks).some(used)) return stays;
      const { text } = found.config;
      const old = { ...text, text: model.ghost.renamed[before] ?? text.text };
      return withDomain(model, { ...found, config: { ...found.config, sha256: before, disks: oldDisks, text: old } });
    },
  },
};

function noting(targets: readonly string[]): Action {
  return { verb: ["note_disks", ...targets], shown: `note how much has been written to ${targets.join(" and ")} until now` };
}

function writesOf(target: string, { ghost }: Model): number {
  return ghost.disks[diskKey(target)]?.writes ?? -1;
}

/** Disks that the new text names and the old one did not. */
function moved(disks: readonly ConfiguredDisk[], oldDisks: readonly ConfiguredDisk[]): readonly AttachedGoal[] {
  return disks
    .filter(({ vdev, target }) => !oldDisks.some((old) => sameVdev(old.vdev, vdev) && old.target === target))
    .map(({ vdev, target }) => ({ vdev, target }));
}
