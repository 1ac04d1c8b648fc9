/** Reading JSON that others wrote: nothing about its shape is taken for granted. */

export type JsonObject = Readonly<Record<string, unknown>>;

/** @returns undefined for what is no JSON */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Whether a value of JSON is an object: no list, and not `null`. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects of an array; of anything else none. */
export function objectsOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** A member as text: LVM prints everything as text, later versions print numbers as numbers. */
export function textOf(object: JsonObject, key: string): string {
  const value = object[key];
  if (typeof value === "string") return value.trim();
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

/** A member as a number; undefined where it is none. */
export function numberOf(object: JsonObject, key: string): number | undefined {
  const text = textOf(object, key);
  const value = Number(text);
  return text !== "" && Number.isFinite(value) ? value : undefined;
}
