import type { Checked, Diagnostic } from "../model/diagnostic.js";
import type { ConfiguredDisk } from "../model/domain.js";
import type { SourceText } from "../model/source.js";
import type { ServedFormat } from "../model/storage.js";
import type { LocatedDisk } from "./disks.js";
import { placesOf, readDisks } from "./disks.js";
import type { DiskSpec, SpecPlace } from "./disk-spec.js";
import { parseXlConfig } from "./parse.js";
import type { XlSettings } from "./settings.js";
import { evaluate, sameSetting } from "./settings.js";
import { encodeString } from "./string-literal.js";
import type { XlConfig } from "./syntax.js";
import type { Replacement } from "../model/source.js";
import type { TextEdit } from "./text-edit.js";
import { applyEdits, makeEdits } from "./text-edit.js";
import { sameVdev } from "./vdev.js";

/** What a disk of a guest shall be served from: a block device of Dom0, or a file there. */
export interface DiskChange {
  /** By any name of the device: `xvda1`, `51713`. */
  readonly vdev: string;
  /** Path of the block device, or of the file. */
  readonly device: string;
  /** It is a file: one that is written `phy:/a,xvda1,w` becomes `file:/b,xvda1,w`. */
  readonly isFile?: boolean;
  /** What the file is; unset: raw, as block devices are. Whatever else it is, only QEMU can serve. */
  readonly format?: ServedFormat;
  /** A raw file, and QEMU is to serve it all the same, where the disk says who does. */
  readonly servedByQemu?: boolean;
  /** False: the guest is offered no discards on it, whatever the config says. Unset: it stays as it is. */
  readonly discards?: false;
}

/** A config that can be edited, read once for all edits of it. */
export interface EditableConfig {
  readonly parsed: XlConfig;
  readonly settings: XlSettings;
  readonly disks: readonly LocatedDisk[];
}

/** A disk as an edit shall leave it, with the parameters that {@link ConfiguredDisk} has no room for. */
type Wanted = Pick<DiskSpec, "disk" | "options">;

export interface ConfigEdit {
  /** In the order of the text. Empty where the config says already what it shall. */
  readonly edits: readonly TextEdit[];
  readonly before: SourceText;
  readonly after: SourceText;
  /** Every disk of the config after the edit, in its order. */
  readonly disks: readonly ConfiguredDisk[];
}

/** Block scripts that give a meaning of their own to a target: with a block device they would only fail. */
const SCRIPTS_OF_OTHER_TARGETS = new Set([
  "block-drbd",
  "block-iscsi",
  "block-nbd",
  "block-enbd",
  "block-tap",
  "block-dummy",
]);

/** What stands for bytes that were no UTF-8, or for half of a surrogate pair: by the `u` flag a whole pair is one. */
const NO_UTF8 = /[\uFFFD\uD800-\uDFFF]/u;

/**
 * Reads an xl config for edits.
 * @returns no value where it cannot be edited in place; the diagnostics say why
 */
export function openConfig(source: SourceText): Checked<EditableConfig> {
  const parsed = parseXlConfig(source);
  if (parsed.value === undefined) return { value: undefined, diagnostics: parsed.diagnostics };
  if (NO_UTF8.test(source.text)) {
    return failed({
      summary: "the config is not valid UTF-8, so that places in it cannot be counted in bytes",
      at: { source, start: 0, end: 0 },
      fix: "Convert it to UTF-8, for example with iconv.",
    });
  }
  const settings = evaluate(parsed.value);
  const read = readDisks(parsed.value, settings);
  if (read.diagnostics.some((d) => d.severity === "error")) return { value: undefined, diagnostics: read.diagnostics };
  return { value: { parsed: parsed.value, settings, disks: read.disks }, diagnostics: [] };
}

/**
 * Edits of an xl config that put disks of its guest on block devices, and change nothing else: comments,
 * order, quotes, layout and all other parameters stay byte for byte, and each disk keeps the style it is
 * written in (`file:/a,xvda1,w` becomes `phy:/b,xvda1,w`). A format other than the wanted one becomes that, a backend
 * type other than phy becomes phy (or qdisk, for what is not raw), and a script that belongs to another kind of target goes.
 * Discards are only touched where the change says so ({@link DiskChange.discards}).
 *
 * The result is parsed again and compared before it is returned.
 * @returns no value where it cannot be done in place; the diagnostics say why
 */
export function editDisks(source: SourceText, changes: readonly DiskChange[]): Checked<ConfigEdit> {
  const opened = openConfig(source);
  if (opened.value === undefined) return { value: undefined, diagnostics: opened.diagnostics };
  return editOpened(opened.value, changes);
}

