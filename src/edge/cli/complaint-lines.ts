import type { Diagnostic } from "../../core/model/diagnostic.js";
import type { DiagnosticStyle } from "../../core/render/diagnostics.js";
import { renderDiagnostic } from "../../core/render/diagnostics.js";
import type { Style } from "../../core/render/style.js";
import type { Console } from "../terminal/console.js";
import { chooseStyle } from "../terminal/style.js";

/** Colours for standard output and for standard error, which may not both be a terminal. */
export function stylesOf(console: Console, noColor: boolean): { readonly style: Style; readonly errStyle: Style } {
  const wishes = { noColor, env: console.env };
  return {
    style: chooseStyle({ ...wishes, isTTY: console.outIsTTY }),
    errStyle: chooseStyle({ ...wishes, isTTY: console.errStream.isTTY === true }),
  };
}

/** Complaints as lines, an empty one between two. */
export function complaintLines(diagnostics: readonly Diagnostic[], style: Style, width: number): readonly string[] {
  const colours: DiagnosticStyle = {
    error: style.danger, warning: style.warning, note: style.faint, dim: style.faint, strong: style.heading, help: style.good,
  };
  return diagnostics.flatMap((diagnostic, i) => [
    ...(i === 0 ? [] : [""]),
    ...renderDiagnostic(diagnostic, colours, width).replace(/\n$/, "").split("\n"),
  ]);
}
