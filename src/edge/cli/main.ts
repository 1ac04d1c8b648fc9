#!/usr/bin/env node
import { Interruption } from "../run/interruption.js";
import { openConnection } from "../run/open-connection.js";
import { processConsole } from "../terminal/console.js";
import { EXIT } from "./exit-code.js";
import { runCli } from "./run-cli.js";
import type { Session } from "./session.js";

const console = processConsole();
const session: Session = { console, interruption: new Interruption(), openHost: openConnection, runs: { active: false, begun: false } };

// while nothing runs on a host, a signal just ends the command; a run hears it otherwise (carry-out.ts)
console.onSignal((signal) => {
  if (session.runs.active) return;
  console.err(`\nconverge: interrupted${session.runs.begun ? "" : "; nothing was changed"}\n`);
  process.exit(signal === "SIGINT" ? EXIT.interrupted : signal === "SIGTERM" ? EXIT.terminated : EXIT.hungUp);
});

const exit = await runCli(process.argv.slice(2), session);
// connections that are still closing must not hold the shell up; output that is still under way must not be lost
process.stdout.write("", () => process.stderr.write("", () => process.exit(exit)));
