import type { ErrorObject } from "ajv";
import type { Diagnostic } from "../../model/diagnostic.js";
import type { Path } from "../document.js";

/** The place of a path in the file. */
export type Locate = (path: Path, part: "value" | "key") => NonNullable<Diagnostic["at"]>;

/** The key that a map should not have. */
export function extraKey(error: ErrorObject): string {
  return parameter(error, "additionalProperty");
}

/** A parameter of a schema error that is text, such as the key that is missing or too much. */
export function parameter(error: ErrorObject, name: string): string {
  const value = (error.params as Record<string, unknown>)[name];
  return typeof value === "string" ? value : "";
}
