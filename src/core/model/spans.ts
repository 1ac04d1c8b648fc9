/** A half-open range of a text, in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The same places in their order, and none that overlaps or touches another. */
export function mergedSpans(places: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const place of [...places].sort((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && place.start <= last.end) result[result.length - 1] = { start: last.start, end: Math.max(last.end, place.end) };
    else result.push({ start: place.start, end: place.end });
  }
  return result;
}
