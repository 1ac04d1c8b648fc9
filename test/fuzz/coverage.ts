import { Session } from "node:inspector";
import type { Profiler } from "node:inspector";

/** Which blocks of converge's own core were run, by V8's precise coverage: no instrumented build is needed. */
export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** How many blocks were run so far. */
  get size(): number {
    return this.#seen.size;
  }

  /** The blocks that were run since the last call. */
  take(): readonly string[] {
    const { result } = this.#post("Profiler.takePreciseCoverage") as Profiler.TakePreciseCoverageReturnType;
    return result.filter(({ url }) => url.includes("/src/core/")).flatMap(({ scriptId, functions }) =>
      functions.flatMap(({ ranges }) => ranges.filter(({ count }) => count > 0).map(({ startOffset, endOffset }) =>
        `${scriptId}:${String(startOffset)}:${String(endOffset)}`)));
  }

  /** Whether something was run that had never been run. */
  isNews(blocks: readonly string[]): boolean {
    return blocks.some((block) => !this.#seen.has(block));
  }

  /** The same; from then on it has. */
  news(blocks: readonly string[]): boolean {
    const before = this.#seen.size;
    for (const block of blocks) this.#seen.add(block);
    return this.#seen.size > before;
  }

  close(): void {
    this.#session.disconnect();
  }

  /** The inspector of the same thread answers before `post` returns. */
  #post(method: string, params?: object): object {
    const answers: object[] = [];
    this.#session.post(method, params, (error, result) => {
      if (error !== null) throw error;
      answers.push(result ?? {});
    });
    const [answer] = answers;
    if (answer === undefined) throw new Error(`${method} was not answered`);
    return answer;
  }
}
