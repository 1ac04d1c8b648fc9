import type { Diagnostic } from "../model/diagnostic.js";
import { hasErrors } from "../model/diagnostic.js";
import type { Command } from "../model/command.js";
import type { DomainPlan, HostPlan } from "../model/plan.js";
import { stepsOf } from "../model/plan.js";
import { unitName } from "../model/names.js";
import { booksOfRun, forgetCommand, scopeCommand, unitCommand } from "../model/unit.js";
import type { AwaitWindow } from "../steps/await-window.js";
import { waitOf } from "../steps/await-window.js";
import { renderChoices, renderSwitch } from "./choices.js";
import { renderConfigDiff } from "./config-diff.js";
import { renderDisks } from "./disks.js";
import { renderEstimate } from "./estimate.js";
import { count, formatForecast, formatInstant } from "./figures.js";
import { renderSteps } from "./steps.js";
import { visible } from "./visible.js";
import type { View } from "./view.js";
import { commented, hanging, wrapCommand } from "./wrap.js";

/** Turns complaints into lines; the renderer of diagnostics is handed in, since it wants colours of its own. */
export type RenderComplaints = (diagnostics: readonly Diagnostic[]) => readonly string[];

/**
 * What will happen on one host: complaints first, then each guest with its disks, config, steps, costs and choices.
 * A host with nothing to do and nothing to complain about takes one line.
 */
export function renderHostPlan(plan: HostPlan, view: View, complaints: RenderComplaints): readonly string[] {
  if (plan.domains.length === 0 && plan.diagnostics.length === 0) return [nothingToDo(plan.host, view)];
  const refused = hasErrors(plan.diagnostics);
  return [
    ruler(plan.host, view),
    "",
    ...(plan.diagnostics.length === 0 ? [] : [...complaints(plan.diagnostics), ""]),
    ...(refused ? [view.style.danger(`${visible(plan.host)}: refused, nothing will be done there`), ""]
      : plan.domains.length === 0 ? [nothingToDo(plan.host, view), ""] : []),
    ...plan.domains.flatMap((domain) => [...renderDomainPlan(domain, plan.host, view), ""]),
  ];
}

function nothingToDo(host: string, view: View): string {
  return `${view.style.name(visible(host))}: ${view.style.good("nothing to do")}`;
}

function ruler(host: string, view: View): string {
  const name = `${visible(host)} `;
  return view.style.heading(`${name}${"-".repeat(Math.max(view.width - name.length, 3))}`);
}

/** One guest of a host's plan. */
function renderDomainPlan(plan: DomainPlan, host: string, view: View): readonly string[] {
  if (plan.joins !== undefined) return joined(plan.domain, plan.joins, host, view);
  const wait = waitOf(plan.nodes);
  return [
    `${view.style.name(visible(plan.domain))} on ${visible(host)}: ${headline(plan)}`,
    ...section(plan.changes.every(({ change }) => change === "forget-runs") ? "books" : "disks", renderDisks(plan.changes, "    ", view), view),
    ...(plan.configDiff === undefined ? []
      : section(`config ${visible(plan.configDiff.path)}`, renderConfigDiff(plan.configDiff, "    ", view), view)),
    ...section("steps", [...renderUnit(plan, "    ", view), ...renderSteps(plan.nodes, "    ", view)], view),
    ...section("cost", renderEstimate(plan.estimate, "    ", view), view),
    ...section("window", wait === undefined ? [] : renderWait(wait, host, view), view),
    ...section("strategy", renderChoices(plan.choices, "    ", view), view),
    ...section("switch", renderSwitch(plan.switchOver, "    ", view), view),
  ];
}

