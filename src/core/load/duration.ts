const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/**
 * Seconds of a duration as people write it: `30s`, `2m`, `500ms`, `1.5h`, `14d`, `2w`.
 * @returns undefined for anything else; a bare number has no unit and is none
 */
export function parseDuration(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|[smhdw])\s*$/.exec(text);
  const unit = SECONDS[match?.[2] ?? ""];
  if (match === null || unit === undefined) return undefined;
  const seconds = Number(match[1]) * unit;
  return Number.isFinite(seconds) ? Math.round(seconds * 1000) / 1000 : undefined;
}
