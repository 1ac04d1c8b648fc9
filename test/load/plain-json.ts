import { lineColumn } from "../../src/core/model/source.js";
import type { SourceRange } from "../../src/core/model/source.js";

/** A loaded value as JSON that people can read: a place as line:column, a late volume as what it gives for an example. */
export function plainJson(value: unknown): string {
  const replacer = (key: string, item: unknown): unknown => {
    // places of keys are tested by the complaints that show them
    if (key === "keyAt") return undefined;
    if (typeof item === "function") return (item as (late: object) => unknown)({ domain: "DOMAIN", vdev: "VDEV" });
    if (item instanceof Map) return Object.fromEntries(item);
    if (isRange(item)) {
      const { line, column } = lineColumn(item.source.text, item.start);
      return `${line}:${column}`;
    }
    return item;
  };
  return `${JSON.stringify(value, replacer, 2)}\n`;
}

function isRange(value: unknown): value is SourceRange {
  return typeof value === "object" && value !== null && "source" in value && "start" in value;
}
