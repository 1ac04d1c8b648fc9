import { hasErrors } from "../../core/model/diagnostic.js";
import type { GuestRecap } from "../../core/render/recap.js";
import { applyAll } from "../run/apply.js";
import type { HostResult } from "../run/apply-host.js";
import type { Interruption } from "../run/interruption.js";
import { isOwnMistake } from "../run/own-mistake.js";
import type { Preview } from "../run/preview.js";
import { hasWork } from "../run/preview.js";
import type { Target } from "../run/target.js";
import { commandAgain } from "./command-again.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT, worst } from "./exit-code.js";
import type { RunOptions } from "./options.js";
import type { Reporter } from "./reporter.js";
import type { Session } from "./session.js";
import type { Work } from "./work.js";

/** Runs what was shown, host by host, and tells how it went. */
export async function carryOut(
  work: Work, previews: readonly Preview[], options: RunOptions, session: Session, reporter: Reporter,
): Promise<ExitCode> {
  const hosts = new Map(previews.filter(hasWork).map((preview) =>
    [preview.host, { target: withFigures(preview), seen: preview, shown: preview.plan.domains }] as const));
  const fallen = new Set(previews.filter((preview) => "unreachable" in preview || hasErrors(preview.plan.diagnostics)).map(({ host }) => host));
  const atOnce = Math.max(...work.batches.map((batch) => Math.min(batch.hosts.length, options.forks)), 1);
  session.runs.active = true;
  session.runs.begun = true;
  const stopListening = session.console.onSignal((signal) => { session.interruption.hear(signal); });
  try {
    const results = await applyAll({
      batches: work.batches, hosts, fallen, forks: options.forks, interruption: session.interruption, clock: session.clock,
      watch: (host, plan) => reporter.watch(host, plan.domain, atOnce > 1),
      followCommand: ({ name, reach }, domain) => commandAgain("attach", { name, reach }, domain),
      ...(session.sleep === undefined ? {} : { sleep: session.sleep }),
    });
    reporter.complain(results.flatMap((result) => result.diagnostics));
    reporter.recap(results.flatMap((result) => result.guests));
    return exitOf(results, session.interruption);
  } finally {
    stopListening();
    session.runs.active = false;
  }
}

/** Planned from the figures that the preview was made from: one guest's run changes nothing of what was shown for the next. */
function withFigures({ target, state }: Extract<Preview, { plan: unknown }>): Target {
  return state === undefined ? target : { ...target, history: state.history };
}

function exitOf(results: readonly HostResult[], interruption: Interruption): ExitCode {
  const codes = results.flatMap((result) => [
    ...(result.diagnostics.some(isOwnMistake) ? [EXIT.failed] : []),
    ...(result.unreachable === undefined ? [] : [EXIT.unreachable]),
    ...(result.unreachable === undefined && result.guests.some((guest) => guest.unverified === true)
      ? [interruption.wish === "detach" ? signalExit(interruption) : EXIT.failed] : []),
    ...result.guests.map((guest) => exitOfGuest(guest, interruption)),
  ]);
  return worst(codes);
}

/** What one guest's end means for the exit code. */
export function exitOfGuest(guest: Pick<GuestRecap, "end" | "report" | "died">, interruption: Interruption): ExitCode {
  switch (guest.end) {
    case "done": case "waiting": return EXIT.done;
    case "held": case "stale": case "refused": return EXIT.refused;
    // nobody was there to begin it: what held it back has a code of its own
    case "not-started": return interruption.wish === "go on" ? EXIT.done : signalExit(interruption);
    case "detached": return signalExit(interruption);
    case "stopped": return interruption.wish === "go on" ? EXIT.failed : signalExit(interruption);
    case "failed": case "stuck": case "differs": return EXIT.failed;
    case "lost": return guest.report.lastSeq === 0 && guest.died === undefined ? EXIT.unreachable : EXIT.failed;
  }
}

function signalExit(interruption: Interruption): ExitCode {
  if (interruption.signal === "SIGTERM") return EXIT.terminated;
  return interruption.signal === "SIGHUP" ? EXIT.hungUp : EXIT.interrupted;
}
