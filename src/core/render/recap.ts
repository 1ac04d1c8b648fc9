import { formatBytes } from "../model/bytes.js";
import type { Command } from "../model/command.js";
import { KEPT_SECONDS } from "../diff/diff-collect.js";
import { placeOf } from "../model/change.js";
import type { Change, MoveDisk } from "../model/change.js";
import { safeName } from "../model/names.js";
import { isOverBudget } from "../model/plan.js";
import type { DomainPlan } from "../model/plan.js";
import type { HowBack, Outcome } from "../model/run-event.js";
import { budget } from "./estimate.js";
import { windowText } from "./event-line.js";
import { count, formatDowntime, formatForecast, formatInstant, formatRate, formatSeconds } from "./figures.js";
import type { RunReport } from "./run-report.js";
import { copied } from "./run-report.js";
import { visible } from "./visible.js";
import { hanging, wrapCommand } from "./wrap.js";
import type { View } from "./view.js";

/** How it ended for one guest. `waiting`: it did not yet, and does so by itself at a time of day. `detached`: nobody watched to the end. `not-started`: an earlier failure held it back. */
export type GuestEnd = Outcome | "waiting" | "differs" | "detached" | "lost" | "held" | "stale" | "not-started";

/** What is told of one guest when all is over. */
export interface GuestRecap {
  readonly host: string;
  readonly plan: DomainPlan;
  readonly end: GuestEnd;
  readonly report: RunReport;
  /** It is done, and the host could not be looked at to see that nothing is left to do. */
  readonly unverified?: true;
  /** What there is to say beyond the journal: who holds it, what differs. */
  readonly message?: string;
  /** Its program died: the run does not go on by itself. */
  readonly died?: true;
  /** It was sent, and nothing was heard of it: whether it has begun is not known. */
  readonly unheard?: true;
  /** converge itself has made a mistake while it followed the run, which knows nothing of that. */
  readonly mistaken?: true;
  /** The command that follows this run again, where it may still run. */
  readonly follow?: Command;
}

const ENDS: Readonly<Record<GuestEnd, string>> = {
  done: "done",
  failed: "failed; undone, the guest is on its old disks",
  refused: "refused by the run itself; undone, the guest is on its old disks",
  stopped: "stopped as asked; undone, the guest is on its old disks",
  stuck: "runs on its new disks, but something is left to do",
  waiting: "runs on its volumes; the second switch waits for its window",
  differs: "done, but not as planned: planning again finds work left",
  detached: "still running on the host, nobody watches",
  lost: "not known: the connection was lost; the run goes on by itself on the host",
  held: "not started: another run holds this guest, or its host did not take the program",
  stale: "not started: the host has changed since the plan was shown",
  "not-started": "not started",
};

/** The same for a guest that goes back to its images: what is new to it is what it came from. */
const RETURNS: Readonly<Partial<Record<GuestEnd, string>>> = {
  failed: "failed; undone, the guest is on its volumes",
  refused: "refused by the run itself; undone, the guest is on its volumes",
  stopped: "stopped as asked; undone, the guest is on its volumes",
  stuck: "is back on its images, but something is left to do",
};

/** The same where leftovers are removed: the guest itself is never touched. */
const COLLECTS: Readonly<Partial<Record<GuestEnd, string>>> = {
  failed: "failed; what was deleted until then is gone, the guest was not touched",
  refused: "refused by the run itself; the guest was not touched",
  stopped: "stopped as asked; what was deleted until then is gone, the guest was not touched",
  stuck: "not done: something is left to do",
};

/** The same where the guest has not come back: what its config names is not what it is on. */
const DOWN: Readonly<Partial<Record<GuestEnd, string>>> = {
  failed: "failed; the guest has not come back up",
  refused: "refused by the run itself; the guest has not come back up",
  stopped: "stopped as asked; the guest has not come back up",
  stuck: "past its commit, and the guest has not come back up",
};

function endText({ end, plan, report, died, unheard, mistaken, unverified }: GuestRecap): string {
  if (end === "lost" && died === true) return "not known: the run stopped half-way";
  if (end === "lost" && unheard === true) return "not known: it may have begun on the host, and goes on there by itself then";
  if (end === "lost" && mistaken === true) return "not known: it was not followed to its end; the run goes on by itself on the host";
  if (unverified === true) return "done as far as the run says; nobody could look whether it is as planned";
  const goesBack = plan.changes.some((change) => change.change === "return-disk");
  const tidiesUp = plan.changes.some((change) => change.change === "discard-image" || change.change === "forget-runs");
  if (end === "stopped" && report.committed) return "stopped as asked; the guest runs on its volumes, by way of what mirrored them";
  if (report.isDown && DOWN[end] !== undefined) return DOWN[end];
  return (goesBack ? RETURNS[end] : tidiesUp ? COLLECTS[end] : undefined) ?? ENDS[end];
}

