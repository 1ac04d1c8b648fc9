import { formatBytes } from "../model/bytes.js";
import type { RunEvent } from "../model/run-event.js";
import { formatDowntime, formatElapsed, formatForecast, formatInstant, formatRate, formatSeconds } from "./figures.js";
import type { Style } from "./style.js";
import { visible } from "./visible.js";

/** How loud a line is: progress may be dropped, detail is for -v. */
export type Loudness = "progress" | "detail" | "line" | "warning" | "error" | "good";

export interface EventText {
  readonly loudness: Loudness;
  readonly text: string;
}

/** One event of a journal in words, without time and guest. */
export function eventText(event: RunEvent): EventText {
  switch (event.event) {
    case "begin": return line(`run ${visible(event.run)} begins, started by ${visible(event.owner)}`);
    case "step": return line(visible(event.title));
    case "skip": return { loudness: "detail", text: `${visible(event.id)}: skipped, ${visible(event.why)}` };
    case "done": return { loudness: "detail", text: `${visible(event.id)}: done in ${formatSeconds(event.seconds)}` };
    case "failed": return { loudness: "error", text: failedText(event) };
    case "progress": return { loudness: "progress", text: progressText(event) };
    case "watch": {
      const text = `${visible(event.what)}: ${visible(event.value)}`;
      return event.acted === "" ? { loudness: "detail", text } : { loudness: "warning", text: `${text}, ${visible(event.acted)}` };
    }
    case "pass": return line(`pass ${event.number}: ${formatBytes(event.bytes)} in ${formatSeconds(event.seconds)}, `
      + `the next would take about ${formatSeconds(event.forecast)}: ${visible(event.verdict)}`);
    case "frozen": return line(`${visible(event.volume)} stood still for at most ${formatSeconds(event.seconds)}`);
    case "delta": return line(`${visible(event.id)}: ${formatBytes(event.bytes)} of ${formatBytes(event.of)} were written meanwhile, and are mirrored`);
    case "rehearsed": return { loudness: "good", text: `rehearsal: a clone of ${visible(event.domain)} came up after ${formatSeconds(event.seconds)} (${visible(event.by)}) and stayed up` };
    case "waiting": return { loudness: "good", text: `${visible(event.domain)} runs on its volume; the second switch waits for ${windowText(event)}` };
    case "down": return { loudness: "warning", text: `${visible(event.domain)} is going down` };
    case "commit": return { loudness: "good", text: `${visible(event.domain)} starts on its new disks: no way back from here on` };
    case "ready": return { loudness: "good", text: `${visible(event.domain)} is up again after ${formatDowntime(event.downtime)}` };
    case "back": return { loudness: "good", text: backText(event) };
    case "undo": return { loudness: "warning", text: `undo: ${visible(event.what)}` };
    case "stopping": return { loudness: "warning", text: `stopping: ${visible(event.why)}` };
    case "note": return line(visible(event.message));
    case "end": return { loudness: event.outcome === "done" ? "good" : "error", text: `${event.outcome}${event.message === "" ? "" : `: ${visible(event.message)}`}` };
  }
}

function backText({ domain, how, downtime }: Extract<RunEvent, { event: "back" }>): string {
  const name = visible(domain);
  const after = downtime === undefined ? "" : ` ${how === "found" ? "at most " : ""}${formatDowntime(downtime)} after it was taken down`;
  switch (how) {
    case "started": return `${name} is started again${after}`;
    case "restored": return `${name} goes on from its saved memory${after}`;
    case "resumed": return `${name} was let run${after}; it has not been seen ready`;
    case "stayed": return `${name} has not gone down, and runs on`;
    case "found": return `${name} is found running${after}`;
  }
}

/** `02:00-05:00, in 3 h 2 min (the host's clock says Mon 22:58 CEST)`. */
export function windowText({ window, opens, clock }: Pick<Extract<RunEvent, { event: "waiting" }>, "window" | "opens" | "clock">): string {
  return `${visible(window)}, in ${formatForecast(opens)} (the host's clock says ${visible(clock)})`;
}

function line(text: string): EventText {
  return { loudness: "line", text };
}

function failedText(event: Extract<RunEvent, { event: "failed" }>): string {
  const what = event.message === "" ? `exit ${event.exit}` : visible(event.message);
  const tail = event.tail.split("\n").filter((text) => text !== "").slice(-3).map((text) => `\n  | ${visible(text)}`);
  return `${visible(event.id)}: failed: ${what}${tail.join("")}`;
}

/** `42 %, 512 MiB, 40 MiB/s, 12 s left`. */
export function progressText(event: Extract<RunEvent, { event: "progress" }>): string {
  const left = event.left > 0 ? `, ${formatSeconds(event.left)} left` : "";
  const rate = event.rate > 0 ? `, ${formatRate(event.rate)}` : "";
  return `${Math.floor(event.percent)} %, ${formatBytes(event.bytes)}${rate}${left}`;
}

/** A line of a live log: time since the begin, guest, what happened. */
export function liveLine(event: RunEvent, beganAt: number, domain: string, style: Style): string {
  const { loudness, text } = eventText(event);
  return `${formatElapsed(event.at - beganAt).padStart(7)}  ${style.name(visible(domain))}  ${paint(text, loudness, style)}`;
}

/** A line of `converge log`: the host's clock, in UTC. */
export function logLine(event: RunEvent, style: Style): string {
  const { loudness, text } = eventText(event);
  return `${style.faint(formatInstant(event.at))}  ${paint(text, loudness, style)}`;
}

function paint(text: string, loudness: Loudness, style: Style): string {
  switch (loudness) {
    case "good": return style.good(text);
    case "error": return style.danger(text);
    case "warning": return style.warning(text);
    case "detail": case "progress": return style.faint(text);
    case "line": return text;
  }
}
