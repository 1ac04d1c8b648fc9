import type { JsonLine } from "../../core/render/json-lines.js";
import type { Diagnostic } from "../../core/model/diagnostic.js";
import type { HostPreview } from "../../core/render/summary.js";
import type { GuestRecap } from "../../core/render/recap.js";
import type { Watcher } from "../run/run-domain.js";
import type { ExitCode } from "./exit-code.js";

/** Tells the user, in text or in JSON lines. It steers nothing. */
export interface Reporter {
  readonly begin: (command: Extract<JsonLine, { type: "begin" }>["command"], inputs: readonly string[]) => void;
  /** Problems of the input or of a run, outside a host's plan. */
  readonly complain: (diagnostics: readonly Diagnostic[]) => void;
  readonly preview: (previews: readonly HostPreview[]) => void;
  /** A sentence. */
  readonly say: (text: string) => void;
  /** Shows a run; `besideOthers`: more than one is shown at a time. */
  readonly watch: (host: string, domain: string, besideOthers: boolean) => Watcher;
  readonly recap: (guests: readonly GuestRecap[]) => void;
  readonly end: (exit: ExitCode) => void;
}
