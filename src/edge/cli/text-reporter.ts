import { renderHostPlan } from "../../core/render/preview.js";
import type { RenderComplaints } from "../../core/render/preview.js";
import { renderRecap } from "../../core/render/recap.js";
import { renderSummary } from "../../core/render/summary.js";
import type { View } from "../../core/render/view.js";
import { visible } from "../../core/render/visible.js";
import type { Console } from "../terminal/console.js";
import { showProgress } from "../terminal/progress.js";
import type { Reporter } from "./reporter.js";

export interface TextOptions {
  readonly console: Console;
  readonly view: View;
  /** For standard output and for standard error: either may be a terminal while the other is not. */
  readonly complaints: RenderComplaints;
  readonly errComplaints: RenderComplaints;
}

/** Text for people: results on standard output, complaints about the input on standard error. */
export function textReporter({ console, view, complaints, errComplaints }: TextOptions): Reporter {
  const print = (lines: readonly string[]): void => {
    if (lines.length > 0) console.out(`${lines.join("\n")}\n`);
  };
  return {
    begin: () => undefined,
    complain: (diagnostics) => {
      if (diagnostics.length > 0) console.err(`${errComplaints(diagnostics).join("\n")}\n`);
    },
    preview: (previews) => {
      for (const preview of previews) {
        if ("plan" in preview) print(renderHostPlan(preview.plan, view, complaints));
        else print([...complaints(preview.diagnostics), ""]);
      }
      const isQuiet = previews.every((p) => "plan" in p && p.plan.domains.length === 0 && p.plan.diagnostics.length === 0);
      if (!isQuiet) print(renderSummary(previews, view));
    },
    // names of runs, hosts and guests are in it, and others chose them
    say: (text) => { console.out(`${text.split("\n").map(visible).join("\n")}\n`); },
    watch: (_host, domain, besideOthers) =>
      showProgress({ console, style: view.style, domain, verbosity: view.verbosity, besideOthers }),
    recap: (guests) => { print(["", ...renderRecap(guests, view)]); },
    end: () => undefined,
  };
}