/** The recap of all guests, in the order in which they were taken. */
export function renderRecap(guests: readonly GuestRecap[], view: View): readonly string[] {
  return [view.style.heading("Recap"), ...guests.flatMap((guest) => renderGuest(guest, view))];
}

function renderGuest(guest: GuestRecap, view: View): readonly string[] {
  const paint = guest.unverified === true ? view.style.warning : guest.end === "done" || guest.end === "waiting" ? view.style.good : guest.end === "not-started" ? view.style.faint : view.style.danger;
  return [
    ...hanging(`  `, `${visible(guest.plan.domain)} on ${visible(guest.host)}: ${endText(guest)}`, view.width).map(paint),
    ...(guest.message === undefined ? [] : hanging("    ", visible(guest.message), view.width)),
    ...failure(guest, view),
    ...(["done", "waiting", "stuck", "differs"].includes(guest.end) ? changed(guest, view) : []),
    ...waiting(guest, view),
    ...figures(guest, view),
    ...leftovers(guest, view),
    ...(guest.follow === undefined ? [] : wrapCommand(guest.follow, view.width - 14).map((line, i) => `${i === 0 ? "    follow    " : " ".repeat(14)}${line}`)),
  ];
}

function waiting({ end, host, report }: GuestRecap, view: View): readonly string[] {
  if (end !== "waiting" || report.waiting === undefined) return [];
  return hanging("    waits     ", `on ${visible(host)} for ${windowText(report.waiting)}; \`converge status\` shows it`, view.width);
}

function changed(guest: GuestRecap, view: View): readonly string[] {
  if (guest.plan.awaits === "reboot") {
    return hanging("    waits     ", "for the guest's own next reboot; run this again after it, and the disks move while it runs", view.width);
  }
  // whether a run that was joined moves anything, or only makes its guest ready for it, the look afterwards says
  if (guest.plan.joins !== undefined && guest.unverified === true) return [];
  return guest.plan.changes.flatMap((change) =>
    hanging(`    ${visible(placeOf(change)).padEnd(9)} `, changeText(change), view.width));
}

function changeText(change: Change): string {
  switch (change.change) {
    case "move-disk": return `now volume ${visible(change.to.volume)}, was ${visible(change.image.path)}`;
    case "return-disk": return `now image ${visible(change.path)}, was volume ${visible(change.volume.name)}`;
    case "discard-image": return `deleted ${visible(change.image.path)} (${formatBytes(change.image.allocatedBytes)})`;
    case "forget-runs": return `forgot ${count(change.runs.length, "old run")}`;
    case "finish-move": case "finish-return": return "tidied up";
  }
}

function failure(guest: GuestRecap, view: View): readonly string[] {
  const { report } = guest;
  const lines: string[] = [];
  if (guest.end !== "done" && report.message !== undefined && report.message !== "") {
    lines.push(...hanging("    reason    ", visible(report.message), view.width));
  }
  if (report.failure !== undefined && guest.end !== "done") {
    const { id, exit, message, tail } = report.failure;
    if (message !== report.message && message !== "") lines.push(...hanging("    step      ", `${visible(id)}: ${visible(message)}`, view.width));
    else lines.push(...hanging("    step      ", `${visible(id)}, exit ${exit}`, view.width));
    lines.push(...tail.split("\n").filter((line) => line !== "").slice(-8).map((line) => view.style.faint(`    | ${visible(line)}`)));
  }
  return lines;
}

function figures(guest: GuestRecap, view: View): readonly string[] {
  const { report, plan } = guest;
  const lines: string[] = [];
  if (report.rehearsed !== undefined) {
    const { seconds, by } = report.rehearsed;
    lines.push(...hanging("    rehearsal ", `a clone came up from the copy in ${formatSeconds(seconds)} (${visible(by)}), stayed up and was thrown away`, view.width));
  }
  lines.push(...downtime(guest, view));
  const { bytes, seconds } = copied(report);
  if (bytes > 0) {
    const rate = seconds > 0 ? ` in ${formatSeconds(seconds)} (${formatRate(bytes / seconds)})` : "";
    const passes = report.passes.length > 0 ? `, ${count(report.passes.length, "pass", "passes")}` : "";
    const forecast = plan.estimate.copyBytes > 0 ? `, forecast ${formatBytes(plan.estimate.copyBytes)}` : "";
    lines.push(...hanging("    copied    ", `${formatBytes(bytes)}${rate}${passes}${forecast}`, view.width));
  }
  lines.push(...report.deltas.flatMap(({ id, bytes: changed, of }) => hanging(
    "    delta     ", `${formatBytes(changed)} of ${formatBytes(of)} were written while they were copied, and mirrored (${visible(id)})`, view.width,
  )));
  lines.push(...[...new Set(report.frozen.map(({ volume }) => volume))].flatMap((volume) => hanging("    frozen    ", frozenText(volume, report), view.width)));
  if (report.beganAt !== undefined && report.endedAt !== undefined) {
    const forecast = plan.estimate.seconds > 0 ? `, forecast ${formatForecast(plan.estimate.seconds)}` : "";
    lines.push(`    took      ${formatSeconds(report.endedAt - report.beganAt)}${forecast}`);
  }
  lines.push(...report.watched.flatMap((text) => hanging("    watched   ", visible(text), view.width)));
  lines.push(...report.notes.flatMap((text) => hanging("    note      ", visible(text), view.width)));
  return lines;
}

