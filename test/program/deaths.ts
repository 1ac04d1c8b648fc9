import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SCRATCH, inParallel, shellOf, type Shell, type StubHost } from "./host.js";

/** A program that is killed with all its children, before or after one of its calls that change something, counted from 1. */
export interface Death {
  readonly number: number;
  readonly when: "kill-before" | "kill-after";
}

/** Programs of one kind, and how they die. */
export interface Deaths<D extends Death> {
  readonly deaths: readonly D[];
  /** A host with the program installed, as its run begins. */
  readonly host: (shell: Shell) => StubHost | Promise<StubHost>;
  /** Those whose program is really killed, whatever it costs. */
  readonly really: (death: D) => boolean;
}

/**
 * Each death, with the host as it is then.
 *
 * What a program does up to a call is the same each time, and most of what a death costs. So there is one run, of which the
 * stubs keep what is on the host at those calls, and each death is gone on with from there, under the shell of its turn: a
 * recovery knows nothing but what is on disk. Some programs are really killed; so are all where something would live on,
 * in a scope of its own.
 * @param then is given the guest's config as it was before the run, too
 */
export async function eachDeath<D extends Death>(
  { deaths, host: hostOf, really }: Deaths<D>, then: (host: StubHost, death: D, before: string) => Promise<void>,
): Promise<void> {
  const killed = async (death: D): Promise<void> => {
    const host = await hostOf(shellOf(death.number));
    const before = readFileSync(host.config, "utf8");
    try {
      host.tell(death.when, String(death.number));
      await host.run("run");
      await then(host, death, before);
    } finally {
      host.remove();
    }
  };
  const run = async (): Promise<void> => {
    const of = deaths.filter((death) => !really(death));
    const kept = new Kept(await hostOf("dash"), of);
    const before = readFileSync(kept.host.config, "utf8");
    try {
      await kept.host.run("run");
      for (const death of of) {
        kept.host.under(shellOf(death.number));
        if (kept.takeUp(death)) await then(kept.host, death, before);
        else await killed(death);
      }
    } finally {
      kept.remove();
    }
  };
  await inParallel([run, ...deaths.filter(really).map((death) => () => killed(death))], (work) => work());
}

/** A host, and what was on it at calls of its one run. */
class Kept {
  readonly host: StubHost;
  readonly #folder = mkdtempSync(join(SCRATCH, "converge-kept-"));

  constructor(host: StubHost, deaths: readonly Death[]) {
    this.host = host;
    for (const death of deaths) mkdirSync(this.#at(death), { recursive: true });
    host.tell("keep", this.#folder);
  }

  /** The host as it was then. False: that was not kept. */
  takeUp(death: Death): boolean {
    const at = this.#at(death);
    if (!existsSync(join(at, "whole"))) return false;
    this.host.endAll();
    for (const folder of readdirSync(this.host.root).filter((name) => name !== "bin")) rmSync(join(this.host.root, folder), { recursive: true });
    cpSync(at, this.host.root, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    rmSync(join(this.host.root, "whole"));
    this.host.untell("keep");
    const calls = this.host.calls().length;
    if (calls !== death.number) throw new Error(`what was kept of call ${String(death.number)} is of call ${String(calls)}`);
    return true;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
    this.host.remove();
  }

  #at({ when, number }: Death): string {
    return join(this.#folder, `${when}-${String(number)}`);
  }
}
