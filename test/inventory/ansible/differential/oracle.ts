import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** What ansible is asked about, and converge. */
export interface Question {
  readonly files: Readonly<Record<string, string>>;
  readonly executable?: readonly string[];
  readonly inventory: readonly string[];
  readonly options?: readonly string[];
  readonly patterns?: readonly string[];
  readonly limits?: readonly string[];
}

/** What ansible says (record.py --serve). */
export interface Answer {
  /** The text of `--list`; null where it ended with an error. */
  readonly list: string | null;
  readonly graphVars?: string | null;
  /** A source could not be read, and was left out. */
  readonly unparsed: boolean;
  readonly said: string;
  /** Null where a pattern is refused; `-l PATTERN` for limits. */
  readonly patterns?: Readonly<Record<string, readonly string[] | null>>;
}

/** The real ansible-inventory, loaded once and asked many times. */
export interface Oracle {
  ask(question: Question): Promise<Answer>;
  close(): void;
}

export function startOracle(): Oracle {
  const child = spawn(join(import.meta.dirname, "..", "record.py").replace("/dist/test/", "/test/"), ["--serve"], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(question) {
      child.stdin.write(`${JSON.stringify(question)}\n`);
      const line = await lines.next() as IteratorResult<string, undefined>;
      if (line.value === undefined) throw new Error("record.py --serve has ended");
      return JSON.parse(line.value) as Answer;
    },
    close: () => void child.stdin.end(),
  };
}
