import type { HostState, RunRecord } from "../model/host-state.js";
import { isOwnPath, mappingAt } from "../model/mapping.js";
import { own } from "../model/own.js";
import { goesForward } from "../plan/join-run.js";
import { formatInstant } from "./figures.js";
import type { Style } from "./style.js";
import { visible } from "./visible.js";
import { hanging } from "./wrap.js";
import { sameVdev } from "../xl/vdev.js";

/** Where a guest stands: in a run, after one, or waiting for something between two. */
export interface GuestStatus {
  readonly domain: string;
  readonly state: RunRecord["state"] | "waits" | "mapped";
  /** Seconds since the epoch; unset where nobody wrote it down. */
  readonly since?: number;
  readonly run?: string;
  readonly owner?: string;
  /** The last step that began. */
  readonly step?: RunRecord["step"];
  readonly committed: boolean;
  /** The commit was begun, and nobody knows whether it has happened: there is no way back all the same. */
  readonly committing?: true;
  /** What could not be taken back. */
  readonly unfinished?: string;
  /** What happens next, or what there is to do. */
  readonly next: string;
}

/** The command about a guest that can be typed as it stands, with the options by which its host is reached. */
export type Again = (command: "attach" | "resume", domain: string) => string;

/** Every guest that a run was about or that waits for one: those that want somebody first. */
export function guestStatuses(state: Pick<HostState, "runs" | "domains" | "mappings">, again: Again): readonly GuestStatus[] {
  const statuses = state.runs.map((run) => ofRun(run, state, again));
  const busy = new Set(statuses.filter(({ state: of }) => of === "running" || of === "waits" || of === "stopped").map(({ domain }) => domain));
  const waiting = Object.keys(state.domains).filter((domain) => !busy.has(domain)).flatMap((domain) => waits(domain, state, again) ?? []);
  const rank = ({ state: of }: GuestStatus): number => ["stopped", "running", "waits", "mapped", "failed", "done"].indexOf(of);
  const replaced = new Set(waiting.map(({ domain }) => domain));
  return [...statuses.filter(({ domain }) => !replaced.has(domain)), ...waiting]
    .sort((a, b) => rank(a) - rank(b) || (b.since ?? 0) - (a.since ?? 0) || (a.domain < b.domain ? -1 : 1));
}

function ofRun(run: RunRecord, { domains }: Pick<HostState, "domains">, again: Again): GuestStatus {
  const committed = run.committedAt !== undefined;
  const forward = goesForward(run);
  // a run that has ended and left something is no better than one that died
  const state = run.unfinished !== undefined && run.state !== "running" ? "stopped" : run.state;
  const typed = { attach: () => again("attach", run.domain), resume: () => again("resume", run.domain) };
  // after the commit, with nothing left that the run itself still does
  const ended = run.outcome !== undefined && run.unfinished === undefined;
  // a run that waits has the guest, and yet it is the time of day that counts
  const waits = run.state === "running" && run.step?.waits === true;
  return {
    domain: run.domain, state: waits ? "waits" : state, since: run.since, run: run.run, owner: run.owner, committed,
    next: waits ? `the second switch, by itself; ${typed.attach()} follows it, and Ctrl-C there ends the wait` : nextOf(state, forward && { down: run.committing === "offline" }, typed, ended && { up: own(domains, run.domain)?.running !== undefined }),
    ...(forward && !committed ? { committing: true } : {}),
    ...(run.step === undefined ? {} : { step: run.step }),
    ...(run.unfinished === undefined ? {} : { unfinished: run.unfinished }),
  };
}