/** What runs the steps: a unit on the host; with `-v` the commands that start it, and guests out of it. */
function renderUnit({ domain, ioWeight, nodes, forgets = [] }: DomainPlan, indent: string, view: View): readonly string[] {
  const weight = ioWeight === undefined ? "" : `, IOWeight=${ioWeight}`;
  const words = hanging(`${indent}run by `, `${unitName(domain)} on the host, detached${weight}`, view.width);
  const books = forgets.length === 0 ? []
    : hanging(`${indent}first `, `the books of ${count(forgets.length, "older run")} of ${visible(domain)} go: the newest twenty stay, and what is still needed`, view.width);
  if (view.verbosity === 0) return [...books, ...words].map(view.style.faint);
  const body = `${indent}  `;
  const commands = (command: Command): readonly string[] => wrapCommand(command, view.width - body.length).map((line) => view.style.command(`${body}${line}`));
  const makesGuests = stepsOf(nodes).some((step) => view.describe(step).actions.some((action) => "command" in action && makesGuest(action.command)));
  return [
    ...books.map(view.style.faint), ...forgets.flatMap((run) => commands(forgetCommand(domain, run))),
    ...words.map(view.style.faint), ...commands(unitCommand(domain, booksOfRun(domain, "RUN"), ioWeight)),
    ...(makesGuests ? [
      ...commented(body, "put before each command that makes a guest, so that its keeper outlives the run:", view.width).map(view.style.faint),
      ...commands(scopeCommand(domain)),
    ] : []),
  ];
}

function makesGuest([tool, subcommand = ""]: Command): boolean {
  return tool === "xl" && ["create", "restore", "migrate"].includes(subcommand);
}

/** When the second switch is made, and what it costs then. */
function renderWait({ window, seconds }: AwaitWindow, host: string, view: View): readonly string[] {
  return hanging("    ", `${visible(window.text)}, by the clock of ${visible(host)}: the second switch waits there for it, and takes about ` +
    `${formatForecast(seconds)} of the downtime above. Nobody has to watch: converge ends with the wait.`, view.width);
}

/** Nothing is planned for a guest that a run has. */
function joined(domain: string, { run, owner, since, step }: NonNullable<DomainPlan["joins"]>, host: string, view: View): readonly string[] {
  return [
    `${view.style.name(visible(domain))} on ${visible(host)}: a run that wants the same ${step?.waits === true ? "waits for its window" : "is under way, and is followed"}`,
    ...hanging("  run     ", `${visible(run)}, begun by ${visible(owner)} at ${formatInstant(since)}`, view.width),
    ...(step === undefined ? [] : hanging("  step    ", `${visible(step.title)}, since ${formatInstant(step.at)}`, view.width)),
  ];
}

function section(title: string, lines: readonly string[], view: View): readonly string[] {
  return lines.length === 0 ? [] : [`  ${view.style.heading(title)}`, ...lines];
}

/** What happens to a guest, in a few words. */
function headline(plan: DomainPlan): string {
  if (plan.awaits === "reboot") return `${count(plan.changes.length, "disk")} made ready to move once it reboots itself`;
  const moves = plan.changes.filter((change) => change.change === "move-disk").length;
  const finishes = plan.changes.filter((change) => change.change === "finish-move").length;
  const returns = plan.changes.filter((change) => change.change === "return-disk").length;
  const left = plan.changes.filter((change) => change.change === "finish-return").length;
  const discards = plan.changes.filter((change) => change.change === "discard-image").length;
  const forgets = plan.changes.some((change) => change.change === "forget-runs");
  const parts = [
    ...(discards > 0 ? [`${count(discards, "retired image")} to delete`] : []),
    ...(forgets ? ["books of old runs to remove"] : []),
    ...(returns > 0 ? [returns === 1 ? "1 disk goes back to its image" : `${returns} disks go back to their images`] : []),
    ...(left > 0 ? [`${count(left, "volume")} that it has left to mark`] : []),
    ...(moves > 0 ? [moves === 1 ? "1 disk moves to a logical volume" : `${moves} disks move to logical volumes`] : []),
    ...(finishes > 0 ? [`${count(finishes, "disk")} of an earlier run to tidy up`] : []),
  ];
  return parts.join(", ");
}
