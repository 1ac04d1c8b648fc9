import { placeOf } from "../model/change.js";
import type { Change, DiscardImage, FinishMove, FinishReturn, ForgetRuns, MoveDisk, ReturnDisk } from "../model/change.js";
import type { Content } from "../model/storage.js";
import { formatApart, formatBytes } from "../model/bytes.js";
import { count, formatInstant } from "./figures.js";
import { hanging } from "./wrap.js";
import { visible } from "./visible.js";
import type { View } from "./view.js";

/** The disks of a guest before and after, as a diff: `-` what it runs on, `+` what it will run on. */
export function renderDisks(changes: readonly Change[], indent: string, view: View): readonly string[] {
  const nameWidth = Math.max(...changes.map((change) => visible(placeOf(change)).length), 0);
  return changes.flatMap((change) => {
    const name = visible(placeOf(change)).padEnd(nameWidth);
    const first = `${indent}${name}  `;
    const next = " ".repeat(first.length);
    const lines = linesOf(change);
    return lines.flatMap((line, i) => {
      const texts = hanging(`${i === 0 ? first : next}${line.mark} `, line.text, view.width);
      return texts.map((text) => paint(text, line.mark, view));
    });
  });
}

interface Line {
  readonly mark: "-" | "+" | "=";
  readonly text: string;
}

function linesOf(change: Change): readonly Line[] {
  switch (change.change) {
    case "move-disk": return moved(change);
    case "finish-move": return finished(change);
    case "return-disk": return returned(change);
    case "finish-return": return left(change);
    case "discard-image": return discarded(change);
    case "forget-runs": return forgotten(change);
  }
}

function moved(change: MoveDisk): readonly Line[] {
  const { image, to } = change;
  const [bytes, asked] = formatApart(to.bytes, to.askedBytes ?? to.bytes);
  const volume = [`volume ${visible(to.volume)}`, bytes, contentName(contentAfter(change))];
  if (to.askedBytes !== undefined && to.askedBytes !== to.bytes) {
    volume.push(`${asked} asked for, rounded up to extents of ${formatBytes(to.extentBytes)}`);
  }
  if (to.begun) volume.push("begun by an earlier run");
  return [
    { mark: "-", text: [`image ${visible(image.path)}`, formatBytes(image.bytes), contentName(image.content)].join(", ") },
    { mark: "+", text: volume.join(", ") },
  ];
}

/** What the volume will hold: one that is yet to be made gets what the image holds. */
export function contentAfter({ image, to }: MoveDisk): Content {
  return to.content.type === "unknown" || to.content.type === "blank" ? image.content : to.content;
}

function finished(change: FinishMove): readonly Line[] {
  return [{ mark: "=", text: `volume ${visible(change.volume)} already; what the earlier run left is tidied up` }];
}

const CARRIED: Readonly<Record<ReturnDisk["carry"], string>> = {
  nothing: "as it was left, without what was written since",
  swap: "nothing in it is missed",
  files: "with what was written since, carried back by files",
  blocks: "with what was written since, carried back by blocks",
};

function returned({ volume, image, path, carry, removeVolume }: ReturnDisk): readonly Line[] {
  const content = volume.content === undefined ? [] : [contentName(volume.content)];
  const after = removeVolume ? "removed afterwards" : "kept";
  return [
    { mark: "-", text: [`volume ${visible(volume.name)}`, formatBytes(volume.bytes), ...content, after].join(", ") },
    { mark: "+", text: [`image ${visible(path)}`, formatBytes(image.bytes), contentName(image.content), CARRIED[carry]].join(", ") },
  ];
}

function left({ volume, image, removeVolume, older }: FinishReturn): readonly Line[] {
  if (older === true) return [{ mark: "=", text: `volume ${visible(volume.name)} of an earlier move is marked as left, and kept` }];
  return [{ mark: "=", text: `image ${visible(image)} already; volume ${visible(volume.name)} is ${removeVolume ? "removed" : "marked as left"}` }];
}

function discarded({ image, retired, volume }: DiscardImage): readonly Line[] {
  const parts = [`image ${visible(image.path)}`, formatBytes(image.allocatedBytes), `retired ${formatInstant(retired.at)}`, "deleted"];
  return [{ mark: "-", text: parts.join(", ") }, { mark: "=", text: `volume ${visible(volume)}, on which it runs, stays` }];
}

function forgotten({ runs }: ForgetRuns): readonly Line[] {
  const bytes = runs.reduce((sum, run) => sum + run.bytes, 0);
  const [first, last] = [runs[0], runs.at(-1)];
  const when = first === undefined || last === undefined ? ""
    : first === last ? `, begun ${formatInstant(first.since)}` : `, begun ${formatInstant(first.since)} to ${formatInstant(last.since)}`;
  return [{ mark: "-", text: `books of ${count(runs.length, "old run")}, ${formatBytes(bytes)}${when}` }];
}

/** What a disk holds, in a word or two: `ext4`, `swap`, `partitions (gpt)`. */
export function contentName(content: Content): string {
  switch (content.type) {
    case "partitions": return `partitions (${content.table})`;
    case "unknown": return content.hint === undefined ? "unknown content" : `unknown content (${visible(content.hint)})`;
    case "ext2": case "ext3": case "ext4": case "xfs": case "swap": case "blank": return content.type;
  }
}

function paint(text: string, mark: Line["mark"], view: View): string {
  if (mark === "-") return view.style.removed(text);
  return mark === "+" ? view.style.added(text) : text;
}
