import { parseBytes } from "../model/bytes.js";
import type { MoveOptions, SnapshotSize, TimeWindow } from "../model/desired.js";
import { parseDuration } from "./duration.js";
import type { PlayReader } from "./play-reader.js";
import type { Path } from "./document.js";
import type { MoveData } from "./schema/playbook.js";
import { parseWindow, windowProblem } from "./window.js";

/** `move` of a play, a domain or a disk as options: units resolved, ranges checked by the schema before. */
export function readMove(data: MoveData | undefined, path: Path, reader: PlayReader): MoveOptions {
  if (data === undefined) return {};
  const window = readWindow(data.window, [...path, "window"], reader);
  const downtime = duration(data.downtime);
  const shutdown = reader.limit(data.shutdown?.timeout, [...path, "shutdown", "timeout"]);
  const keepFor = duration(data.keep_for);
  const throttle = readThrottle(data, path, reader);
  const size = readSnapshotSize(data.snapshot?.size, [...path, "snapshot", "size"], reader);
  return {
    ...(data.strategy === undefined ? {} : { strategy: data.strategy }),
    ...(data.switch === undefined ? {} : { switch: data.switch }),
    ...(data.finish === undefined ? {} : { finish: data.finish }),
    ...(window === undefined ? {} : { window }),
    ...(downtime === undefined ? {} : { downtimeSeconds: downtime }),
    ...(data.source === undefined ? {} : { source: data.source }),
    ...(keepFor === undefined ? {} : { keepForSeconds: keepFor }),
    ...(data.offline === undefined ? {} : { offline: data.offline }),
    ...(data.verify === undefined ? {} : { verify: data.verify }),
    ...(shutdown === undefined ? {} : { shutdownTimeoutSeconds: shutdown }),
    ...(data.shutdown?.destroy === undefined ? {} : { destroy: data.shutdown.destroy }),
    ...readRehearsal(data.rehearse, [...path, "rehearse"], reader),
    ...(data.passes === undefined ? {} : { passes: data.passes }),
    ...(throttle === undefined ? {} : { throttle }),
    ...(size === undefined ? {} : { snapshot: { size } }),
  };
}

function duration(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(text);
}

/** The schema knows its form, but not that it has a length. */
function readWindow(text: string | undefined, path: Path, reader: PlayReader): TimeWindow | undefined {
  if (text === undefined) return undefined;
  const window = parseWindow(text);
  if (window !== undefined) return window;
  const { problem, fix } = windowProblem(text);
  reader.complain("wrong-form", `'window' is a window of time, and ${problem}`, path, fix);
  return undefined;
}

/** As keys of their own, so that each is merged by itself; whoever says how it is to be done wants it done. */
function readRehearsal(
  data: MoveData["rehearse"], path: Path, reader: PlayReader,
): Pick<MoveOptions, "rehearse" | "rehearseConsole" | "rehearseTimeoutSeconds"> {
  if (data === undefined) return {};
  if (typeof data === "boolean") return { rehearse: data };
  const timeout = reader.limit(data.timeout, [...path, "timeout"]);
  return {
    rehearse: true,
    ...(data.console === undefined ? {} : { rehearseConsole: data.console }),
    ...(timeout === undefined ? {} : { rehearseTimeoutSeconds: timeout }),
  };
}

function readThrottle(data: MoveData, path: Path, reader: PlayReader): MoveOptions["throttle"] {
  const throttle = data.throttle;
  if (throttle === undefined) return undefined;
  const rate = throttle.bandwidth === undefined ? undefined : parseBytes(throttle.bandwidth.replace(/\/s\s*$/, ""));
  if (rate !== undefined && rate < 1024) {
    const fix = "The least is 1KiB/s; leave bandwidth out for no limit";
    reader.complain("out-of-range", "'bandwidth' is less than a copy can be held to", [...path, "throttle", "bandwidth"], fix);
  }
  return {
    ...(throttle.nice === undefined ? {} : { nice: throttle.nice }),
    ...(throttle.ionice === undefined ? {} : { ionice: throttle.ionice }),
    ...(rate === undefined ? {} : { bandwidthBytesPerSecond: rate }),
    ...(throttle.weight === undefined ? {} : { ioWeight: throttle.weight }),
  };
}

function readSnapshotSize(text: string | undefined, path: Path, reader: PlayReader): SnapshotSize | undefined {
  if (text === undefined) return undefined;
  if (/^\s*\d+(\.\d+)?\s*$/.test(text)) {
    reader.complain("unit-missing", `'size' is ${text} of what? A size has its unit`, path, `Write ${text}% or ${text}GiB`);
    return undefined;
  }
  if (text.includes("%")) {
    const percent = Number.parseFloat(text);
    if (percent > 0 && percent <= 100) return { percent };
    reader.complain("out-of-range", "'size' as a share is above 0% and at most 100%", path);
    return undefined;
  }
  const bytes = reader.bytes(text, path);
  return bytes === undefined ? undefined : { bytes };
}
