import { createTwoFilesPatch } from "diff";
import type { MoveDisk } from "../model/change.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { Domain, DomainConfig } from "../model/domain.js";
import { volumePath } from "../model/names.js";
import type { ConfigChange } from "../model/plan.js";
import type { EditConfig } from "../steps/edit-config.js";
import type { ConfigEdit, EditableConfig } from "../xl/edit.js";
import { editOpened, openConfig } from "../xl/edit.js";
import { redact } from "../xl/secrets.js";
import type { Sha256 } from "./digest.js";

/** A guest's config, and what becomes of it. */
export interface Edited {
  readonly opened?: EditableConfig;
  /** With the disks on their volumes. */
  readonly edited?: ConfigEdit;
  readonly edit?: EditConfig;
  readonly diff?: ConfigChange;
  readonly diagnostics: readonly Diagnostic[];
}

/** The edit that puts the disks of these moves on their volumes; no value where the config can not be read or edited. */
export function editOf(domain: Domain, moves: readonly MoveDisk[], sha256: Sha256): Edited {
  const { config } = domain;
  if (config === undefined) return { diagnostics: [] };
  const wanted = moves.map(({ vdev, to }) => ({ vdev, device: volumePath(to.volume) }));
  const opened = openConfig(config.text);
  if (opened.value === undefined) return { diagnostics: opened.diagnostics };
  const { value, diagnostics } = editOpened(opened.value, wanted);
  if (value === undefined) return { diagnostics };
  return {
    diagnostics, opened: opened.value, edited: value,
    edit: {
      domain: domain.name, path: config.path, before: config.sha256, after: sha256(value.after.text),
      edits: value.edits.map(({ byteStart, byteEnd, text }) => ({ start: byteStart, end: byteEnd, text })),
      disks: value.disks, oldDisks: config.disks,
    },
    diff: configChange(config, value.after.text),
  };
}

/** The diff is made when somebody looks at it: of most plans nobody does. */
export function configChange({ path, text: { text: before } }: DomainConfig, after: string): ConfigChange {
  let made: string | undefined;
  return { path, get diff() { return made ??= configDiff(path, before, after); } };
}

function configDiff(path: string, before: string, after: string): string {
  const patch = createTwoFilesPatch(path, path, redact(before), redact(after), "", "", { context: 2 });
  // the library's first line is a separator that says nothing
  return patch.replace(/^=+\n/, "");
}
