import { Interruption } from "../run/interruption.js";
import { observeHost } from "../run/observe-host.js";
import type { Host } from "../hosts/host.js";
import { openHost } from "../hosts/open-host.js";
import { Turns } from "../hosts/turns.js";
import { visible } from "../../core/render/visible.js";
import { canAsk } from "../terminal/prompt.js";
import type { Console } from "../terminal/console.js";
import type { ExitCode } from "./exit-code.js";
import { EXIT } from "./exit-code.js";
import { runCli } from "./run-cli.js";
import type { Session } from "./session.js";
import { heedUncaught } from "./uncaught.js";

/** Longer than this nobody waits for connections to close. */
const CLOSING_MS = 2000;

/** Runs a command line in this process, which hears signals and opens hosts for real. */
export async function runInProcess(argv: readonly string[], console: Console): Promise<ExitCode> {
  const opened: Host[] = [];
  const turns = new Turns((name) => { console.err(`${visible(name)}: ssh may ask\n`); });
  const session: Session = {
    console, interruption: new Interruption(), observe: observeHost, runs: { active: false, begun: false },
    clock: () => performance.now(),
    now: () => Date.now() / 1000,
    openHost: (name, connection, alone) => {
      const host = openHost(name, connection, { interactive: canAsk(console), ...(alone ? {} : { turns }) });
      opened.push(host);
      return host;
    },
  };

  const leave = (exit: ExitCode): void => {
    const late = setTimeout(() => process.exit(exit), CLOSING_MS);
    void Promise.allSettled(opened.map((host) => host.close())).then(() => {
      clearTimeout(late);
      process.exit(exit);
    });
  };

  const settled = heedUncaught(argv, console, () => { leave(EXIT.failed); });

  // while nothing runs on a host, a signal just ends the command; a run hears it otherwise (carry-out.ts)
  console.onSignal((signal) => {
    if (session.runs.active) return;
    console.err(`\nconverge: interrupted${session.runs.begun ? "" : "; nothing was changed"}\n`);
    const exit = signal === "SIGINT" ? EXIT.interrupted : signal === "SIGTERM" ? EXIT.terminated : EXIT.hungUp;
    leave(exit);
  });

  return settled(await runCli(argv, session));
}
