import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { Console } from "./console.js";

/** `interrupted`: Ctrl-C or Ctrl-D instead of an answer. */
export type Answer = "yes" | "no" | "interrupted";

/** Both ends are a terminal: a question can be asked and answered. */
export function canAsk(console: Console): boolean {
  return console.input.isTTY === true && console.errStream.isTTY === true;
}

/**
 * Asks on the terminal; only `y` and `yes` mean yes, so that a careless Enter changes nothing.
 * @throws Error when there is no terminal: ask {@link canAsk} first
 */
export async function confirm(console: Console, question: string): Promise<Answer> {
  const answer = await ask(console, `${question} [y/N] `, console.errStream);
  if (answer === undefined) return "interrupted";
  return /^\s*y(es)?\s*$/i.test(answer) ? "yes" : "no";
}

/** Asks for a secret, without an echo. Undefined: interrupted. */
export async function askSecret(console: Console, question: string): Promise<string | undefined> {
  console.errStream.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => { done(); } });
  const answer = await ask(console, "", silent);
  console.errStream.write("\n");
  return answer;
}

async function ask(console: Console, question: string, output: NodeJS.WritableStream): Promise<string | undefined> {
  if (!canAsk(console)) throw new Error("a question without a terminal");
  const lines = createInterface({ input: console.input, output, terminal: true });
  const leave = new AbortController();
  lines.once("SIGINT", () => { leave.abort(); });
  lines.once("close", () => { leave.abort(); });
  try {
    return await lines.question(question, { signal: leave.signal });
  } catch (error) {
    if (leave.signal.aborted) return undefined;
    throw error;
  } finally {
    lines.close();
  }
}
