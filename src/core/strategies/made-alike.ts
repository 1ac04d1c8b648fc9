import type { ToolState } from "../model/host-state.js";
import type { ExtContent, XfsContent } from "../model/storage.js";

/**
 * What the host's mke2fs and mkfs.xfs can make: a file system with more than the guest's kernel knows would not be mounted by it, one
 * with less than it had would not be what it was, and an option that the tool does not know ends it.
 */

type Since = Readonly<Record<string, readonly [major: number, minor: number]>>;

/** Options of mkfs.xfs, by the version of xfsprogs that first knew each (doc/CHANGES): those that came after 4.16, in 2018. */
const XFS: Since = { "m.inobtcount": [5, 10], "m.bigtime": [5, 10], "i.nrext64": [5, 19], "i.exchange": [6, 10], "n.parent": [6, 10] };
/** Features of mke2fs, by that of e2fsprogs (doc/RelNotes): those that came after 1.44, in 2018, and that some mke2fs makes unasked. */
const EXT: Since = { fast_commit: [1, 46], orphan_file: [1, 47] };

/** What has a bit of its own that e2fsprogs has no name for (lib/e2p/feature.c). */
const UNNAMED = /^FEATURE_/;

/** Why the host makes no such file system; empty where it does, or where the version of its tools is not known. */
export function againstMaking(content: ExtContent | XfsContent, tools: Readonly<Record<string, ToolState>>): readonly string[] {
  const [tool, since] = content.type === "xfs" ? ["mkfs.xfs", XFS] as const : ["mke2fs", EXT] as const;
  const version = tools[tool]?.version;
  const has = content.type === "xfs"
    ? Object.entries(content.features).flatMap(([name, value]) => (value === 0 ? [] : [name]))
    : content.features;
  const unnamed = has.filter((name) => UNNAMED.test(name));
  const later = has.filter((name) => !knows(version, since[name]));
  return [
    ...(unnamed.length === 0 ? [] : [`it has features that ${tool} has no names for (${unnamed.join(", ")})`]),
    ...(later.length === 0
      ? []
      : [`the host's ${tool} (${version ?? ""}) does not know ${later.map((name) => name.replace(/^[a-z]\./, "")).join(" and ")}, which it has`]),
  ];
}

/** With each option of mkfs.xfs that the host's knows, and no other: what is left out some make by themselves. */
export function asXfsIsAsked(content: XfsContent, tools: Readonly<Record<string, ToolState>>): XfsContent {
  const version = tools["mkfs.xfs"]?.version;
  if (version === undefined) return content;
  const later = Object.keys(XFS);
  const kept = Object.entries(content.features).filter(([name]) => knows(version, XFS[name]));
  // what needs checksums can not even be refused without them
  const missing = content.features["m.crc"] === 1 ? later.filter((name) => knows(version, XFS[name]) && !Object.hasOwn(content.features, name)) : [];
  return { ...content, features: Object.fromEntries([...kept, ...missing.map((name): [string, number] => [name, 0])]) };
}

function knows(version: string | undefined, since: Since[string] | undefined): boolean {
  if (version === undefined || since === undefined) return true;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > since[0] || (major === since[0] && minor >= since[1]);
}