/** As {@link editDisks}, of a config that has been read. */
export function editOpened(config: EditableConfig, changes: readonly DiskChange[]): Checked<ConfigEdit> {
  const { disks } = config;
  const { source } = config.parsed;
  const replacements: Replacement[] = [];
  const wanted = disks.map(({ disk, options }): Wanted => ({ disk, options }));
  const problems: Diagnostic[] = [];
  for (const change of changes) {
    const found = disks.flatMap((disk, index) =>
      sameVdev(disk.disk.vdev, change.vdev) ? [{ disk, index }] : [],
    );
    const [first, second] = found;
    if (first === undefined || second !== undefined) {
      problems.push(
        ...failed({
          summary:
            first === undefined
              ? `the config has no disk '${change.vdev}'`
              : `the config has more than one disk '${change.vdev}'`,
          at: first?.disk.at ?? { source, start: 0, end: 0 },
        }).diagnostics,
      );
      continue;
    }
    const edited = editDisk(source, first.disk, change);
    if (edited.value === undefined) problems.push(...edited.diagnostics);
    else {
      replacements.push(...edited.value.replacements);
      wanted[first.index] = edited.value.wanted;
    }
  }
  if (problems.length > 0) return { value: undefined, diagnostics: problems };

  const after = wanted.map(({ disk }) => disk);
  if (replacements.length === 0) return { value: { edits: [], before: source, after: source, disks: after }, diagnostics: [] };
  const edits = makeEdits(source.text, replacements);
  const edited: SourceText = { file: source.file, text: applyEdits(source.text, edits) };
  const difference = compare(config, edited, wanted);
  if (difference !== undefined) {
    return failed({
      summary: "the disk is written in a way that cannot be edited in place",
      detail: difference,
      at: disks.find((d) => changes.some((c) => sameVdev(c.vdev, d.disk.vdev)))?.at ?? {
        source,
        start: 0,
        end: 0,
      },
      fix: "Write the disk as 'TARGET,raw,VDEV,w' and run again.",
    });
  }
  return { value: { edits, before: source, after: edited, disks: after }, diagnostics: [] };
}

function failed(diagnostic: Omit<Diagnostic, "severity" | "code">): {
  value: undefined;
  diagnostics: Diagnostic[];
} {
  return { value: undefined, diagnostics: [{ severity: "error", code: "xl-edit", ...diagnostic }] };
}

