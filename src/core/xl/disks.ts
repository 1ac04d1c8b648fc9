import type { Diagnostic } from "../model/diagnostic.js";
import type { SourceRange, SourceText } from "../model/source.js";
import type { DiskSpec } from "./disk-spec.js";
import { parseDiskSpec } from "./disk-spec.js";
import type { XlSettings } from "./settings.js";
import { listOf, stringsOf } from "./settings.js";
import { decodeString } from "./string-literal.js";
import type { XlConfig, XlNumber, XlString } from "./syntax.js";
import { virtualDeviceNumber } from "./vdev.js";

/** A disk of a config, and the literal that it was written as. */
export interface LocatedDisk extends DiskSpec {
  readonly node: XlString | XlNumber;
  /** The text inside the quotes. */
  readonly at: SourceRange;
}

/**
 * The disks of a config, in its order, as xl would see them.
 * @param settings those of the same config
 */
export function readDisks(
  config: XlConfig,
  settings: XlSettings,
): { readonly disks: readonly LocatedDisk[]; readonly diagnostics: readonly Diagnostic[] } {
  const { source } = config;
  const disks: LocatedDisk[] = [];
  const diagnostics: Diagnostic[] = [];
  const setting = settings.get("disk");
  if (setting?.value.kind === "atom") {
    const [first] = setting.statements;
    diagnostics.push({
      severity: "warning",
      code: "xl-disk",
      summary: "'disk' is no list: xl gives the guest no disks",
      ...(first === undefined ? {} : { at: { source, start: first.start, end: first.value.end } }),
      fix: "Put the disks in brackets: disk = [ '…' ]",
    });
  }
  const nodes = stringsOf(settings, "disk");
  const stopper = listOf(settings, "disk")?.[nodes.length];
  if (stopper !== undefined) {
    diagnostics.push({
      severity: "warning",
      code: "xl-disk",
      summary: "a list among the disks: xl reads neither it nor any disk behind it",
      at: { source, start: stopper.start, end: stopper.end },
      fix: "Take the inner brackets away.",
    });
  }
  const seen = new Set<string | number>();
  for (const node of nodes) {
    const { spec, problems } = parseDiskSpec(node.value);
    // the places of characters are looked up only when there is something to point at
    const places = problems.length === 0 ? undefined : placesOf(source, node);
    for (const { severity, start, end, summary, detail, fix } of problems) {
      const at: SourceRange = {
        source,
        start: places?.[start] ?? node.start,
        end: places?.[end] ?? node.end,
      };
      diagnostics.push({
        severity,
        code: "xl-disk",
        summary,
        at,
        ...(detail === undefined ? {} : { detail }),
        ...(fix === undefined ? {} : { fix }),
      });
    }
    if (spec === undefined) continue;
    const inset = node.kind === "string" ? 1 : 0;
    const at: SourceRange = { source, start: node.start + inset, end: node.end - inset };
    const number = virtualDeviceNumber(spec.disk.vdev);
    if (spec.disk.vdev !== "" && number === undefined) {
      diagnostics.push({
        severity: "warning",
        code: "xl-disk",
        at,
        summary: `'${spec.disk.vdev}' is no name of a virtual device: the guest will not start`,
      });
    }
    if (seen.has(number ?? spec.disk.vdev)) {
      diagnostics.push({
        severity: "warning",
        code: "xl-disk",
        at,
        summary: `the device '${spec.disk.vdev}' is there twice`,
      });
    }
    seen.add(number ?? spec.disk.vdev);
    disks.push({ disk: spec.disk, places: spec.places, options: spec.options, node, at });
  }
  return { disks, diagnostics };
}

/** Where each character of a literal's value was written; one entry more than it has characters. */
export function placesOf(source: SourceText, node: XlString | XlNumber): readonly number[] {
  if (node.kind === "string") return decodeString(source.text, node.start, node.end).places;
  return Array.from({ length: node.value.length + 1 }, (_, i) => node.start + i);
}
