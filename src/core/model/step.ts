import type { Command } from "./command.js";
import type { Goal } from "./goal.js";
import type { Model } from "./model.js";

/**
 * prepare: the guest runs on, nothing of its own is touched. switch: the guest is taken over, bounded in time.
 * settle: what the move leaves for good. finish: what the run needed is taken away.
 */
export type Phase = "prepare" | "switch" | "settle" | "finish";

/** safe: nobody notices. disruptive: a guest is down for it. destructive: data is gone after it. */
export type Risk = "safe" | "disruptive" | "destructive";

/** Plain data: what a saved plan holds. Its kind turns it into commands. */
export interface Step<Kind extends string = string, Args = unknown> {
  readonly node: "step";
  /** Unique in its plan and readable: `xvda1.create-volume`. */
  readonly id: string;
  readonly kind: Kind;
  readonly phase: Phase;
  readonly args: Args;
  /** What it is for, in the user's words. */
  readonly why: string;
}

/**
 * One thing that a step does on the host. What is shown is what runs: `command` is run as it stands, either
 * plainly or by a function of the runtime that watches over it (`verb`, which gets the command after its own
 * arguments). A few things have no command of their own, and say in words what they do; one that writes a file which is nobody's
 * yet has its lines (`writes`). What a verb does on the host beside its command is said, too (`also`).
 */
export type Action =
  | { readonly command: Command; readonly verb?: readonly [string, ...string[]]; readonly also?: string }
  | { readonly verb: readonly [string, ...string[]]; readonly shown: string; readonly writes?: readonly string[] };

/** How to take a step back, and when there is something to take back. */
export interface Undo {
  /** The undo is run when these hold, and skipped when they do not: an undo that is run twice does it once. */
  readonly when: readonly Goal[];
  readonly actions: readonly Action[];
  /** What taking it back does to the model; called only where `when` holds there. */
  readonly effect: (model: Model) => Model;
}

/** One kind of step: all there is to know of it stands in one file. */
export interface StepKind<Kind extends string, Args> {
  readonly kind: Kind;
  readonly risk: Risk | ((args: Args) => Risk);
  /** Every tool that the commands may need: hosts are asked for them, and refused where one is missing. */
  readonly requires: readonly string[];
  /** Those of them that these arguments need; unset: all. */
  needs?(args: Args): readonly string[];
  /** Debian's package of such a tool, where the check missing-tool has none for it yet. */
  readonly packages?: Readonly<Record<string, string>>;
  /** Kernel modules that it can not do without, by the kernel's own names (underscores): as with tools. */
  readonly modules?: readonly string[];
  /** One line for the preview: `Create vg0/web1-root, 2 GiB`. */
  title(args: Args): string;
  actions(args: Args): readonly Action[];
  /**
   * What holds once it is done: the host program looks before and after, and skips what holds already. Empty for
   * what can not be seen on the host (a copy), which is then done each time.
   */
  goals(args: Args): readonly Goal[];
  /**
   * It is done also where its goals hold already, for what it notes on the way: a copy may be quicker than the look at it.
   * Nobody looks before it, then.
   */
  readonly always?: true;
  /** What it makes serves the run only, and no goal says so: it is taken away also when the run ends after the commit. */
  readonly temporary?: true;
  /** What it does to the model. Called only where the goals are pending. */
  effect(args: Args, model: Model): Model;
  undo?(args: Args): Undo | undefined;
  /**
   * Set where the step is the commit, or a part of it: from the moment on at which it is begun there is no way back. The
   * runtime's verb of such a step writes that down (`committing`) before it acts. What is said is how the guest has to
   * be afterwards; undefined where the commit is made in the midst of the step, and the model is not there yet.
   */
  commits?(args: Args, model: Model): "running" | "offline" | undefined;
  /** Whether a step that only looks would end the run in this state of the model, or one that acts must not be planned for it. */
  refuses?(args: Args, model: Model): boolean;
}