/** Replacements for one disk, and the disk that they shall make of it. */
function editDisk(
  source: SourceText,
  located: LocatedDisk,
  change: DiskChange,
): Checked<{ readonly replacements: readonly Replacement[]; readonly wanted: Wanted }> {
  const { disk, node, at, places, options } = located;
  const name = `the disk '${disk.vdev}'`;
  const refuse = (summary: string, fix?: string): { value: undefined; diagnostics: Diagnostic[] } =>
    failed({ summary, at, ...(fix === undefined ? {} : { fix }) });
  if (node.kind !== "string") return refuse(`${name} is no string`);
  if (disk.cdrom) return refuse(`${name} is a CD drive: its medium stays where it is`);
  if (disk.backend !== undefined) {
    return refuse(
      `${name} is served by the domain '${disk.backend}', which does not see the devices of Dom0`,
    );
  }
  if (options["specification"] === "virtio") {
    return refuse(`${name} is a virtio disk, which a backend of type phy cannot serve`);
  }
  const target = places.find((place) => place.field === "target");
  if (target === undefined) return refuse(`${name} has no target`);
  if (target.form === "positional" && /[,=]|^[ \t\n]|^[a-z][a-z0-9]*:/.test(change.device)) {
    return refuse(
      `'${change.device}' cannot stand where ${name} has its target`,
      "Write the disk with target=… as its last parameter, which takes any path.",
    );
  }

  // in the disk's own string first; what stands where in the file is looked up at the end
  const cuts: Replacement[] = [];
  const set = (place: SpecPlace, text: string): void => {
    cuts.push({ start: place.valueStart, end: place.valueEnd, text });
  };
  const drop = (place: SpecPlace): void => {
    cuts.push({ start: place.start, end: place.end, text: "" });
  };
  const format = change.format ?? "raw";
  const servedBy = format === "raw" && change.servedByQemu !== true ? "phy" : "qdisk";
  // of the two words the last one counts
  const silenced = change.discards === false && options["discard"] !== "0";
  const discards = silenced ? places.filter((place) => place.form === "flag" && place.name === "discard") : [];
  // a flag may stand anywhere but behind target=, which takes all the rest
  const noDiscard = silenced && discards.length === 0 ? "no-discard" : "";
  const device = target.form === "positional" && noDiscard !== "" ? `${change.device},${noDiscard}` : change.device;
  const head = target.form !== "positional" && noDiscard !== "" ? `${noDiscard},` : "";
  const prefixes = places.filter((place) => place.form === "prefix");
  const [firstPrefix] = prefixes;
  if (firstPrefix !== undefined && isStretch(prefixes, target)) {
    // whatever the prefixes said was of the old target
    cuts.push({
      start: firstPrefix.start,
      end: target.valueEnd,
      text: target.form === "positional" ? `${prefixOf(change)}:${device}` : `${format === "raw" ? "" : `format=${format},`}${head}target=${device}`,
    });
  } else {
    const before = `${format !== "raw" && !places.some((place) => place.field === "format") ? `format=${format},` : ""}${head}`;
    if (before !== "") cuts.push({ start: target.start, end: target.start, text: before });
    set(target, device);
  }
  for (const place of discards) set(place, "no-discard");
  for (const place of places) {
    if (place.field === "format" && disk.format !== format) set(place, format);
    if (place.field === "backendtype" && disk.backendtype !== servedBy) set(place, servedBy);
    if (place.field === "script" && isOfOtherTargets(disk.script)) drop(place);
  }
  const { backendtype, script, ...rest } = disk;
  const keepsScript = script !== undefined && !isOfOtherTargets(script);
  const moved: ConfiguredDisk = {
    ...rest,
    target: change.device,
    format,
    ...(backendtype === undefined ? {} : { backendtype: servedBy }),
    ...(keepsScript ? { script } : {}),
  };
  const wanted: Wanted = { disk: moved, options: silenced ? { ...options, discard: "0" } : options };

  const unchanged =
    !silenced &&
    disk.target === moved.target &&
    disk.format === moved.format &&
    disk.backendtype === moved.backendtype &&
    disk.script === moved.script;
  if (unchanged) return { value: { replacements: [], wanted }, diagnostics: [] };
  const spots = placesOf(source, node);
  const replacements: Replacement[] = [];
  for (const cut of cuts) {
    const text = encodeString(cut.text, node.quote);
    const start = spots[cut.start];
    const end = spots[cut.end];
    if (text === undefined || start === undefined || end === undefined) {
      return refuse(`'${change.device}' cannot be written in an xl config`);
    }
    replacements.push({ start, end, text });
  }
  return { value: { replacements, wanted }, diagnostics: [] };
}

/** `file:` says nothing of what is in the file, which is raw then; the other formats have prefixes of their own. */
function prefixOf({ isFile, format = "raw" }: DiskChange): string {
  if (format !== "raw") return format;
  return isFile === true ? "file" : "phy";
}

/** Whether the prefixes stand next to each other and right before the target. */
function isStretch(prefixes: readonly SpecPlace[], target: SpecPlace): boolean {
  return prefixes.every((prefix, i) => prefix.end === (prefixes[i + 1]?.start ?? target.start));
}

function isOfOtherTargets(script: string | undefined): boolean {
  return script !== undefined && SCRIPTS_OF_OTHER_TARGETS.has(script.replace(/^.*\//s, ""));
}

/**
 * Parses the edited config and says how it is another one than was wanted; undefined where it is that one.
 */
function compare(before: EditableConfig, after: SourceText, wanted: readonly Wanted[]): string | undefined {
  const parsed = parseXlConfig(after).value;
  if (parsed === undefined) return "xl would refuse the edited config";
  if (parsed.statements.length !== before.parsed.statements.length) return "the edited config has other settings";
  const settings = evaluate(parsed);
  for (const [key, setting] of before.settings) {
    if (key === "disk") continue;
    if (!sameSetting(settings.get(key), setting)) return `the setting '${key}' would change`;
  }
  const { disks } = readDisks(parsed, settings);
  if (disks.length !== wanted.length) return "the edited config has another number of disks";
  for (const [index, disk] of disks.entries()) {
    const asked = wanted[index];
    if (asked === undefined || !sameMembers(disk.disk, asked.disk)) {
      return `the disk '${disk.disk.vdev}' would be ${JSON.stringify(disk.disk)}, not ${JSON.stringify(asked?.disk)}`;
    }
    if (!sameMembers(disk.options, asked.options)) {
      return `other parameters of the disk '${disk.disk.vdev}' would change`;
    }
  }
  return undefined;
}

/** Of objects whose members are plain values, in whatever order. */
function sameMembers(a: object, b: object): boolean {
  const others = new Map<string, unknown>(Object.entries(b));
  const mine = Object.entries(a);
  return mine.length === others.size && mine.every(([key, value]) => others.has(key) && others.get(key) === value);
}
