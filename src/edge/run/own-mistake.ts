import { mistakeAbout } from "../../core/model/own-mistake.js";
import type { Diagnostic } from "../../core/model/diagnostic.js";
import { Unreachable } from "./target.js";

/**
 * What an exception about one host that was asked says to the user: {@link mistakeAbout}.
 * @throws Unreachable, which is expected, and told elsewhere
 */
export function ownMistake(host: string, error: unknown): Diagnostic {
  if (error instanceof Unreachable) throw error;
  return mistakeAbout(host, error);
}

/** Whether a diagnostic is one of {@link ownMistake}. */
export function isOwnMistake({ code }: Pick<Diagnostic, "code">): boolean {
  return code === "internal-error";
}
