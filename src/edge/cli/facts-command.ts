import { Command } from "commander";
import { beginsAsRecording, recordReadings } from "../../core/facts/recording.js";
import { hasErrors } from "../../core/model/diagnostic.js";
import { formatBytes } from "../../core/model/bytes.js";
import type { Domain } from "../../core/model/domain.js";
import type { HostState } from "../../core/model/host-state.js";
import { contentName } from "../../core/render/disks.js";
import { factsJson } from "../../core/render/facts-json.js";
import { visible } from "../../core/render/visible.js";
import { gatherHost } from "../run/gather.js";
import { isUnreachable } from "../hosts/trouble.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT, worst } from "./exit-code.js";
import { refusal } from "./failure.js";
import type { NamedHost } from "./one-host.js";
import { withHosts } from "./one-host.js";
import type { CommonOptions } from "./options.js";
import { withCommonOptions } from "./options.js";
import type { Session } from "./session.js";
import { reporterFor } from "./session.js";
import { refuseUnless, writePrivate } from "./write-private.js";

interface FactsOptions extends CommonOptions {
  readonly record?: string;
}

const HELP = `
With --record the answers of one host are written to a file, secrets replaced.
An inventory that says
    ansible_connection: recorded
    converge_facts: FILE
then previews against that file, without the host.
`;

/** `converge facts HOST...`: what converge sees on a host. */
export function factsCommand(session: Session, done: (exit: ExitCode) => void): Command {
  return withCommonOptions(new Command("facts"))
    .description("show what converge sees on hosts, or record it in a file")
    .argument("<host...>", "hosts, groups or patterns")
    .option("--record <file>", "write one host's answers to a file, for the connection `recorded`")
    .addHelpText("after", HELP)
    .action(async (patterns: readonly string[], options: FactsOptions) => {
      done(await withHosts(patterns, options, session, async (hosts) => {
        if (options.record !== undefined && hosts.length !== 1) {
          throw refusal("bad-usage", `--record takes one host, and ${hosts.length} are meant`, "Name one host.");
        }
        if (options.record !== undefined) refuseUnless(options.record, beginsAsRecording, "no recording: --record");
        const exits: ExitCode[] = [];
        for (const host of hosts) exits.push(await factsOf(host, options, session));
        return worst(exits);
      }));
    });
}

async function factsOf({ name, host }: NamedHost, options: FactsOptions, session: Session): Promise<ExitCode> {
  const reporter = reporterFor(session, options);
  const gathered = await gatherHost(host);
  reporter.complain(gathered.diagnostics);
  if (gathered.value === undefined) {
    if (gathered.diagnostics.some(isUnreachable)) return EXIT.unreachable;
    return hasErrors(gathered.diagnostics) ? EXIT.failed : EXIT.done;
  }
  const { state, readings } = gathered.value;
  if (options.record !== undefined) {
    writePrivate(options.record, recordReadings(readings));
    reporter.say(`Recorded ${name} in ${options.record}. Look it through before you give it away.`);
  } else if (options.json === true) {
    session.console.out(`${factsJson(name, state)}\n`);
  } else {
    session.console.out(`${overview(name, state).join("\n")}\n`);
  }
  return EXIT.done;
}

function inWords({ running }: Domain): string {
  if (running === undefined) return "down";
  if (running.halted !== undefined) return running.halted === "crashed" ? "crashed, and kept" : "shut down, and still there";
  return running.paused ? "paused" : "running";
}

function overview(name: string, state: HostState): readonly string[] {
  const { host } = state;
  return [
    `${name}: ${visible(host.os)}, Linux ${visible(host.kernel)}, Xen ${visible(host.xen)}`,
    "  volume groups",
    ...Object.values(state.volumeGroups).map((group) =>
      `    ${visible(group.name)}  ${formatBytes(group.freeExtents * group.extentBytes)} free of ${formatBytes(group.extents * group.extentBytes)}`),
    "  guests",
    ...Object.values(state.domains).flatMap((domain) => [
      `    ${visible(domain.name)}  ${inWords(domain)}${domain.saved ? ", saved by xendomains" : ""}`,
      ...(domain.config?.disks ?? []).map((disk) => {
        const image = state.images[disk.target];
        const more = image === undefined ? "" : `, ${formatBytes(image.bytes)}, ${contentName(image.content)}`;
        return `      ${visible(disk.vdev)}  ${visible(disk.target)}${more}`;
      }),
    ]),
  ];
}
