import type { Connection } from "../../core/inventory/connection.js";
import type { MatchedHost } from "../../core/load/match.js";
import type { DesiredDomain } from "../../core/model/desired.js";
import type { Checked, Diagnostic } from "../../core/model/diagnostic.js";
import type { HostState, PastRun } from "../../core/model/host-state.js";
import type { SavedWish } from "../../core/plan/saved-wish.js";
import type { DomainPlan, HostPlan } from "../../core/model/plan.js";

/** A host of a run: how to look at it, what is wished for there, and how to start and follow runs on it. */
export interface Target {
  readonly name: string;
  /** How it is reached: what a saved plan keeps. */
  readonly connection: Connection;
  /** Options of converge's command line by which its other commands reach it in this way. */
  readonly reach: () => readonly string[];
  readonly observe: (leave?: AbortSignal) => Promise<Observation>;
  /**
   * Past runs that forecasts are reckoned from, where what was shown has to come out again: the runs meanwhile, of other
   * guests say, change none of it. Unset: what the host knows now.
   */
  readonly history?: readonly PastRun[];
  /** What is asked of the host's guests, given who they are. Pure, and always the same wishes. */
  readonly wishes: (state: HostState) => Checked<Wishes>;
  /** What brings it about, where that is not what a playbook asks for. Pure, too. */
  readonly plan?: (state: HostState) => HostPlan;
  /** The wish that {@link plan} is about, as far as it concerns one guest. */
  readonly wish?: (domain: string) => SavedWish;
  /** The guests that `--domain` may mean, where no playbook names them. */
  readonly guests?: (state: HostState) => readonly string[];
  readonly runs: HostRuns;
}

export interface Wishes {
  readonly domains: readonly DesiredDomain[];
  /** Entries that no guest of this host answers to. */
  readonly missing: MatchedHost["missing"];
  readonly met: MatchedHost["met"];
}

export type Observation =
  /** No state where it could not be read: the diagnostics say why. */
  | { readonly state: HostState | undefined; readonly diagnostics: readonly Diagnostic[] }
  | { readonly unreachable: string; readonly diagnostics: readonly Diagnostic[] };

/** A guest's plan on its way to the host. */
export interface Order {
  readonly plan: DomainPlan;
  /** The xl config that the guest is started from. */
  readonly config: string;
  /** What it is for: kept on the host, for whoever goes on with it. */
  readonly wish?: SavedWish;
}

/**
 * Runs on one host. A run lives in a directory of the host's books. Every promise rejects with {@link Unreachable}
 * where the connection failed.
 */
export interface HostRuns {
  /** Sends the program of a guest's plan and starts it, or joins one that is under way for the same wish. */
  submit(order: Order, leave?: AbortSignal): Promise<Submission>;
  /** Directory of a guest's newest run, if it has one. */
  current(domain: string): Promise<string | undefined>;
  /** Hands over journal lines from a line on (1: the first). Resolves when the run has ended, or at `leave`. */
  follow(directory: string, firstLine: number, onLine: (line: string) => void, leave: AbortSignal): Promise<void>;
  /** All lines of a journal; undefined where it can not be read, or is longer than any run's. */
  journal(directory: string): Promise<readonly string[] | undefined>;
  /** Those of all runs of a guest that its host still has, the oldest first; undefined as with one. */
  journals(domain: string): Promise<readonly (readonly string[])[] | undefined>;
  /** The text of the plan that lies beside a run's program; undefined where there is none. */
  savedPlan(directory: string): Promise<string | undefined>;
  /** Takes back what a run that died has left, or finishes it where its commit has happened. What it could not, in words. */
  recover(directory: string): Promise<string | undefined>;
  /** Asks the run to stop at its next safe point. Why it could not be asked, in words. */
  stop(directory: string): Promise<string | undefined>;
}

export type Submission = { readonly notes: readonly string[] } & (
  | { readonly answer: "started" | "attached"; readonly directory: string }
  /** Another run holds the guest, or the program was refused. */
  | { readonly answer: "held"; readonly message: string }
);

/** The host could not be reached, or the connection to it was lost. Expected, and told to the user. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";

  /** @param isUnsent what was to be run there was surely not begun */
  constructor(message: string, readonly isUnsent = false) {
    super(message);
  }
}
