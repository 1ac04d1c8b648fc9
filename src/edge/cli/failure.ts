import type { Diagnostic } from "../../core/model/diagnostic.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT } from "./exit-code.js";

/** Ends a command for a reason that the user can mend: told as diagnostics, never as a stack trace. */
export class Refusal extends Error {
  override readonly name = "Refusal";

  constructor(readonly diagnostics: readonly Diagnostic[], readonly exit: ExitCode = EXIT.usage) {
    super(diagnostics[0]?.summary ?? "refused");
  }
}

/** A refusal with one sentence and what to do. */
export function refusal(code: string, summary: string, fix?: string, exit: ExitCode = EXIT.usage): Refusal {
  return new Refusal([{ severity: "error", code, summary, ...(fix === undefined ? {} : { fix }) }], exit);
}
