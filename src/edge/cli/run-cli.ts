import { Command, Help, Option } from "commander";
import { applyCommand, planCommand } from "./apply-command.js";
import { attachCommand } from "./attach-command.js";
import { factsCommand } from "./facts-command.js";
import { gcCommand } from "./gc-command.js";
import { inventoryCommand } from "./inventory-command.js";
import { lintCommand } from "./lint-command.js";
import { logCommand } from "./log-command.js";
import { resumeCommand } from "./resume-command.js";
import { rollbackCommand } from "./rollback-command.js";
import { schemaCommand } from "./schema-command.js";
import { statusCommand } from "./status-command.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT } from "./exit-code.js";
import { answerErrors, settleCommands } from "./answer-errors.js";
import { didYouMean } from "../../core/load/suggest.js";
import { refusal } from "./failure.js";
import { jsonReporter } from "./json-reporter.js";
import { describeStep } from "./describe-step.js";
import type { Session } from "./session.js";
import { toolVersion } from "./version.js";

const HELP = `
Examples:
  converge --check -i inventory/lab.yml playbooks/web.yml   only look
  converge -i inventory/lab.yml playbooks/web.yml           look, ask, do it
  converge -i inventory/lab.yml playbooks/web.yml --yes     without a question
  converge --check --out plan.json ... playbooks/web.yml    save what was shown,
  converge apply plan.json                                  and run just that
  converge attach -i inventory/lab.yml dom0 web1            follow a run again
  converge resume -i inventory/lab.yml dom0 web1            go on half-way
  converge rollback -i inventory/lab.yml dom0 web1          back to its images
  converge gc -i inventory/lab.yml dom0                     old leftovers go
  converge facts -i inventory/lab.yml dom0                  what is on a host
  converge inventory -i inventory/lab.yml --graph           hosts and groups
  converge lint                                             check files only
  converge help apply                                       all its options

A playbook:
  - name: Web guests live on LVM
    hosts: xen
    domains:
      web1:
        disks:
          xvda1: { volume: vg0/web1-root, size: 2GiB, filesystem: ext4 }
          xvda2: { volume: vg0/web1-swap, size: 512MiB, filesystem: swap }
        ready: { tcp: 22, timeout: 60s }
        move: { strategy: rsync, downtime: 30s, source: keep }

Exit codes:
  0  done, or nothing to do
  1  bad usage or input, or you declined: nothing was changed
  2  changes are pending (with --check --detailed-exitcode)
  3  a host failed
  4  a host could not be reached
  5  refused: stale plan, a lock that another holds, a check that forbids it
  129, 130, 143  left or stopped by SIGHUP, SIGINT, SIGTERM
  141  whoever read the output went away
  Where several apply: signals first, then 3 before 4 before 5.

Environment:
  NO_COLOR, FORCE_COLOR   never, always colours
  TERM=dumb               no colours and no moving lines
  SSH_AUTH_SOCK and ~/.ssh/config work as they do for ssh
`;

/** Of the options of `converge FILE...` those that one looks for first, in a few words each. */
const FIRST_OPTIONS: Readonly<Record<string, string>> = {
  "--inventory": "hosts: a file, a folder, or `dom0a,dom0b`",
  "--check": "only look and show: nothing is changed",
  "--yes": "do not ask before it is done",
  "--limit": "only these hosts and groups",
  "--domain": "only guests of these names",
  "--extra-vars": "variables: `k=v`, `@file` or JSON",
  "--vault-password-file": "open vaults with this password",
  "--user": "log in as this user",
  "--become": "become root by sudo",
  "--ask-become-pass": "ask for the sudo password",
  "--forks": "at most this many hosts at a time",
  "--out": "with --check: save the plan",
  "--detailed-exitcode": "with --check: 2 when changes are pending",
  "--diff": "for habit: config diffs are always shown",
  "--verbose": "tell more; -vv and -vvv still more",
  "--json": "one JSON object a line",
};

/** Runs one command line in-process. */
export async function runCli(argv: readonly string[], session: Session): Promise<ExitCode> {
  const { console } = session;
  let exit: ExitCode = EXIT.done;
  const program = buildProgram(session, (code) => {
    exit = code;
  });
  if (argv.length === 0) {
    program.outputHelp({ error: true });
    return EXIT.usage;
  }
  return answerErrors(argv, console, async () => {
    const [first, asked] = argv;
    if (first === "help" && asked !== undefined && !asked.startsWith("-") && !program.commands.some((command) => command.name() === asked)) {
      const names = program.commands.map((command) => command.name());
      throw refusal("bad-usage", `there is no command '${asked}'`, didYouMean(asked, names) ?? `There are ${names.join(", ")}.`);
    }
    await program.parseAsync([...argv], { from: "user" });
    return exit;
  }, argv.includes("--json") ? (refusal) => {
    const reporter = jsonReporter(console, describeStep);
    reporter.complain(refusal.diagnostics);
    reporter.end(refusal.exit);
  } : undefined);
}

function buildProgram(session: Session, done: (exit: ExitCode) => void): Command {
  const { console } = session;
  const program = new Command("converge")
    .description("Moves Xen guests from image files to logical volumes, as playbooks say.")
    .usage("[command] [options] <file...>")
    .version(toolVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help, or that of a command")
    .addHelpText("after", HELP);
  const names = (): readonly string[] => program.commands.map((command) => command.name());
  const apply = applyCommand(session, names, done);
  program.addCommand(apply, { isDefault: true });
  program.addCommand(planCommand(session, names, done));
  program.addCommand(statusCommand(session, done));
  program.addCommand(attachCommand(session, done));
  program.addCommand(logCommand(session, done));
  program.addCommand(resumeCommand(session, done));
  program.addCommand(rollbackCommand(session, done));
  program.addCommand(gcCommand(session, names, done));
  program.addCommand(factsCommand(session, done));
  program.addCommand(inventoryCommand(session, done));
  program.addCommand(lintCommand(session, done));
  program.addCommand(schemaCommand(session, done));
  settleCommands(program, console);
  program.configureHelp({ ...program.configureHelp(), visibleOptions: (command) => [...firstOptions(apply), ...new Help().visibleOptions(command)] });
  return program;
}

function firstOptions(apply: Command): readonly Option[] {
  return Object.entries(FIRST_OPTIONS).map(([long, words]) => {
    const option = apply.options.find((one) => one.long === long);
    if (option === undefined) throw new Error(`apply has no option ${long}`);
    return new Option(option.flags, words).helpGroup("Options for <file...>, those that are used most:");
  });
}
