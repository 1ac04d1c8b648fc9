/** What the user asked for by signals: nothing, stop at the next safe point, or leave the run to itself. */
export type Wish = "go on" | "stop" | "detach";

export type SignalName = "SIGINT" | "SIGTERM" | "SIGHUP";

/**
 * The first SIGINT asks the run to stop; a second one, SIGTERM and SIGHUP leave it to itself. Whoever runs something
 * listens; who joins late hears at once what was asked before.
 */
export class Interruption {
  #wish: Wish = "go on";
  #signal: SignalName | undefined;
  readonly #left = new AbortController();
  readonly #listeners = new Set<(wish: Wish) => void>();

  get wish(): Wish {
    return this.#wish;
  }

  /** Aborted with the wish to detach. */
  get left(): AbortSignal {
    return this.#left.signal;
  }

  /** The last signal that came. */
  get signal(): SignalName | undefined {
    return this.#signal;
  }

  /** Takes a signal in. */
  hear(signal: SignalName): void {
    this.#signal = signal;
    this.#wish = signal === "SIGINT" && this.#wish === "go on" ? "stop" : "detach";
    if (this.#wish === "detach") this.#left.abort();
    for (const listener of this.#listeners) listener(this.#wish);
  }

  /** Calls back for each change of the wish, at once if there is one already. The returned function ends that. */
  listen(listener: (wish: Wish) => void): () => void {
    this.#listeners.add(listener);
    if (this.#wish !== "go on") listener(this.#wish);
    return () => void this.#listeners.delete(listener);
  }
}
