import type { Checked } from "../model/diagnostic.js";
import type { ConfigEdit, EditableConfig } from "./edit.js";
import { stringOf, stringsOf } from "./settings.js";
import { encodeString } from "./string-literal.js";
import { applyEdits, makeEdits } from "./text-edit.js";

/** Who a running guest is, apart from its config: what libxl made up where the config does not say. */
export interface Identity {
  readonly uuid: string;
  /** Of its network cards, in their order. */
  readonly macs: readonly string[];
  /** It has PCI devices of the host's. */
  readonly passedThrough: boolean;
}

/**
 * A config for one command only, made from a guest's own: other disks, and the identity of the guest that runs, which
 * a restore, a migration or `xl config-update` would else make anew. Written behind the old text: of a key that stands
 * twice the last one counts.
 * @param edited with the other disks
 * @returns no value where its network cards or PCI devices are not those that the guest has
 */
export function deriveConfig({ settings }: EditableConfig, edited: ConfigEdit, identity: Identity): Checked<ConfigEdit> {
  const lines: string[] = [];
  if (stringOf(settings, "uuid")?.toLowerCase() !== identity.uuid) lines.push(`uuid = "${identity.uuid}"`);
  const vifs = stringsOf(settings, "vif").map(({ value }) => value);
  if (vifs.length !== identity.macs.length) {
    return {
      value: undefined,
      diagnostics: [
        {
          severity: "error", code: "stored-config-differs",
          summary: `the config names ${vifs.length} network cards, and the guest has ${identity.macs.length}`,
          fix: "Bring the config to what the guest has (xl network-list), or restart the guest from it.",
        },
      ],
    };
  }
  if (identity.passedThrough && stringsOf(settings, "pci").length === 0) {
    return {
      value: undefined,
      diagnostics: [
        {
          severity: "error", code: "stored-config-differs",
          summary: "the guest has PCI devices of the host's that were plugged in since, and the config names none",
          fix: "Bring the config to what the guest has (xl pci-list), plug them out, or restart the guest from its config.",
        },
      ],
    };
  }
  const named = vifs.map((vif, index) => withMac(vif, identity.macs[index] ?? ""));
  if (named.some((vif, index) => vif !== vifs[index])) {
    const encoded = named.map((vif) => encodeString(vif, '"'));
    if (encoded.includes(undefined)) throw new Error("a vif that was read can not be written");
    lines.push(`vif = [ ${encoded.map((vif) => `"${vif ?? ""}"`).join(", ")} ]`);
  }
  if (lines.length === 0) return { value: edited, diagnostics: [] };
  const { text } = edited.before;
  const behind = makeEdits(text, [
    { start: text.length, end: text.length, text: `${text.endsWith("\n") ? "" : "\n"}${lines.join("\n")}\n` },
  ]);
  const edits = [...edited.edits, ...behind];
  const after = { ...edited.after, text: applyEdits(text, edits) };
  return { value: { ...edited, edits, after }, diagnostics: [] };
}

function withMac(vif: string, mac: string): string {
  if (mac === "" || /(^|,)\s*mac\s*=/.test(vif)) return vif;
  return vif.trim() === "" ? `mac=${mac}` : `${vif},mac=${mac}`;
}