function downtime(guest: GuestRecap, view: View): readonly string[] {
  const { report, plan: { estimate, joins } } = guest;
  const { downtimeSeconds, isDown, downAt, back } = report;
  if (isDown && downAt !== undefined) {
    const since = `since ${formatInstant(downAt)}: it was taken down, and has not been seen up again`;
    return hanging("    downtime  ", since, view.width).map(view.style.danger);
  }
  const was = back !== undefined ? backText(guest, back) : downtimeSeconds === undefined ? undefined : formatDowntime(downtimeSeconds);
  if (was === undefined) return [];
  // who joins a run does not know what was forecast
  const text = joins !== undefined ? was : `${was}${back === undefined ? "," : ";"} forecast ${formatForecast(estimate.downtimeSeconds)}${budget(estimate)}`;
  // one that is known to be so much at most may have been less
  const over = downtimeSeconds !== undefined && back !== "found" && isOverBudget({ downtimeSeconds, budgetSeconds: estimate.budgetSeconds });
  return hanging("    downtime  ", over ? `${text}: over the budget` : text, view.width).map((line) => (over ? view.style.warning(line) : line));
}

/** How long a guest was down that nobody has waited for: until it was brought up, and not until it was ready. */
function backText({ plan, report: { downtimeSeconds, committed } }: GuestRecap, back: HowBack): string {
  const goesBack = plan.changes.some((change) => change.change === "return-disk");
  const on = committed ? (goesBack ? "its images" : "its new disks") : goesBack ? "its volumes" : "its old disks";
  const long = downtimeSeconds === undefined ? "not known" : `${back === "found" ? "at most " : ""}${formatDowntime(downtimeSeconds)}`;
  switch (back) {
    case "restored": return `${long}, until it went on from its saved memory, on ${on}`;
    case "resumed": return `${long}, until it was let run on ${on}; it has not been seen ready`;
    case "found": return `${long}, until it was found running on ${on}`;
    case "stayed": return downtimeSeconds === undefined || downtimeSeconds === 0
      ? `none: it was asked to go down, did not, and runs on, on ${on}`
      : `${long}; asked to go down once more it did not, and runs on, on ${on}`;
    case "started": return `${long}, until it was started again on ${on}`;
  }
}

/** Everything on a volume waits while a snapshot of it is taken. */
function frozenText(volume: string, { frozen }: GuestRecap["report"]): string {
  const times = frozen.filter((one) => one.volume === volume).map(({ seconds }) => seconds);
  return `${visible(volume)}, with all that is on it, for at most ${formatSeconds(Math.max(...times))} at a time, for ${count(times.length, "snapshot")}`;
}

function leftovers(guest: GuestRecap, view: View): readonly string[] {
  const told = (label: string, text: string): readonly string[] => hanging(`    ${label.padEnd(9)} `, text, view.width);
  const commands = (command: Command): readonly string[] =>
    wrapCommand(command, view.width - 14).map((line) => view.style.command(`              ${line}`));
  const host = visible(guest.host);
  return [
    ...kept(guest).flatMap(({ path, bytes, remove }) => [
      ...told("kept", `${visible(path)} (${formatBytes(bytes)}), no longer in use; to remove it, on ${host}:`),
      ...commands(remove),
    ]),
    ...retired(guest).flatMap(({ path, bytes, keepForSeconds, until }) => told(
      "kept",
      `${visible(path)} (${formatBytes(bytes)}), retired, for ${count(Math.round(10 * (keepForSeconds ?? KEPT_SECONDS) / DAY) / 10, "day")}`
      + `${until === undefined ? "" : `, until ${formatInstant(until)}`}; \`converge gc\`${keepForSeconds === undefined ? "" : " with this playbook"} deletes it then`,
    )),
    ...deleted(guest).flatMap(({ path, bytes }) => told("deleted", `${visible(path)} (${formatBytes(bytes)}), as the playbook says`)),
    ...keptVolumes(guest).flatMap(({ volume, bytes, is, remove }) => [
      ...told("kept", `${visible(volume)} (${formatBytes(bytes)}), ${WHAT_VOLUMES_ARE[is]}; to be rid of it, on ${host}:`),
      ...commands(remove),
    ]),
  ];
}

