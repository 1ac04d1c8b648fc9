import type { ReturnDisk } from "../model/change.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { formatBytes } from "../model/bytes.js";
import type { Estimate } from "../model/plan.js";
import { checkingOf } from "../strategies/checking.js";
import { GUESSED_RATE, median, SCAN_SECONDS, strategyOfRun, tenths } from "../strategies/rates.js";
import { strategyNamed } from "../strategies/strategy-of.js";
import type { ForecastPart } from "../strategies/strategy.js";
import { overhead } from "../switches/overhead.js";

type Carried = "files" | "blocks";

/** What a way back costs: all that is carried is carried, and looked at, while the guest is down. */
export function forecastReturn(domain: Domain, returns: readonly ReturnDisk[], state: HostState): Estimate {
  const of = (how: Carried): readonly ReturnDisk[] => returns.filter(({ carry }) => carry === how);
  const carrying = [...byFiles(domain, of("files"), state), ...byBlocks(of("blocks"), state)];
  const copyBytes = bytesOf(of("files")) + bytesOf(of("blocks"));
  const { shutdown, start } = overhead(domain, state);
  const parts: readonly ForecastPart[] = domain.running === undefined || returns.length === 0
    ? []
    : [{ what: "shut down", ...shutdown }, ...carrying, { what: "start until ready", ...start }];
  const downtimeSeconds = secondsOf(parts);
  // nobody waits for a guest that is down, and its run takes that long all the same
  return { copyBytes, seconds: Math.max(downtimeSeconds, secondsOf(carrying)), spaceNeeded: [], downtimeSeconds, budgetSeconds: -1, parts };
}

function byFiles({ running }: Domain, returns: readonly ReturnDisk[], state: HostState): readonly ForecastPart[] {
  const bytes = bytesOf(returns);
  if (bytes === 0) return [];
  const rate = rateOf("files", state);
  const at = `at ${formatBytes(Math.round(rate))}/s`;
  // as switches/return.ts has it copied: by times, or each file read on both sides
  const compared = bytesOf(returns.filter(({ halfCarried }) => halfCarried || running === undefined));
  const read = bytesOf(returns.filter(({ image }) => image.content.type === "xfs"));
  return [
    {
      what: "carry back", seconds: tenths(SCAN_SECONDS + bytes / rate),
      how: `${formatBytes(bytes)} ${at} at most; files that are the same are only looked at`,
    },
    ...(compared === 0
      ? []
      : [{ what: "comparing the files", seconds: tenths((2 * compared) / rate), how: `twice ${formatBytes(compared)} ${at}: each is read on both sides` }]),
    // an ext that was left in order is not looked through
    ...(read === 0 ? [] : [checkingOf("checking the image", read, rate)]),
  ];
}

/** Every block is copied, and then read once more on both sides. */
function byBlocks(returns: readonly ReturnDisk[], state: HostState): readonly ForecastPart[] {
  const bytes = bytesOf(returns);
  if (bytes === 0) return [];
  const rate = rateOf("blocks", state);
  const at = `at ${formatBytes(Math.round(rate))}/s`;
  return [
    { what: "carry back by blocks", seconds: tenths(bytes / rate), how: `${formatBytes(bytes)} ${at}` },
    { what: "comparing image and volume", seconds: tenths((2 * bytes) / rate), how: `twice ${formatBytes(bytes)} ${at}` },
  ];
}

/** As past moves that carried in this way have gone here: files and blocks go at rates that have nothing to do with each other. */
function rateOf(how: Carried, { history }: HostState): number {
  const past = history.filter((run) => strategyNamed(strategyOfRun(run))?.carries === how).map((run) => run.bytesPerSecond);
  return median(past.filter((rate) => rate > 0)) ?? GUESSED_RATE;
}

function bytesOf(returns: readonly ReturnDisk[]): number {
  return returns.reduce((sum, { carry, volume }) => sum + (carry === "files" ? usedOn(volume) : volume.bytes), 0);
}

function usedOn({ content, bytes }: ReturnDisk["volume"]): number {
  return content !== undefined && "usedBytes" in content ? content.usedBytes : bytes;
}

function secondsOf(parts: readonly ForecastPart[]): number {
  return tenths(parts.reduce((sum, { seconds }) => sum + seconds, 0));
}
