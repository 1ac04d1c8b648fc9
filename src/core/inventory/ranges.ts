import { parseAddress } from "./addresses.js";

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const MAX_HOSTS = 65_536;

export type Expanded = { readonly names: readonly string[]; readonly port?: number } | { readonly problem: string };

/**
 * The hosts that a word of an inventory stands for, and the port behind a colon
 * (plugins/inventory/__init__.py, _expand_hostpattern).
 */
export function expandHosts(word: string): Expanded {
  // most are a name and nothing else
  if (!word.includes(":") && !word.includes("[")) return { names: [word] };
  const address = parseAddress(word);
  const expanded = expandRange(address?.host ?? word);
  return "problem" in expanded || address?.port === undefined ? expanded : { ...expanded, port: address.port };
}

/**
 * The hosts that `db[01:10:3]-[a:c]` stands for, as Ansible expands it (expand_hostname_range): both ends belong to it,
 * a leading zero keeps its width, a third number is the step.
 */
export function expandRange(pattern: string): Expanded {
  let names = [""];
  let rest = pattern;
  for (let open = rest.indexOf("["); open !== -1; open = rest.indexOf("[")) {
    const close = rest.indexOf("]", open);
    if (close === -1) return { problem: "'[' is not closed" };
    const sequence = oneRange(rest.slice(open + 1, close));
    if (typeof sequence === "string") return { problem: sequence };
    if (names.length * sequence.length > MAX_HOSTS) return { problem: `stands for more than ${MAX_HOSTS} hosts` };
    const head = rest.slice(0, open);
    names = names.flatMap((name) => sequence.map((step) => name + head + step));
    rest = rest.slice(close + 1);
  }
  return { names: names.map((name) => name + rest) };
}

function oneRange(range: string): string[] | string {
  const bounds = range.split(":");
  if (bounds.length !== 2 && bounds.length !== 3) return "a range is begin:end or begin:end:step";
  const begin = bounds[0] === "" || bounds[0] === undefined ? "0" : bounds[0];
  const end = bounds[1] ?? "";
  const step = bounds[2] === undefined ? 1 : Number(bounds[2]);
  if (end === "") return "a range needs its end";
  if (bounds[2] === "" || !Number.isInteger(step) || step < 1) return "the step of a range is a whole number above 0";
  const [from, to] = [LETTERS.indexOf(begin), LETTERS.indexOf(end)];
  if (from !== -1 && to !== -1) {
    if (from > to) return "a range begins before it ends";
    return Array.from(LETTERS.slice(from, to + 1)).filter((_, i) => i % step === 0);
  }
  const width = begin.startsWith("0") && begin.length > 1 ? begin.length : 0;
  if (width > 0 && width !== end.length) return "with leading zeros, both ends of a range have one width";
  if (!/^\d+$/.test(begin) || !/^\d+$/.test(end)) return `a range is between numbers or letters, not '${range}'`;
  return numbers(Number(begin), Number(end), step, width);
}

function numbers(from: number, to: number, step: number, width: number): string[] | string {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to)) return "a range has numbers below 2^53";
  if (to - from >= MAX_HOSTS * step) return `stands for more than ${MAX_HOSTS} hosts`;
  const names: string[] = [];
  for (let i = from; i <= to; i += step) names.push(String(i).padStart(width, "0"));
  return names;
}