const DAY = 24 * 60 * 60;

/** A file that is no longer in use, and what removes it. */
export interface KeptImage {
  readonly path: string;
  readonly bytes: number;
  readonly remove: Command;
}

/** Images that a finished move leaves behind under their names. */
export function kept(guest: GuestRecap): readonly KeptImage[] {
  return movedFrom(guest, "keep").map(({ image }) => ({ path: image.path, bytes: image.allocatedBytes, remove: ["rm", "--", image.realPath] }));
}

/** An image under its new name. */
export interface LeftImage {
  readonly path: string;
  readonly was: string;
  readonly bytes: number;
  /** As the playbook says; unset: as `converge gc` does where none does. */
  readonly keepForSeconds?: number;
  /** From when on `converge gc` deletes it, by the host's clock. */
  readonly until?: number;
}

/** Images that a finished move has retired. */
export function retired(guest: GuestRecap): readonly LeftImage[] {
  return movedFrom(guest, "retire").map(({ image, wish }) => {
    const { keepForSeconds } = wish.move;
    const { endedAt } = guest.report;
    return {
      path: `${image.realPath}.retired`, was: image.path, bytes: image.allocatedBytes,
      ...(keepForSeconds === undefined ? {} : { keepForSeconds }),
      ...(endedAt === undefined ? {} : { until: Math.ceil(endedAt) + (keepForSeconds ?? KEPT_SECONDS) }),
    };
  });
}

/** Images that are gone, however the run went on from there. */
export function deleted({ plan, report, end }: GuestRecap): readonly { readonly path: string; readonly bytes: number }[] {
  return plan.changes.flatMap((change) => {
    const isGone = change.change === "move-disk" && change.wish.move.source === "delete"
      && (isFinished({ end, plan }) || report.held.includes(`${safeName(change.vdev)}.delete-image`));
    return isGone ? [{ path: change.image.path, bytes: change.image.allocatedBytes }] : [];
  });
}

function movedFrom(guest: GuestRecap, source: "keep" | "retire"): readonly MoveDisk[] {
  // who was not looked at may need its image yet
  if (guest.unverified === true || !isFinished(guest)) return [];
  return guest.plan.changes.filter((change): change is MoveDisk => change.change === "move-disk" && (change.wish.move.source ?? "keep") === source);
}

function isFinished({ end, plan }: Pick<GuestRecap, "end" | "plan">): boolean {
  return end === "done" && plan.awaits === undefined;
}

/** copy: one that was begun. former: one that the guest has left; `holdsWrites` that it alone has. */
type KeptAs = "copy" | "former" | "holdsWrites";

const WHAT_VOLUMES_ARE: Readonly<Record<KeptAs, string>> = {
  copy: "a copy that was begun: the next run goes on from it",
  former: "no longer in use",
  holdsWrites: "no longer in use, and alone in holding what the guest wrote there",
};

/** A volume that no guest has, and what removes it. */
export interface KeptVolume {
  readonly volume: string;
  readonly bytes: number;
  readonly is: KeptAs;
  readonly remove: Command;
}

/** Volumes that a run leaves behind: the copy that it had begun when it went back, or what its guest has left for its image. */
export function keptVolumes(guest: GuestRecap): readonly KeptVolume[] {
  const { plan, report, end, unverified } = guest;
  // as long as the guest is down its config may still name the copy
  const wentBack = !report.committed && !report.isDown && ["failed", "refused", "stopped"].includes(end);
  return plan.changes.flatMap((change): readonly KeptVolume[] => {
    switch (change.change) {
      case "move-disk": {
        const { volume, bytes, begun, former } = change.to;
        // one that the guest had left before may hold what is nowhere else
        const isThere = !former && (begun || report.held.includes(`${safeName(change.vdev)}.create-volume`));
        return wentBack && isThere ? [{ volume, bytes, is: "copy", remove: ["lvremove", volume] }] : [];
      }
      case "return-disk": case "finish-return": {
        const { volume: { name, bytes }, removeVolume } = change;
        if (removeVolume || unverified === true || !isFinished(guest)) return [];
        const isAlone = change.change === "finish-return" ? !change.carried : change.carry === "nothing";
        return [{ volume: name, bytes, is: isAlone ? "holdsWrites" : "former", remove: ["lvremove", name] }];
      }
      case "finish-move": case "discard-image": case "forget-runs": return [];
    }
  });
}
