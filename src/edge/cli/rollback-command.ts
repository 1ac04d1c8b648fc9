import { Command, Option } from "commander";
import type { ReturnWish } from "../../core/diff/diff-return.js";
import type { HostState } from "../../core/model/host-state.js";
import type { SourceRange } from "../../core/model/source.js";
import { planReturn } from "../../core/plan/plan-return.js";
import { hostRuns } from "../run/host-runs.js";
import { sha256 } from "../run/plan-target.js";
import { previewAndApply, refuseWithoutTerminal } from "./apply-playbooks.js";
import type { ExitCode } from "./exit-code.js";
import { withHost } from "./one-host.js";
import type { NamedHost } from "./one-host.js";
import type { CommonOptions } from "./options.js";
import { collect, withCommonOptions } from "./options.js";
import type { Session } from "./session.js";
import { reporterFor } from "./session.js";
import type { Work } from "./work.js";

const HELP = `
Examples:
  converge rollback --check -i inventory/lab.yml dom0a web1
  converge rollback -i inventory/lab.yml dom0a web1 --carry-back
  converge rollback -i inventory/lab.yml dom0a web1 --disk xvda1 --yes

The guest goes back to the images that its disks came from, in one restart; also
days after the move, as long as they were kept or retired. What it has written
since is on its volumes only: --carry-back takes it along while the guest is
down. Without it the volumes are kept, and hold what was given up.
`;

interface RollbackOptions extends CommonOptions {
  readonly disk: readonly string[];
  readonly carryBack?: true | "files" | "blocks";
  readonly removeVolume?: boolean;
  readonly check?: boolean;
  readonly yes?: boolean;
  readonly detailedExitcode?: boolean;
}

/** `converge rollback HOST DOMAIN`: back to the images that a guest's disks came from. */
export function rollbackCommand(session: Session, done: (exit: ExitCode) => void): Command {
  return withCommonOptions(new Command("rollback"))
    .description("bring a guest back to the images that its disks came from")
    .argument("<host>", "a host of the inventory")
    .argument("<domain>", "a guest there")
    .option("--disk <vdev>", "only this disk (repeatable); else all that were moved", collect, [])
    .addOption(new Option("--carry-back [how]", "take along what was written since the move: by files, or all blocks")
      .choices(["files", "blocks"]))
    .option("--remove-volume", "remove the volumes once the guest is back; else they are kept")
    .option("-C, --check", "only look and show: nothing is changed")
    .option("--detailed-exitcode", "with --check: exit 2 when changes are pending")
    .option("--yes", "do not ask; needed where there is no terminal")
    .addHelpText("after", HELP)
    .action(async (host: string, domain: string, options: RollbackOptions) => {
      refuseWithoutTerminal(options, session);
      done(await withHost(host, options, session, (named) => rollback(named, domain, options, session)));
    });
}

async function rollback(named: NamedHost, domain: string, options: RollbackOptions, session: Session): Promise<ExitCode> {
  const reporter = reporterFor(session, options);
  reporter.begin(options.check === true ? "check" : "rollback", [named.name, domain]);
  const wish: ReturnWish = {
    domain, disks: options.disk, removeVolume: options.removeVolume ?? false, move: {}, at: commandLine(`converge rollback ${named.name} ${domain}`),
    ...(options.carryBack === undefined ? {} : { carryBack: options.carryBack === true ? "auto" : options.carryBack }),
  };
  const exit = await previewAndApply(workOn(named, wish, session), [], { ...options, limit: [], domain: [], forks: 1 }, session, reporter);
  reporter.end(exit);
  return exit;
}

/**
 * One guest of one host, and the way back as what is to be done there.
 * @param seen the host as it is planned from
 */
export function workOn(named: NamedHost, wish: ReturnWish, session: Session, seen: (state: HostState) => HostState = (state) => state): Work {
  const { name, connection, reach, host } = named;
  return {
    targets: [{
      name, connection, reach, runs: hostRuns(host), observe: (leave) => session.observe(host, leave),
      wishes: () => ({ value: { domains: [], missing: [], met: [] }, diagnostics: [] }),
      plan: (state) => planReturn(seen(state), wish, sha256), wish: () => ({ wish: "return", back: wish }),
    }],
    batches: [{ hosts: [name], maxFailPercent: 0 }],
    diagnostics: [],
    close: () => Promise.resolve(),
  };
}

/** What stands in for a place in a file where something was asked for by hand. */
export function commandLine(text: string): SourceRange {
  return { source: { file: "the command line", text }, start: 0, end: text.length };
}
