import type { Diagnostic, Checked } from "../model/diagnostic.js";
import type { Domain } from "../model/domain.js";
import { volumePath } from "../model/names.js";
import type { DiskMove, Fragments } from "../strategies/strategy.js";
import type { DerivedConfigs } from "../switches/mirrored.js";
import { derivedPath } from "../switches/mirrored.js";
import type { Derived } from "../switches/take-over.js";
import { deriveConfig } from "../xl/derive.js";
import type { ConfigEdit, DiskChange, EditableConfig } from "../xl/edit.js";
import { editOpened } from "../xl/edit.js";
import type { Edited } from "./config-edit.js";
import type { Sha256 } from "./digest.js";

interface DerivedOf {
  readonly configs?: DerivedConfigs;
  readonly diagnostics: readonly Diagnostic[];
}

/** One config that is made of the guest's own for as long as it runs: it keeps who the guest is. */
export function derivedOf(
  { name, config, running }: Domain, which: keyof DerivedConfigs, opened: EditableConfig, from: Checked<ConfigEdit>, sha256: Sha256,
): { readonly derived?: Derived; readonly diagnostics: readonly Diagnostic[] } {
  if (config === undefined || running === undefined) return { diagnostics: [] };
  const identity = { uuid: running.uuid, macs: running.macs ?? [], passedThrough: running.passedThrough === true };
  const { value, diagnostics } = from.value === undefined ? from : deriveConfig(opened, from.value, identity);
  if (value === undefined) return { diagnostics };
  const edits = value.edits.map(({ byteStart, byteEnd, text }) => ({ start: byteStart, end: byteEnd, text }));
  return {
    diagnostics,
    derived: {
      disks: value.disks,
      file: { from: config.path, before: config.sha256, to: derivedPath(name, which), after: sha256(value.after.text), edits },
    },
  };
}

/**
 * A disk on a device that mirrors it. What the guest discards there would punch holes into an image that was looked at for holes,
 * and make image and volume differ that are to be equal. The config in /etc/xen says nothing of it: it names image or volume.
 */
export function ontoDevice(vdev: string, device: string): DiskChange {
  return { vdev, device, discards: false };
}

/** The configs that take a running guest onto its mappings and stay with xl afterwards. */
export function deriveConfigs(
  domain: Domain, chosen: readonly { readonly move: DiskMove; readonly fragments: Fragments }[], { opened, edited }: Edited, sha256: Sha256,
): DerivedOf {
  const { config, running } = domain;
  if (config === undefined || running === undefined || opened === undefined) return { diagnostics: [] };
  const diagnostics: Diagnostic[] = [];
  const derive = (which: keyof DerivedConfigs, from: Checked<ConfigEdit>): Derived | undefined => {
    const { derived, diagnostics: found } = derivedOf(domain, which, opened, from, sha256);
    if (derived === undefined && diagnostics.length === 0) diagnostics.push(...found);
    return derived;
  };
  const onto = chosen.map(({ move: { change: { vdev, to } }, fragments: { mirror } }): DiskChange =>
    mirror === undefined ? { vdev, device: volumePath(to.volume) } : ontoDevice(vdev, mirror.onto));
  const before = derive("before", editOpened(opened, []));
  const next = derive("next", editOpened(opened, onto));
  const stored = derive("stored", { value: edited, diagnostics: [] });
  if (before === undefined || next === undefined || stored === undefined) return { diagnostics };
  return { configs: { before, next, stored }, diagnostics };
}
