import type { RunRecord } from "../model/host-state.js";
import { formatInstant } from "./figures.js";
import type { Style } from "./style.js";
import { visible } from "./visible.js";

/** What each state of a run means for who reads it, and what would happen next. */
const STATES: Readonly<Record<RunRecord["state"], string>> = {
  running: "running",
  stopped: "stopped half-way: running the playbook again takes it back, then goes on",
  done: "done",
  failed: "failed; taken back",
};

/** The runs that a host knows of, a line or two each; running ones first. */
export function renderRuns(host: string, runs: readonly RunRecord[], style: Style): readonly string[] {
  if (runs.length === 0) return [`${style.name(visible(host))}: no runs`];
  const order = [...runs].sort((a, b) => rank(a) - rank(b) || b.since - a.since);
  const width = Math.max(...order.map((run) => visible(run.domain).length));
  return [
    style.name(visible(host)),
    ...order.map((run) => {
      const paint = run.state === "running" ? style.good : run.state === "stopped" ? style.warning : style.faint;
      return `  ${visible(run.domain).padEnd(width)}  ${formatInstant(run.since)}  ${paint(STATES[run.state])}, by ${visible(run.owner)}`;
    }),
  ];
}

function rank(run: RunRecord): number {
  return ["running", "stopped", "failed", "done"].indexOf(run.state);
}
