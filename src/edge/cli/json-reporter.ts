import { hasErrors } from "../../core/model/diagnostic.js";
import type { JsonLine } from "../../core/render/json-lines.js";
import { diagnosticLine, planLine, recapLine } from "../../core/render/json-lines.js";
import type { DescribeStep } from "../../core/render/view.js";
import { visibleJson } from "../../core/render/visible.js";
import type { Console } from "../terminal/console.js";
import type { Reporter } from "./reporter.js";
import { toolVersion } from "./version.js";

/** `--json`: one object a line on standard output, and nothing else there. */
export function jsonReporter(console: Console, describe: DescribeStep): Reporter {
  const write = (line: JsonLine): void => { console.out(`${visibleJson(line)}\n`); };
  return {
    begin: (command, inputs) => { write({ type: "begin", version: 1, tool: toolVersion(), command, inputs }); },
    complain: (diagnostics) => { diagnostics.map(diagnosticLine).forEach(write); },
    preview: (previews) => {
      for (const preview of previews) {
        if ("unreachable" in preview) {
          preview.diagnostics.map(diagnosticLine).forEach(write);
          write({ type: "unreachable", host: preview.host, message: preview.unreachable });
          continue;
        }
        preview.plan.diagnostics.map(diagnosticLine).forEach(write);
        const { plan } = preview;
        write(planLine(hasErrors(plan.diagnostics) ? { ...plan, domains: [] } : plan, describe));
      }
    },
    say: (text) => { write({ type: "message", text }); },
    watch: (host, domain) => ({
      event: (event) => { write({ type: "run", host, domain, event }); },
      say: (text) => { write({ type: "message", host, domain, text }); },
      close: () => undefined,
    }),
    recap: (guests) => { guests.map(recapLine).forEach(write); },
    end: (exit) => { write({ type: "end", exit }); },
  };
}
