import type { MoveOptions } from "../model/desired.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { volumePath } from "../model/names.js";
import type { DiskMove, Fragments } from "../strategies/strategy.js";
import { clonedDisk, rehearsalPath } from "../switches/rehearse.js";
import type { Rehearsal } from "../switches/rehearse.js";
import { cloneConfig } from "../xl/clone.js";
import { editOpened } from "../xl/edit.js";
import type { EditableConfig } from "../xl/edit.js";

/** The clone that is asked for, of a guest whose config has been read; no value where none is asked for. */
export function rehearsalOf(
  { name, config }: Domain, chosen: readonly { readonly move: DiskMove; readonly fragments: Fragments }[],
  opened: EditableConfig | undefined, options: MoveOptions, state: HostState, sha256: (text: string) => string,
): { readonly rehearsal?: Rehearsal; readonly diagnostics: readonly Diagnostic[] } {
  if (options.rehearse !== true || config === undefined || opened === undefined || chosen.length === 0) return { diagnostics: [] };
  const disks = chosen.map(({ move, fragments: { rehearsal } }) => {
    // whatever can not be rehearsed on does not fit
    if (rehearsal === undefined) throw new Error(`nothing to rehearse on for ${move.change.vdev} of ${name}`);
    return clonedDisk(name, move.change.vdev, rehearsal, options, state);
  });
  const { value, diagnostics } = editOpened(opened, disks.map(({ vdev, snapshot }) => ({ vdev, device: volumePath(snapshot) })));
  if (value === undefined) return { diagnostics };
  const clone = cloneConfig(name, config.type === "hvm", opened, value);
  const edits = clone.edits.map(({ byteStart, byteEnd, text }) => ({ start: byteStart, end: byteEnd, text }));
  return {
    diagnostics,
    rehearsal: {
      disks, file: { from: config.path, before: config.sha256, to: rehearsalPath(name), after: sha256(clone.after.text), edits },
    },
  };
}