function nextOf(
  state: RunRecord["state"], forward: false | { readonly down: boolean }, { attach, resume }: Readonly<Record<"attach" | "resume", () => string>>, ended: false | { readonly up: boolean },
): string {
  switch (state) {
    case "running": return `goes on by itself; to follow it: ${attach()}`;
    case "stopped":
      if (forward !== false && ended !== false) {
        return ended.up
          ? `${resume()} plans what is left to do`
          : `it is down: start it unless that is on purpose; then ${resume()} plans what is left to do`;
      }
      if (forward !== false) {
        return forward.down
          ? `${resume()} leaves the guest down, tidies up, and then goes on`
          : `${resume()} brings the guest up on its new disks if it is not, and tidies up`;
      }
      return `${resume()} takes back what was done, and then goes on`;
    case "failed": return `nothing is left of it; to go on: ${resume()}`;
    case "done": return "nothing";
  }
}

/** A guest that is ready for its own reboot, or that sits on a mapping of converge's own. */
function waits(domain: string, { domains, mappings }: Pick<HostState, "domains" | "mappings">, again: Again): GuestStatus | undefined {
  const running = domains[domain]?.running;
  if (running === undefined) return undefined;
  const attached = running.attached.filter((disk) => isOwnPath(disk.params));
  // of each disk by itself: others may be on the device that an earlier run has mirrored them by
  if (running.stored.some(({ vdev, target }) => isOwnPath(target) && !attached.some((disk) => sameVdev(disk.vdev, vdev)))) {
    return {
      domain, state: "waits", committed: false,
      next: "its own reboot takes it onto its mappings; run the playbook again after it",
    };
  }
  if (attached.length === 0) return undefined;
  const onImage = attached.some((disk) => {
    const table = mappingAt(disk.params, { mappings: mappings ?? [] })?.table;
    return table?.kind === "mirror" || (table?.kind === "linear" && table.on.startsWith("/"));
  });
  if (onImage) return { domain, state: "waits", committed: false, next: `its disks are not mirrored yet: ${again("resume", domain)}, or the playbook again` };
  // xendomains has restored it there: what xl has of it names what it was saved on
  const comesBack = attached.some(({ params }) => running.stored.some(({ target }) => target === params));
  return {
    domain, state: "mapped", committed: true,
    next: comesBack
      ? "its own reboot comes back to its mappings, since Dom0 was rebooted: shut down and started from its config it is on its volumes directly; nothing has to be done"
      : "its next restart puts it on its volumes directly; nothing has to be done",
  };
}

const STATES: Readonly<Record<GuestStatus["state"], string>> = {
  running: "running", stopped: "stopped half-way", waits: "waits", mapped: "moved", failed: "failed, and taken back", done: "done",
};

/** What a host's guests are about, a few lines each. */
export function renderStatuses(host: string, statuses: readonly GuestStatus[], style: Style, width: number): readonly string[] {
  if (statuses.length === 0) return [`${style.name(visible(host))}: no runs`];
  return [style.name(visible(host)), ...statuses.flatMap((status) => renderStatus(status, style, width))];
}

function renderStatus(status: GuestStatus, style: Style, width: number): readonly string[] {
  const { state, since, owner, step, unfinished, next } = status;
  const paint = state === "running" ? style.good : state === "stopped" ? style.danger : state === "waits" ? style.warning : style.faint;
  const begun = since === undefined ? "" : `, begun ${formatInstant(since)}${owner === undefined ? "" : ` by ${visible(owner)}`}`;
  const lines = hanging(`  ${visible(status.domain)}  `, `${STATES[state]}${begun}`, width).map((line, i) => (i === 0 ? paint(line) : line));
  if (state === "done" || state === "mapped") return state === "done" ? lines : [...lines, ...hanging("    next  ", next, width)];
  return [
    ...lines,
    ...(step === undefined || state === "failed" ? [] : hanging("    at    ", `${visible(step.title)} (since ${formatInstant(step.at)})`, width)),
    ...(state === "stopped" && (status.committed || status.committing === true) ? hanging("    note  ", `the commit ${status.committed ? "has happened" : "was begun"}: there is no way back by itself`, width) : []),
    ...(unfinished === undefined ? [] : hanging("    left  ", visible(unfinished), width)),
    ...hanging("    next  ", visible(next), width),
  ];
}
