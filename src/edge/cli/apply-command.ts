import { Command } from "commander";
import { looksLikeSavedPlan } from "../../core/plan/saved.js";
import { applyPlaybooks } from "./apply-playbooks.js";
import { applySavedPlan } from "./apply-saved-plan.js";
import type { ExitCode } from "./exit-code.js";
import { refusal } from "./failure.js";
import type { RunOptions } from "./options.js";
import { withRunOptions } from "./options.js";
import { refuseOverwrite } from "./save-plan.js";
import type { Session } from "./session.js";
import { readInput } from "./work.js";

const HELP = `
Examples:
  converge --check -i inventory/lab.yml playbooks/web.yml
  converge -i inventory/lab.yml playbooks/web.yml
  converge -i inventory/lab.yml -l dom0a --domain 'web*' playbooks/web.yml --yes
  converge --check --out plan.json -i inventory/lab.yml playbooks/web.yml
  converge apply plan.json

Before anything is changed the preview is shown and a question asked; --yes
leaves the question out. A saved plan is applied without a question: it was
reviewed. If a host has changed since, it is refused and the difference named.

Ctrl-C once stops a run at its next safe point, with everything undone. Ctrl-C
twice, SIGTERM or SIGHUP leave it running on the host, and say how to follow.
`;

/** `converge apply FILE...`, which is also what `converge FILE...` means. */
export function applyCommand(session: Session, commands: () => readonly string[], done: (exit: ExitCode) => void): Command {
  const command = withRunOptions(new Command("apply"))
    .description("bring hosts to what playbooks say, or run a saved plan")
    .argument("<file...>", "playbooks, or one saved plan")
    .option("-C, --check", "only look and show: nothing is changed on any host")
    .option("--yes", "do not ask; needed where there is no terminal")
    .addHelpText("after", HELP);
  return command.action(async (files: readonly string[], options: RunOptions) => {
    done(await run(files, options, session, commands()));
  });
}

/** `converge plan FILE...`: the same as `apply --check`. */
export function planCommand(session: Session, commands: () => readonly string[], done: (exit: ExitCode) => void): Command {
  const command = withRunOptions(new Command("plan"))
    .description("show what apply would do; changes nothing (the same as apply --check)")
    .argument("<file...>", "playbooks, or one saved plan")
    .option("-C, --check", "has no meaning here: plan always only looks");
  return command.action(async (files: readonly string[], options: RunOptions) => {
    done(await run(files, { ...options, check: true }, session, commands()));
  });
}

async function run(files: readonly string[], options: RunOptions, session: Session, commands: readonly string[]): Promise<ExitCode> {
  if (options.check !== true && options.out !== undefined) {
    throw refusal("bad-usage", "--out saves a plan, and belongs to --check", "Add --check, then `converge apply FILE`.");
  }
  if (options.check !== true && options.detailedExitcode === true) {
    throw refusal("bad-usage", "--detailed-exitcode belongs to --check", "Add --check.");
  }
  if (options.out !== undefined) refuseOverwrite(options.out);
  const sources = files.map((file) => readInput(file, commands));
  const plan = sources.find(looksLikeSavedPlan);
  if (plan === undefined) return applyPlaybooks(sources, options, session);
  if (sources.length > 1) throw refusal("bad-usage", "a saved plan is applied alone", "Give one plan, or playbooks.");
  if (options.out !== undefined) throw refusal("bad-usage", "--out saves the plan of playbooks, and this is a saved plan already", "Leave --out out.");
  if (options.extraVars.length > 0) throw refusal("bad-usage", "-e gives variables to playbooks, and a saved plan has none any more", "Save the plan anew with -e.");
  return applySavedPlan(plan, options, session);
}
