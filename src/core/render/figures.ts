import { formatBytes } from "../model/bytes.js";

/** Seconds for people: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return "unlimited";
  if (seconds < 0.05) return "0 s";
  if (seconds < 59.95 && !Number.isInteger(seconds)) return `${seconds.toFixed(1).replace(/\.0$/, "")} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return join(Math.floor(whole / 60), "min", whole % 60, "s");
  return join(Math.floor(whole / 3600), "h", Math.round((whole % 3600) / 60), "min");
}

/** A downtime that was measured: what there was of it is not called none. */
export function formatDowntime(seconds: number): string {
  return seconds > 0 && seconds < 0.05 ? "less than 0.1 s" : formatSeconds(seconds);
}

/** A forecast: no more digits than it deserves. */
export function formatForecast(seconds: number): string {
  return formatSeconds(seconds >= 10 ? Math.round(seconds) : seconds);
}

function join(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

/** `43.1 MiB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(Math.round(bytesPerSecond))}/s`;
}

/** Time since a run's begin, as a clock: `0:07`, `12:34`, `1:02:03`. */
export function formatElapsed(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Seconds since the epoch as `2025-01-31 12:34:56 UTC`: journals are read by people in several time zones. */
export function formatInstant(epochSeconds: number): string {
  // a host may have written down any number; a Date ends at 8.64e15 ms (ECMA-262, 21.4.1.1)
  if (!(Math.abs(epochSeconds) <= 8.64e12)) return "at a time that is none";
  return `${new Date(epochSeconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `1 guest`, `3 guests`. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}
