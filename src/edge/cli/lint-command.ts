import { Command, InvalidArgumentError, Option } from "commander";
import { readExtraVars } from "../../core/inventory/extra-vars.js";
import type { LintReport, LintRequest } from "../../core/lint/lint.js";
import { lint } from "../../core/lint/lint.js";
import { harmlessText } from "../../core/render/caret.js";
import { count } from "../../core/render/figures.js";
import { lintReportGithub } from "../../core/render/lint-github.js";
import { lintReportJson } from "../../core/render/lint-json.js";
import { lintReportJunit } from "../../core/render/lint-junit.js";
import { lintReportSarif } from "../../core/render/lint-sarif.js";
import { renderLintText } from "../../core/render/lint-text.js";
import type { LintView } from "../../core/render/lint-view.js";
import { tallyOf } from "../../core/render/lint-view.js";
import { usableWidth } from "../../core/render/view.js";
import { visibleJson } from "../../core/render/visible.js";
import { complaintLines, stylesOf } from "./complaint-lines.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT } from "./exit-code.js";
import { Refusal } from "./failure.js";
import { localFiles } from "./files.js";
import { lintFiles, writeMend } from "./lint-files.js";
import type { VaultOptions } from "./options.js";
import { collect, withVaultOptions } from "./options.js";
import type { Session } from "./session.js";
import { unlockOf } from "./surroundings.js";
import { toolVersion } from "./version.js";

const FORMATS = ["text", "json", "sarif", "github", "junit"] as const;

interface LintOptions extends VaultOptions {
  readonly inventory: readonly string[];
  readonly extraVars: readonly string[];
  readonly format: (typeof FORMATS)[number];
  readonly fix?: boolean;
  readonly maxWarnings?: number;
  readonly color: boolean;
}

const HELP = `
Rules, and how to weigh or silence them: docs/guide/linting.md
  # converge-lint-ignore RULE: REASON   silences a rule on this line or the next
  converge.config.yml                   severities, per path

Exit codes:
  0  no errors, and no more warnings than --max-warnings
  1  errors, or too many warnings
`;

/** What is mended can bring up what could not be seen before: so often at most. */
const MAX_ROUNDS = 5;

/** `converge lint [PATH…]`: what is wrong in playbooks, inventories and recorded facts. No host is contacted. */
export function lintCommand(session: Session, done: (exit: ExitCode) => void): Command {
  const command = new Command("lint")
    .description("Check playbooks, inventories and recorded facts. No host is contacted.")
    .argument("[path...]", "files and folders (the current folder)")
    .option("-i, --inventory <path>", "inventory to check playbooks with (repeatable; all are read together)", collect, [])
    .option("-e, --extra-vars <vars>", "`k=v`, `@file` or JSON, as it will be given to the run (repeatable)", collect, []);
  return withVaultOptions(command)
    .addOption(new Option("--format <format>", "how to tell").choices(FORMATS).default("text"))
    .option("--fix", "mend what takes no judgement; comments and layout stay")
    .option("--max-warnings <n>", "fail when there are more warnings than this", whole)
    .option("--no-color", "no colours (NO_COLOR does the same)")
    .addHelpText("after", HELP)
    .action(async (paths: readonly string[], options: LintOptions) => { done(await run(paths, options, session)); });
}

function whole(value: string): number {
  const number = Number(value);
  if (value.trim() === "" || !Number.isInteger(number) || number < 0) throw new InvalidArgumentError("It takes a whole number.");
  return number;
}

async function run(paths: readonly string[], options: LintOptions, session: Session): Promise<ExitCode> {
  const unlock = await unlockOf(options, session);
  const vaults = unlock === undefined ? {} : { unlock };
  const extraVars = readExtraVars(options.extraVars, localFiles, vaults);
  if (extraVars.value === undefined) throw new Refusal(extraVars.diagnostics);
  const request: LintRequest = {
    paths: paths.length === 0 ? ["."] : paths, inventories: options.inventory, extraVars: extraVars.value, ...vaults,
  };
  const linted = lint(request, lintFiles());
  const report = options.fix === true ? mended(request, linted, session) : linted;
  session.console.out(`${printed({ report, version: toolVersion() }, options, session)}\n`);
  const tally = tallyOf(report.findings);
  return tally.error > 0 || tally.warning > (options.maxWarnings ?? Infinity) ? EXIT.usage : EXIT.done;
}

/** Mends what can be, and says on standard error which files that were: the report is of what is left. */
function mended(request: LintRequest, first: LintReport, session: Session): LintReport {
  const places = new Map<string, number>();
  let report = first;
  for (let round = 0; round < MAX_ROUNDS && report.mends.length > 0; round += 1) {
    const problems = report.mends.flatMap((mend) => {
      const problem = writeMend(mend);
      if (problem === undefined) places.set(mend.source.file, (places.get(mend.source.file) ?? 0) + mend.edits.length);
      return problem ?? [];
    });
    if (problems.length > 0) throw new Refusal(problems);
    report = lint(request, lintFiles());
  }
  for (const [file, edits] of places) session.console.err(`mended ${harmlessText(file)}: ${count(edits, "place")}\n`);
  return report;
}

function printed(view: LintView, options: LintOptions, session: Session): string {
  switch (options.format) {
    case "json": return visibleJson(lintReportJson(view), 2);
    case "sarif": return visibleJson(lintReportSarif(view), 2);
    case "github": return lintReportGithub(view).join("\n");
    case "junit": return lintReportJunit(view).join("\n");
    case "text": {
      const { style } = stylesOf(session.console, !options.color);
      const width = usableWidth(session.console.columns);
      return renderLintText(view, style, (diagnostics) => complaintLines(diagnostics, style, width)).join("\n");
    }
  }
}
